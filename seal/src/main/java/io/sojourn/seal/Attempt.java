// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import org.jspecify.annotations.Nullable;

/** An initiation that waits for its response. */
final class Attempt implements Indexed {
    /** Forged responses cost two scalar multiplications each; after so many the attempt is given up. */
    private static final int RESPONSES_MAX = 8;

    final SealPeer<?> peer;
    final NoiseIk noise;
    final Suite suite;
    final byte[] mac1;
    final @Nullable PresharedKey preshared;
    private final int index;
    private int responses;

    Attempt(SealPeer<?> peer, int index, Suite suite, @Nullable PresharedKey preshared, NoiseIk noise, byte[] mac1) {
        this.peer = peer;
        this.index = index;
        this.suite = suite;
        this.preshared = preshared;
        this.noise = noise;
        this.mac1 = mac1;
    }

    @Override
    public int index() {
        return index;
    }

    boolean mayRead() {
        return responses++ < RESPONSES_MAX;
    }
}
