// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.SplitDatagram;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * First and second halves from one peer, until both are there. The newest {@value #SLOTS} are waited for; what an older one lacks is lost
 * like any packet. Locking: none, forwarder's thread; allocates once, for a peer that splits.
 */
final class Halves {
    private static final int SLOTS = 16;
    private static final int BOTH = 3;

    private final MemorySegment memory = Arena.ofAuto().allocate((long) SLOTS * SplitDatagram.WHOLE_MAX_BYTES, 64);
    private final int[] numbers = new int[SLOTS];
    private final int[] lengths = new int[SLOTS];
    private final int[] there = new int[SLOTS];

    Halves() {
        Arrays.fill(numbers, -1);
    }

    MemorySegment memory() {
        return memory;
    }

    /** Takes a well-formed half; where in {@link #memory} the whole stands, or -1 if the other half is missing. */
    long take(MemorySegment s, long at) {
        int number = SplitDatagram.number(s, at);
        int whole = SplitDatagram.wholeBytes(s, at);
        int half = SplitDatagram.half(s, at);
        int slot = number % SLOTS;
        if (numbers[slot] != number || lengths[slot] != whole) {
            numbers[slot] = number;
            lengths[slot] = whole;
            there[slot] = 0;
        }
        long base = (long) slot * SplitDatagram.WHOLE_MAX_BYTES;
        MemorySegment.copy(
                s,
                at + SplitDatagram.HEADER_BYTES,
                memory,
                base + (half == 0 ? 0 : SplitDatagram.halfBytes(whole, 0)),
                SplitDatagram.halfBytes(whole, half));
        there[slot] |= 1 << half;
        if (there[slot] != BOTH) {
            return -1;
        }
        numbers[slot] = -1;
        return base;
    }
}
