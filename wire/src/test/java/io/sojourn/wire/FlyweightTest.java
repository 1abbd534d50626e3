// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class FlyweightTest {
    private final MemorySegment s = Arena.ofAuto().allocate(64);

    @Test
    void vxlanCarriesNetworkAndEpoch() {
        Vxlan.write(s, 1, Vxlan.VNI_MAX, 0x1_0203_0405L);
        assertThat(Samples.hex(s, 1, 8)).isEqualTo("08030405ffffff00");
        assertThat(Vxlan.vni(s, 1)).isEqualTo(Vxlan.VNI_MAX);
        assertThat(Vxlan.epoch(s, 1)).isEqualTo(0x03_0405);
        assertThat(Vxlan.isVxlan(0x08)).isTrue();
        assertThat(Vxlan.isVxlan(SojournDatagram.MAGIC)).isFalse();
        assertThat(Vxlan.isVxlan(0)).isFalse();
    }

    @Test
    void epochsCompareAcrossTheWrap() {
        assertThat(Vxlan.compareEpochs(5, 4)).isPositive();
        assertThat(Vxlan.compareEpochs(4, 5)).isNegative();
        assertThat(Vxlan.compareEpochs(0x1, 0xFF_FFFF)).isPositive();
        assertThat(Vxlan.compareEpochs(0x7_0000_0003L, 3)).isZero();
    }

    @Test
    void virtioHeaderIsInNativeOrder() {
        VirtioNetHeader.write(s, 2, VirtioNetHeader.NEEDS_CHECKSUM, VirtioNetHeader.GSO_TCPV4, 66, 1448, 34, 16);
        assertThat(VirtioNetHeader.flags(s, 2)).isEqualTo(1);
        assertThat(VirtioNetHeader.gsoType(s, 2)).isEqualTo(1);
        assertThat(VirtioNetHeader.headerLength(s, 2)).isEqualTo(66);
        assertThat(VirtioNetHeader.gsoSize(s, 2)).isEqualTo(1448);
        assertThat(VirtioNetHeader.checksumStart(s, 2)).isEqualTo(34);
        assertThat(VirtioNetHeader.checksumOffset(s, 2)).isEqualTo(16);
    }

    @Test
    void datagramTypes() {
        SojournDatagram.write(s, 0, SojournDatagram.STREAM_ACK);
        assertThat(SojournDatagram.type(s, 0, 2)).isEqualTo(SojournDatagram.STREAM_ACK);
        assertThat(SojournDatagram.type(s, 0, 1)).isEqualTo(SojournDatagram.INVALID);
        SojournDatagram.write(s, 0, 99);
        assertThat(SojournDatagram.type(s, 0, 2)).isEqualTo(SojournDatagram.INVALID);
    }

    @Test
    void dropReasonsHaveStableLabels() {
        assertThat(DropReason.BAD_IP_LENGTH.label()).isEqualTo("bad-ip-length");
        assertThat(Arrays.stream(DropReason.values()).map(DropReason::label))
                .doesNotHaveDuplicates()
                .allMatch(label -> label.matches("[a-z0-9-]+"));
        assertThat(DropReason.NONE.isDrop()).isFalse();
    }
}
