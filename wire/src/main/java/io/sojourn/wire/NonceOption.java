// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * A Destination Options header (RFC 8200 section 4.6) that holds ILNP's Nonce option and nothing else (RFC 6744); {@code at} is
 * the header's first octet. With either size of nonce the header needs no padding.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Next Header  |  Hdr Ext Len  |  Type 0x8B    |  4 or 12      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 Nonce (32 or 96 bits)                         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 *
 * The upper bits of the type (10) have a node that does not know the option discard the packet and say so: that is how one learns that a
 * correspondent has plain IPv6.
 */
public final class NonceOption {
    public static final int TYPE = 0x8B;
    public static final int SHORT_BYTES = 4;
    public static final int LONG_BYTES = 12;
    /** From the header's first octet to the option's type, at which a Parameter Problem points. */
    public static final int OPTION_OFFSET = 2;

    private static final int NONCE_OFFSET = 4;

    private NonceOption() {}

    /** Octets of the whole header; a multiple of 8. */
    public static int headerBytes(int nonceBytes) {
        return NONCE_OFFSET + nonceBytes;
    }

    /**
     * Writes the header.
     *
     * @param nonceBytes 4 or 12
     * @param high the first 32 bits of a long nonce; not looked at for a short one
     * @param low the last 64 bits of a long nonce, or in its lower 32 bits a short one
     */
    public static void write(MemorySegment s, long at, int nextHeader, int nonceBytes, int high, long low) {
        if (nonceBytes != SHORT_BYTES && nonceBytes != LONG_BYTES) {
            throw new IllegalArgumentException(nonceBytes + " octets are no nonce: it has 4 or 12");
        }
        BigEndian.putU8(s, at, nextHeader);
        BigEndian.putU8(s, at + 1, headerBytes(nonceBytes) / 8 - 1);
        BigEndian.putU8(s, at + OPTION_OFFSET, TYPE);
        BigEndian.putU8(s, at + 3, nonceBytes);
        if (nonceBytes == SHORT_BYTES) {
            BigEndian.putU32(s, at + NONCE_OFFSET, low);
        } else {
            BigEndian.putU32(s, at + NONCE_OFFSET, high);
            BigEndian.putU64(s, at + NONCE_OFFSET + 4, low);
        }
    }

    static int high(MemorySegment s, long option, int nonceBytes) {
        return nonceBytes == LONG_BYTES ? BigEndian.i32(s, option + 2) : 0;
    }

    static long low(MemorySegment s, long option, int nonceBytes) {
        return nonceBytes == LONG_BYTES ? BigEndian.u64(s, option + 6) : BigEndian.u32(s, option + 2);
    }
}
