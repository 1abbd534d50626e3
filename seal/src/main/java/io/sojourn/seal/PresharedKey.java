// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.security.MessageDigest;

/**
 * What two ends have from elsewhere, mixed into their handshakes beside what these make themselves (IKpsk2; Noise revision 34, section 9):
 * who comes to know the static keys one day, or can compute discrete logarithms, has not read this session.
 */
public final class PresharedKey {
    public static final int BYTES = NoiseIk.PSK_BYTES;
    /** Of a session that was made without one. */
    public static final int NONE = -1;

    private static final int GENERATION_MAX = 0xFF_FFFF;

    private final int generation;
    final byte[] octets;

    /**
     * @param generation by which the ends name it to each other: 24 bits
     * @throws SealException if it is not of {@link #BYTES} octets
     */
    public PresharedKey(int generation, byte[] octets) {
        if (octets.length != BYTES) {
            throw new SealException("a pre-shared key has " + BYTES + " octets, not " + octets.length);
        }
        this.generation = generation & GENERATION_MAX;
        this.octets = octets.clone();
    }

    public int generation() {
        return generation;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PresharedKey k && generation == k.generation && MessageDigest.isEqual(octets, k.octets);
    }

    @Override
    public int hashCode() {
        return generation;
    }

    /** Without the secret: this may end up in a log. */
    @Override
    public String toString() {
        return "pre-shared key " + generation;
    }
}
