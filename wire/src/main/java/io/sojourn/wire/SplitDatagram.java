// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Half of a datagram that must go in one piece and does not fit the path: an IPv6 packet of up to 1,280 octets, which nobody may ask to be
 * shorter (RFC 8200, section 5), or what was on its way when the path shrank.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   'S' 0x53    |   Type (6)    |            Number             |
 * |   Length of the whole         |  Half (0, 1)  | Reserved (0)  |
 * |     octets of the half ...
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 *
 * The first half has the odd octet. Numbers count per sender and path, modulo 2^16.
 */
public final class SplitDatagram {
    public static final int NUMBER_OFFSET = 2;
    public static final int WHOLE_OFFSET = 4;
    public static final int HALF_OFFSET = 6;
    public static final int HEADER_BYTES = 8;
    /** The longest whole: what a jumbo frame carries. */
    public static final int WHOLE_MAX_BYTES = 9_216;

    private SplitDatagram() {}

    /** Octets of one half of a whole. */
    public static int halfBytes(int wholeBytes, int half) {
        return half == 0 ? (wholeBytes + 1) / 2 : wholeBytes / 2;
    }

    /** Writes a half of {@code whole} at {@code at} of {@code s}; its length, header included. */
    public static int write(
            MemorySegment s, long at, MemorySegment whole, long wholeAt, int wholeBytes, int number, int half) {
        SojournDatagram.write(s, at, SojournDatagram.SPLIT);
        BigEndian.putU16(s, at + NUMBER_OFFSET, number);
        BigEndian.putU16(s, at + WHOLE_OFFSET, wholeBytes);
        BigEndian.putU8(s, at + HALF_OFFSET, half);
        BigEndian.putU8(s, at + HALF_OFFSET + 1, 0);
        int bytes = halfBytes(wholeBytes, half);
        MemorySegment.copy(whole, wholeAt + (half == 0 ? 0 : halfBytes(wholeBytes, 0)), s, at + HEADER_BYTES, bytes);
        return HEADER_BYTES + bytes;
    }

    /** Whether it is what {@link #write} writes. */
    public static boolean isWellFormed(MemorySegment s, long at, int length) {
        return length > HEADER_BYTES
                && half(s, at) <= 1
                && wholeBytes(s, at) <= WHOLE_MAX_BYTES
                && length - HEADER_BYTES == halfBytes(wholeBytes(s, at), half(s, at));
    }

    public static int number(MemorySegment s, long at) {
        return BigEndian.u16(s, at + NUMBER_OFFSET);
    }

    public static int wholeBytes(MemorySegment s, long at) {
        return BigEndian.u16(s, at + WHOLE_OFFSET);
    }

    public static int half(MemorySegment s, long at) {
        return BigEndian.u8(s, at + HALF_OFFSET);
    }
}
