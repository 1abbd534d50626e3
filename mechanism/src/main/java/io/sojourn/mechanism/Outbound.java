// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import java.lang.foreign.MemorySegment;

/** What one route does to its packets on the way out. Immutable; shared by all packets of the route. */
@FunctionalInterface
public interface Outbound {
    /**
     * Makes of the Ethernet frame at {@code frameAt} what goes onto the WAN, in place, using the headroom before it.
     *
     * @return where it now begins; it ends where the frame ended
     */
    long encapsulate(MemorySegment buffer, long frameAt, int frameLength);

    /**
     * The same for frames {@code from} to {@code from + count} of a batch: {@code at} and {@code length} are updated to
     * what goes onto the WAN.
     */
    default void encapsulate(MemorySegment buffer, long[] at, int[] length, int from, int count) {
        for (int i = from; i < from + count; i++) {
            long begin = encapsulate(buffer, at[i], length[i]);
            length[i] += (int) (at[i] - begin);
            at[i] = begin;
        }
    }
}
