// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SplitDatagramTest {
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 1302, 1303, SplitDatagram.WHOLE_MAX_BYTES})
    void twoHalvesAreTheWhole(int bytes) {
        byte[] whole = new byte[bytes];
        new Random(bytes).nextBytes(whole);
        byte[] again = new byte[bytes];
        byte[] datagram = new byte[SplitDatagram.HEADER_BYTES + bytes];
        MemorySegment s = MemorySegment.ofArray(datagram);
        for (int half = 0; half < 2; half++) {
            int length = SplitDatagram.write(s, 0, MemorySegment.ofArray(whole), 0, bytes, 0xFFFE, half);
            assertThat(SojournDatagram.type(s, 0, length)).isEqualTo(SojournDatagram.SPLIT);
            assertThat(SplitDatagram.isWellFormed(s, 0, length)).isTrue();
            assertThat(SplitDatagram.isWellFormed(s, 0, length - 1)).isFalse();
            assertThat(SplitDatagram.number(s, 0)).isEqualTo(0xFFFE);
            assertThat(SplitDatagram.half(s, 0)).isEqualTo(half);
            int at = half == 0 ? 0 : SplitDatagram.halfBytes(bytes, 0);
            MemorySegment.copy(
                    s,
                    ValueLayout.JAVA_BYTE,
                    SplitDatagram.HEADER_BYTES,
                    again,
                    at,
                    length - SplitDatagram.HEADER_BYTES);
        }
        assertThat(again).isEqualTo(whole);
    }

    @Test
    void whatIsNoHalfIsFoundOut() {
        MemorySegment s = MemorySegment.ofArray(new byte[64]);
        int length = SplitDatagram.write(s, 0, MemorySegment.ofArray(new byte[80]), 0, 80, 1, 0);
        assertThat(SplitDatagram.isWellFormed(s, 0, SplitDatagram.HEADER_BYTES)).isFalse();
        BigEndian.putU8(s, SplitDatagram.HALF_OFFSET, 2);
        assertThat(SplitDatagram.isWellFormed(s, 0, length)).isFalse();
        BigEndian.putU8(s, SplitDatagram.HALF_OFFSET, 0);
        BigEndian.putU16(s, SplitDatagram.WHOLE_OFFSET, SplitDatagram.WHOLE_MAX_BYTES + 1);
        assertThat(SplitDatagram.isWellFormed(s, 0, length)).isFalse();
    }
}
