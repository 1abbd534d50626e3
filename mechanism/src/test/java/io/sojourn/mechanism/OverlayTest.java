// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class OverlayTest {
    private final Overlay overlay = new Overlay();
    private final MemorySegment buffer = Arena.ofAuto().allocate(4096);
    private final Inbound inbound = new Inbound();

    @Test
    void writesTheHeaderOfRfc7348BeforeTheFrame() {
        long at = overlay.encapsulate(buffer, 100, 0x123456, 0x7_00AB_CDEFL, false, false);
        assertThat(at).isEqualTo(92);
        byte[] header = buffer.asSlice(at, 8).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        assertThat(HexFormat.of().formatHex(header)).isEqualTo("08abcdef12345600");
    }

    @Test
    void whatGoesInComesOut() {
        int length = ArpFrames.gratuitous(buffer, 100, 0x5254_0012_3456L, 0x0A0A_0105);
        long at = overlay.encapsulate(buffer, 100, 7001, 42, true, true);
        int onWire = length + overlay.headroomBytes();

        assertThat(overlay.decapsulate(buffer, at, onWire, inbound)).isEqualTo(DropReason.NONE);
        assertThat(inbound.frameAt()).isEqualTo(100);
        assertThat(inbound.frameLength()).isEqualTo(length);
        assertThat(inbound.vni()).isEqualTo(7001);
        assertThat(inbound.epoch()).isEqualTo(42);
        assertThat(inbound.isPartialChecksum()).isTrue();
        assertThat(inbound.isPassedOn()).isTrue();
        overlay.encapsulate(buffer, 100, 7001, 42, true, false);
        overlay.decapsulate(buffer, at, onWire, inbound);
        assertThat(inbound.isPassedOn()).isFalse();
        ParsedFrame parsed = new ParsedFrame();
        assertThat(parsed.parse(buffer, inbound.frameAt(), inbound.frameLength()))
                .isEqualTo(DropReason.NONE);
        assertThat(parsed.isGratuitous()).isTrue();
    }

    @Test
    void dropsWhatIsNotVxlan() {
        assertThat(overlay.decapsulate(buffer, 0, 21, inbound)).isEqualTo(DropReason.TOO_SHORT);
        buffer.fill((byte) 0);
        assertThat(overlay.decapsulate(buffer, 0, 60, inbound)).isEqualTo(DropReason.BAD_VXLAN);
        assertThat(overlay.accepts(0x53)).isFalse();
        assertThat(overlay.accepts(0x08)).isTrue();
    }

    @Test
    void addsFiftyOctetsOverIpv4AndSeventyOverIpv6() {
        assertThat(overlay.addedBytes(false)).isEqualTo(50);
        assertThat(overlay.addedBytes(true)).isEqualTo(70);
    }
}
