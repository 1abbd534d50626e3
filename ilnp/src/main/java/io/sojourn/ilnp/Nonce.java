// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.wire.NonceOption;

/**
 * What a correspondent proves with that it is who it was (RFC 6744): 32 or 96 random bits, one for each direction.
 *
 * @param bytes 4 or 12
 * @param high the first 32 bits of a long one, 0 for a short one
 * @param low the last 64 bits of a long one; a short one is in the lower 32
 */
public record Nonce(int bytes, int high, long low) {
    public Nonce {
        boolean isShort = bytes == NonceOption.SHORT_BYTES && high == 0 && low >>> 32 == 0;
        if (!isShort && bytes != NonceOption.LONG_BYTES) {
            throw new IllegalArgumentException(bytes + " octets, or more bits than those: no nonce");
        }
    }

    public static Nonce ofShort(int bits) {
        return new Nonce(NonceOption.SHORT_BYTES, 0, bits & 0xFFFF_FFFFL);
    }

    public static Nonce ofLong(int high, long low) {
        return new Nonce(NonceOption.LONG_BYTES, high, low);
    }

    boolean is(int itsBytes, int itsHigh, long itsLow) {
        return bytes == itsBytes && high == itsHigh && low == itsLow;
    }

    /** Never the value: whoever reads it can speak for the node. */
    @Override
    public String toString() {
        return "nonce of " + 8 * bytes + " bits";
    }
}
