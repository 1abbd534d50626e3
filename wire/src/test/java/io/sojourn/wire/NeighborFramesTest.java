// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** ARP and Neighbor Discovery frames against what the Linux kernel sends. */
class NeighborFramesTest {
    private static final long A = 0x5254_0000_000AL;
    private static final long B = 0x5254_0000_000BL;
    private static final long PREFIX = 0xFD10_0010_0001_0000L;

    private final MemorySegment out = Arena.ofAuto().allocate(200);
    private final ParsedFrame parsed = new ParsedFrame();

    private String padded(String name) {
        String text = HexFormat.of().formatHex(Samples.frame(name));
        return text + "00".repeat(Math.max(0, 60 - text.length() / 2));
    }

    @Test
    void arpIsAsLinuxSendsIt() {
        out.fill((byte) 0xEE);
        int length = ArpFrames.request(out, 3, A, 0x0A0A_0105, 0x0A0A_0106);
        assertThat(Samples.hex(out, 3, length)).isEqualTo(padded("arp-request"));
        length = ArpFrames.reply(out, 3, B, 0x0A0A_0106, A, 0x0A0A_0105);
        assertThat(Samples.hex(out, 3, length)).isEqualTo(padded("arp-reply"));
        length = ArpFrames.reverseAnnouncement(out, 3, 0x5254_0012_3456L);
        assertThat(Samples.hex(out, 3, length)).isEqualTo(padded("rarp-announce"));
    }

    @Test
    void gratuitousArpIsRecognised() {
        int length = ArpFrames.gratuitous(out, 0, A, 0x0A0A_0105);
        assertThat(parsed.parse(out, 0, length)).isEqualTo(DropReason.NONE);
        assertThat(parsed.isGratuitous()).isTrue();
        assertThat(parsed.isArpRequest()).isTrue();
    }

    @Test
    void neighborDiscoveryIsAsLinuxSendsIt() {
        int length = NdFrames.solicitation(out, 5, A, PREFIX, 5, PREFIX, 6);
        assertThat(Samples.hex(out, 5, length)).isEqualTo(padded("neighbor-solicitation"));
        length = NdFrames.advertisement(
                out,
                5,
                A,
                B,
                PREFIX,
                6,
                PREFIX,
                5,
                PREFIX,
                6,
                NeighborDiscovery.SOLICITED | NeighborDiscovery.OVERRIDE);
        assertThat(Samples.hex(out, 5, length)).isEqualTo(padded("neighbor-advertisement"));
    }

    @Test
    void unsolicitedAdvertisementGoesToAllNodesAndIsNotSolicited() {
        int length = NdFrames.unsolicited(out, 0, B, PREFIX, 6, 0xFF);
        assertThat(parsed.parse(out, 0, length)).isEqualTo(DropReason.NONE);
        assertThat(parsed.isGratuitous()).isTrue();
        assertThat(parsed.destinationMac()).isEqualTo(0x3333_0000_0001L);
        assertThat(parsed.ndFlags() & NeighborDiscovery.SOLICITED).isZero();
        assertThat(parsed.ndFlags() & NeighborDiscovery.OVERRIDE).isNotZero();
        assertThat(parsed.ndLinkLayer()).isEqualTo(B);
    }
}
