// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import org.jspecify.annotations.Nullable;

/** What each receiver's index of ours stands for: a place in an array, and random bits so that old indices are not met again soon. */
final class SessionTable {
    private static final int PLACE_BITS = 14;
    private static final int PLACES = 1 << PLACE_BITS;
    private static final int PLACE_MASK = PLACES - 1;
    private static final int INDEX_MASK = 0xFF_FFFF;

    private final @Nullable Indexed[] places = new @Nullable Indexed[PLACES];
    private final Entropy entropy;
    private int hand;

    SessionTable(Entropy entropy) {
        this.entropy = entropy;
    }

    /** A free index, never 0; -1 when there is none: thousands of peers. */
    int free() {
        for (int tried = 0; tried < PLACES; tried++) {
            hand = hand + 1 & PLACE_MASK;
            if (hand != 0 && places[hand] == null) {
                byte[] random = entropy.bytes(2);
                return ((random[0] << 8 | random[1] & 0xFF) << PLACE_BITS | hand) & INDEX_MASK;
            }
        }
        return -1;
    }

    void put(Indexed it) {
        places[it.index() & PLACE_MASK] = it;
    }

    @Nullable
    Indexed get(int index) {
        Indexed it = places[index & PLACE_MASK];
        return it != null && it.index() == index ? it : null;
    }

    void remove(@Nullable Indexed it) {
        if (it != null && places[it.index() & PLACE_MASK] == it) {
            places[it.index() & PLACE_MASK] = null;
        }
    }
}
