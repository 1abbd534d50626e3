// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * UDP header (RFC 768).
 *
 * <pre>
 *  0      7 8     15 16    23 24    31
 * +--------+--------+--------+--------+
 * |   Source Port   | Destination Port|
 * |     Length      |    Checksum     |
 * +--------+--------+--------+--------+
 * </pre>
 */
public final class Udp {
    public static final int SOURCE_PORT_OFFSET = 0;
    public static final int DESTINATION_PORT_OFFSET = 2;
    public static final int LENGTH_OFFSET = 4;
    /** 0 in IPv4: the sender computed none. */
    public static final int CHECKSUM_OFFSET = 6;

    public static final int HEADER_BYTES = 8;

    private Udp() {}

    public static int sourcePort(MemorySegment s, long at) {
        return BigEndian.u16(s, at + SOURCE_PORT_OFFSET);
    }

    public static int destinationPort(MemorySegment s, long at) {
        return BigEndian.u16(s, at + DESTINATION_PORT_OFFSET);
    }

    public static int length(MemorySegment s, long at) {
        return BigEndian.u16(s, at + LENGTH_OFFSET);
    }

    public static int checksum(MemorySegment s, long at) {
        return BigEndian.u16(s, at + CHECKSUM_OFFSET);
    }
}
