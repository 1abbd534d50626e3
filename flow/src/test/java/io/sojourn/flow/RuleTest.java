// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.IpProtocol;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RuleTest {
    private static FlowKey key(int protocol, int localPort, String remote, int remotePort) {
        IpAddress r = IpAddress.parse(remote);
        return new FlowKey().set(1, r.isV6(), protocol, 0, 1, localPort, r.high(), r.low(), remotePort);
    }

    private static RuleSet rules(String... lines) {
        return new RuleSet(Stream.of(lines).map(Rule::parse).toList());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "in allow tcp from 198.51.100.0/24 port 443",
                "out deny any to ::/0",
                "in deny any",
                "in allow udp port 1000-2000",
                "out allow icmp6 to 2001:db8::/32",
                "in deny 47 from 10.0.0.0/8"
            })
    void readsWhatItWrites(String text) {
        assertThat(Rule.parse(text)).hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "in",
                "in allow",
                "allow in tcp",
                "in allow tcp to 10.0.0.0/8",
                "out deny icmp port 3",
                "in deny tcp port 9-3",
                "in deny tcp port 70000",
                "in deny tcp from nobody",
                "in deny foo",
                "in deny any port 80 from"
            })
    void refusesTheRestInOneLine(String text) {
        assertThatThrownBy(() -> Rule.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void theFirstThatFitsDecidesAndWhatNoneFitsMay() {
        RuleSet rules =
                rules("in allow tcp from 198.51.100.0/25 port 443", "in deny tcp", "out deny udp to ::/0 port 53");
        assertThat(rules.allows(key(IpProtocol.TCP, 443, "198.51.100.127", 9), true))
                .isTrue();
        assertThat(rules.allows(key(IpProtocol.TCP, 443, "198.51.100.128", 9), true))
                .isFalse();
        assertThat(rules.allows(key(IpProtocol.TCP, 80, "198.51.100.1", 9), true))
                .isFalse();
        assertThat(rules.allows(key(IpProtocol.TCP, 80, "198.51.100.1", 9), false))
                .isTrue();
        assertThat(rules.allows(key(IpProtocol.UDP, 80, "198.51.100.1", 53), false))
                .isTrue();
        assertThat(rules.allows(key(IpProtocol.UDP, 80, "2001:db8::1", 53), false))
                .isFalse();
        assertThat(new RuleSet(List.of()).allows(key(IpProtocol.TCP, 1, "10.0.0.1", 1), true))
                .isTrue();
    }
}
