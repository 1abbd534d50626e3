// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PeerAddressTest {
    @Test
    void holdsIpv4AsMappedAndGivesItBack() {
        PeerAddress peer = PeerAddress.of(new InetSocketAddress("100.64.1.2", 7400));
        assertThat(peer.high()).isZero();
        assertThat(peer.low()).isEqualTo(0x0000_ffff_6440_0102L);
        assertThat(peer.isIpv4()).isTrue();
        assertThat(peer.toSocketAddress()).isEqualTo(new InetSocketAddress("100.64.1.2", 7400));
    }

    @Test
    void holdsIpv6AndGivesItBack() {
        InetSocketAddress address = new InetSocketAddress("fd64:1::a:b", 65535);
        PeerAddress peer = PeerAddress.of(address);
        assertThat(peer.high()).isEqualTo(0xfd64_0001_0000_0000L);
        assertThat(peer.low()).isEqualTo(0x0000_0000_000a_000bL);
        assertThat(peer.isIpv4()).isFalse();
        assertThat(peer.toSocketAddress()).isEqualTo(address);
    }

    @Test
    void neighbouringPeersHaveDifferentKeys() {
        Set<Long> keys = new HashSet<>();
        for (int host = 0; host < 256; host++) {
            for (int port = 7400; port < 7500; port++) {
                keys.add(PeerAddress.of(new InetSocketAddress("10.0.0." + host, port))
                        .key());
            }
        }
        assertThat(keys).hasSize(25_600);
    }

    @Test
    void refusesANameThatWasNotResolved() {
        assertThatThrownBy(() -> PeerAddress.of(InetSocketAddress.createUnresolved("nowhere.invalid", 1)))
                .hasMessageContaining("not resolved");
    }
}
