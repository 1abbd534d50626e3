// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IdentityTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "0.0.0.0",
                "10.10.1.10",
                "255.255.255.255",
                "::",
                "::1",
                "fd10:1::10",
                "2001:db8::1:0:0:1",
                "2001:db8:0:1:1:1:1:1",
                "fe80::1"
            })
    void anAddressKeepsItsCanonicalTextForm(String text) {
        assertThat(IpAddress.parse(text)).hasToString(text);
        assertThat(IpAddress.of(IpAddress.parse(text).toBytes())).isEqualTo(IpAddress.parse(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "host", "10.1", "256.1.1.1", "10.1.1.1.1", "1:2", ":::", "fe80::1%eth0x"})
    void whatIsNoAddressIsRefusedWithoutAskingAResolver(String text) {
        assertThatThrownBy(() -> IpAddress.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aPrefixHoldsItsAddressesAndNoOthers() {
        IpPrefix v4 = IpPrefix.parse("10.10.1.0/24");
        assertThat(v4.contains(IpAddress.parse("10.10.1.255"))).isTrue();
        assertThat(v4.contains(IpAddress.parse("10.10.2.0"))).isFalse();
        IpPrefix v6 = IpPrefix.parse("fd10:1::/64");
        assertThat(v6.contains(IpAddress.parse("fd10:1::ffff"))).isTrue();
        assertThat(v6.contains(IpAddress.parse("fd10:1:0:1::1"))).isFalse();
        assertThat(IpPrefix.parse("0.0.0.0/0").contains(IpAddress.parse("9.9.9.9")))
                .isTrue();
        assertThat(IpPrefix.parse("::/0").contains(IpAddress.parse("9.9.9.9"))).isFalse();
        assertThat(v4.overlaps(IpPrefix.parse("10.10.0.0/16"))).isTrue();
        assertThat(v4.overlaps(IpPrefix.parse("10.11.0.0/16"))).isFalse();
    }

    @Test
    void hostBitsInAPrefixAreAMistakeWorthASuggestion() {
        assertThatThrownBy(() -> IpPrefix.parse("10.10.1.7/24")).hasMessageContaining("did you mean 10.10.1.0/24?");
    }

    @Test
    void linkScopedAddressesNeverCrossAGateway() {
        assertThat(IpAddress.parse("224.0.0.1").isLinkScoped()).isTrue();
        assertThat(IpAddress.parse("169.254.1.1").isLinkScoped()).isTrue();
        assertThat(IpAddress.parse("fe80::1").isLinkScoped()).isTrue();
        assertThat(IpAddress.parse("ff02::1").isLinkScoped()).isTrue();
        assertThat(IpAddress.parse("10.0.0.1").isLinkScoped()).isFalse();
        assertThat(IpAddress.parse("fd00::1").isLinkScoped()).isFalse();
    }

    @Test
    void aMacAddressReadsAndPrints() {
        assertThat(MacAddress.parse("52:54:00:12:34:56")).hasToString("52:54:00:12:34:56");
        assertThat(MacAddress.BROADCAST.isGroup()).isTrue();
        assertThatThrownBy(() -> MacAddress.parse("52:54")).hasMessageContaining("52:54:00:12:34:56");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-a", "a-", "Web1", "a b", "a/b", "../x"})
    void aNameThatIsNoLabelIsRefused(String name) {
        assertThatThrownBy(() -> new VmId(name)).isInstanceOf(IllegalArgumentException.class);
    }
}
