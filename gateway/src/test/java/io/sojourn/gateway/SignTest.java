// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.NdFrames;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class SignTest {
    private static final long MAC = 0x525400100_10aL;
    private static final IpAddress V4 = IpAddress.parse("10.10.1.10");
    private static final IpAddress V6 = IpAddress.parse("fd10:10:1::10");
    private final VmEntry.Nic nic = new VmEntry.Nic(MAC, new VirtualNetwork("blue", 1, 1500), List.of(V4, V6), "");
    private final MemorySegment s = Arena.ofAuto().allocate(256);
    private final ParsedFrame f = new ParsedFrame();

    private Sign sign(int length) {
        assertThat(f.parse(s, 0, length).isDrop()).isFalse();
        return Sign.of(f, nic);
    }

    @Test
    void a_gratuitous_arp_for_its_own_address_announces_the_vm() {
        assertThat(sign(ArpFrames.gratuitous(s, 0, MAC, V4.low()))).isEqualTo(Sign.ANNOUNCED);
    }

    @Test
    void the_registered_mac_with_another_address_has_no_right_to_anything() {
        assertThat(sign(ArpFrames.gratuitous(s, 0, MAC, V4.low() + 1))).isEqualTo(Sign.FOREIGN);
        assertThat(sign(NdFrames.unsolicited(s, 0, MAC, V6.high(), V6.low() + 1, NeighborDiscovery.OVERRIDE)))
                .isEqualTo(Sign.FOREIGN);
    }

    @Test
    void an_unsolicited_advertisement_announces_the_vm() {
        assertThat(sign(NdFrames.unsolicited(s, 0, MAC, V6.high(), V6.low(), NeighborDiscovery.OVERRIDE)))
                .isEqualTo(Sign.ANNOUNCED);
    }

    @Test
    void a_question_of_its_own_shows_that_it_runs() {
        assertThat(sign(ArpFrames.request(s, 0, MAC, V4.low(), V4.low() + 10))).isEqualTo(Sign.SPOKE);
    }

    @Test
    void what_it_says_of_its_link_local_address_says_nothing() {
        assertThat(sign(NdFrames.unsolicited(s, 0, MAC, 0xfe80L << 48, 1, NeighborDiscovery.OVERRIDE)))
                .isEqualTo(Sign.NONE);
        assertThat(sign(ArpFrames.request(s, 0, MAC, 0, V4.low()))).isEqualTo(Sign.NONE);
    }

    @Test
    void rarp_comes_from_a_hypervisor_whose_guest_may_not_run_yet() {
        int length = ArpFrames.gratuitous(s, 0, MAC, 0);
        s.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 12, (byte) 0x80); // RFC 903: EtherType 0x8035
        s.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 13, (byte) 0x35);
        s.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 21, (byte) 3);
        assertThat(Ethernet.source(s, 0)).isEqualTo(MAC);
        assertThat(sign(length)).isEqualTo(Sign.ARRIVED);
    }
}
