// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Ethernet II header (RFC 894), without preamble and frame check sequence.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      Destination Address                      |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+         Source Address        +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           EtherType           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Ethernet {
    public static final int DESTINATION_OFFSET = 0;
    public static final int SOURCE_OFFSET = 6;
    public static final int TYPE_OFFSET = 12;
    public static final int HEADER_BYTES = 14;
    /** The shortest frame without its frame check sequence; our builders pad to it. */
    public static final int MINIMUM_BYTES = 60;

    public static final long BROADCAST = 0xFFFF_FFFF_FFFFL;
    private static final long GROUP_BIT = 0x0100_0000_0000L;

    private Ethernet() {}

    public static long destination(MemorySegment s, long at) {
        return BigEndian.u48(s, at + DESTINATION_OFFSET);
    }

    public static long source(MemorySegment s, long at) {
        return BigEndian.u48(s, at + SOURCE_OFFSET);
    }

    public static int type(MemorySegment s, long at) {
        return BigEndian.u16(s, at + TYPE_OFFSET);
    }

    public static void putDestination(MemorySegment s, long at, long mac) {
        BigEndian.putU48(s, at + DESTINATION_OFFSET, mac);
    }

    public static void putSource(MemorySegment s, long at, long mac) {
        BigEndian.putU48(s, at + SOURCE_OFFSET, mac);
    }

    /** Writes the whole header. */
    public static void write(MemorySegment s, long at, long destination, long source, int type) {
        putDestination(s, at, destination);
        putSource(s, at, source);
        BigEndian.putU16(s, at + TYPE_OFFSET, type);
    }

    /** True for multicast and broadcast addresses. */
    public static boolean isGroup(long mac) {
        return (mac & GROUP_BIT) != 0;
    }

    /** Zeroes from the end of a short frame up to the minimum size; returns the size of the frame on the wire. */
    static int pad(MemorySegment s, long at, int length) {
        if (length >= MINIMUM_BYTES) {
            return length;
        }
        for (int i = length; i < MINIMUM_BYTES; i++) {
            BigEndian.putU8(s, at + i, 0);
        }
        return MINIMUM_BYTES;
    }
}
