// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.SplitDatagram;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class HalvesTest {
    private final Halves halves = new Halves();

    private long take(byte[] whole, int number, int half) {
        MemorySegment s = MemorySegment.ofArray(new byte[whole.length + SplitDatagram.HEADER_BYTES]);
        SplitDatagram.write(s, 0, MemorySegment.ofArray(whole), 0, whole.length, number, half);
        return halves.take(s, 0);
    }

    private byte[] at(long at, int length) {
        return halves.memory().asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
    }

    private static byte[] text(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }

    @Test
    void inAnyOrderAndAmongOthersTheWholeIsThereWithItsSecondHalf() {
        byte[] a = text("abcdefg");
        byte[] b = text("12345678");
        assertThat(take(a, 1, 1)).isNegative();
        assertThat(take(b, 2, 0)).isNegative();
        long found = take(a, 1, 0);
        assertThat(at(found, a.length)).isEqualTo(a);
        assertThat(at(take(b, 2, 1), b.length)).isEqualTo(b);
    }

    @Test
    void theSameHalfTwiceIsNoWholeAndALaterNumberTakesThePlace() {
        byte[] a = text("abcdef");
        assertThat(take(a, 3, 0)).isNegative();
        assertThat(take(a, 3, 0)).isNegative();
        assertThat(take(a, 3 + 16, 1)).isNegative();
        assertThat(take(a, 3, 1)).as("its first half has been forgotten").isNegative();
    }

    @Test
    void halvesOfDifferentLengthsAreNotJoined() {
        assertThat(take(text("abcdef"), 5, 0)).isNegative();
        assertThat(take(text("abcdefgh"), 5, 1)).isNegative();
    }
}
