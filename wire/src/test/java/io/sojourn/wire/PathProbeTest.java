// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class PathProbeTest {
    private final MemorySegment s = Arena.ofAuto().allocate(4096);
    private final PathProbe ours = new PathProbe(new byte[] {1, 2, 3});
    private final PathProbe theirs = new PathProbe(new byte[] {1, 2, 3});

    @Test
    void aProbeAndItsReply() {
        int length = ours.writeProbe(s, 8, PathProbe.FLAG_PAD_REPLY, 0xFFFF_FFFFL, 77, 1_000, 1400);
        assertThat(length).isEqualTo(1400);
        assertThat(SojournDatagram.type(s, 8, length)).isEqualTo(SojournDatagram.PATH_PROBE);
        assertThat(theirs.check(s, 8, length)).isEqualTo(DropReason.NONE);

        int reply = theirs.writeReply(s, 2000, s, 8, length, 88, 5_600, 5_650);
        assertThat(reply).isEqualTo(1400);
        assertThat(ours.check(s, 2000, reply)).isEqualTo(DropReason.NONE);
        assertThat(SojournDatagram.type(s, 2000, reply)).isEqualTo(SojournDatagram.PATH_PROBE_REPLY);
        assertThat(PathProbe.sequence(s, 2000)).isEqualTo(0xFFFF_FFFFL);
        assertThat(PathProbe.sender(s, 2000)).isEqualTo(88);
        assertThat(PathProbe.size(s, 2000)).isEqualTo(1400);
        // 500 us each way, their clock 4,100 us ahead.
        assertThat(PathProbe.roundTripUs(s, 2000, 2_050)).isEqualTo(1_000);
        assertThat(PathProbe.clockOffsetUs(s, 2000, 2_050)).isEqualTo(4_100);
    }

    @Test
    void aReplyIsShortUnlessAskedToBeLong() {
        int length = ours.writeProbe(s, 0, 0, 1, 77, 1_000, 1400);
        assertThat(theirs.writeReply(s, 2000, s, 0, length, 88, 1, 2)).isEqualTo(PathProbe.BYTES);
    }

    @Test
    void everyAuthenticatedBitCounts() {
        int length = ours.writeProbe(s, 0, 0, 1, 77, 1_000, 0);
        assertThat(length).isEqualTo(PathProbe.BYTES);
        for (int bit = 0; bit < PathProbe.BYTES * 8; bit++) {
            byte old = s.get(java.lang.foreign.ValueLayout.JAVA_BYTE, bit / 8);
            BigEndian.putU8(s, bit / 8, old ^ 1 << bit % 8);
            assertThat(theirs.check(s, 0, length)).as("bit %d", bit).isNotEqualTo(DropReason.NONE);
            BigEndian.putU8(s, bit / 8, old);
        }
        assertThat(theirs.check(s, 0, length)).isEqualTo(DropReason.NONE);
    }

    @Test
    void refusesTheWrongKeyAndTheWrongSize() {
        int length = ours.writeProbe(s, 0, 0, 1, 77, 1_000, 500);
        assertThat(new PathProbe(new byte[] {9}).check(s, 0, length)).isEqualTo(DropReason.UNAUTHENTICATED);
        assertThat(theirs.check(s, 0, 499)).isEqualTo(DropReason.MALFORMED_CONTROL);
        assertThat(theirs.check(s, 0, 59)).isEqualTo(DropReason.MALFORMED_CONTROL);
    }

    /** The layout is a contract between versions: this is the first 44 octets. */
    @Test
    void layoutIsFixed() {
        ours.writeProbe(s, 0, 1, 2, 3, 4, 100);
        assertThat(Samples.hex(s, 0, PathProbe.TAG_OFFSET))
                .isEqualTo("53040101" + "00000002" + "0000000000000003" + "0000000000000004" + "00".repeat(16)
                        + "00640000");
    }
}
