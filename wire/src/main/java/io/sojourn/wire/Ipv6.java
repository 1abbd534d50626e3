// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * IPv6 header (RFC 8200 section 3).
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version| Traffic Class |           Flow Label                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Payload Length        |  Next Header  |   Hop Limit   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Source Address (128 bits)                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 Destination Address (128 bits)                |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Ipv6 {
    public static final int PAYLOAD_LENGTH_OFFSET = 4;
    public static final int NEXT_HEADER_OFFSET = 6;
    public static final int HOP_LIMIT_OFFSET = 7;
    public static final int SOURCE_OFFSET = 8;
    public static final int DESTINATION_OFFSET = 24;
    public static final int HEADER_BYTES = 40;
    /** RFC 8200 section 4.5. */
    public static final int FRAGMENT_HEADER_BYTES = 8;
    /** RFC 8200 section 5: every link carries this much. */
    public static final int MTU_MINIMUM_BYTES = 1280;

    /** Our bound on the chain of extension headers; RFC 8504 section 5.3 allows a limit. */
    public static final int EXTENSION_HEADERS_MAX = 8;

    private Ipv6() {}

    public static int version(MemorySegment s, long at) {
        return BigEndian.u8(s, at) >>> 4;
    }

    public static int trafficClass(MemorySegment s, long at) {
        return BigEndian.u16(s, at) >>> 4 & 0xFF;
    }

    public static int flowLabel(MemorySegment s, long at) {
        return BigEndian.i32(s, at) & 0xF_FFFF;
    }

    public static int payloadLength(MemorySegment s, long at) {
        return BigEndian.u16(s, at + PAYLOAD_LENGTH_OFFSET);
    }

    public static int nextHeader(MemorySegment s, long at) {
        return BigEndian.u8(s, at + NEXT_HEADER_OFFSET);
    }

    public static int hopLimit(MemorySegment s, long at) {
        return BigEndian.u8(s, at + HOP_LIMIT_OFFSET);
    }

    public static long sourceHigh(MemorySegment s, long at) {
        return BigEndian.u64(s, at + SOURCE_OFFSET);
    }

    public static long sourceLow(MemorySegment s, long at) {
        return BigEndian.u64(s, at + SOURCE_OFFSET + 8);
    }

    public static long destinationHigh(MemorySegment s, long at) {
        return BigEndian.u64(s, at + DESTINATION_OFFSET);
    }

    public static long destinationLow(MemorySegment s, long at) {
        return BigEndian.u64(s, at + DESTINATION_OFFSET + 8);
    }

    /** Writes all 40 octets; traffic class as given, flow label 0. */
    public static void write(
            MemorySegment s,
            long at,
            int trafficClass,
            int payloadLength,
            int nextHeader,
            int hopLimit,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow) {
        BigEndian.putU32(s, at, 6L << 28 | (long) (trafficClass & 0xFF) << 20);
        BigEndian.putU16(s, at + PAYLOAD_LENGTH_OFFSET, payloadLength);
        BigEndian.putU8(s, at + NEXT_HEADER_OFFSET, nextHeader);
        BigEndian.putU8(s, at + HOP_LIMIT_OFFSET, hopLimit);
        BigEndian.putU64(s, at + SOURCE_OFFSET, sourceHigh);
        BigEndian.putU64(s, at + SOURCE_OFFSET + 8, sourceLow);
        BigEndian.putU64(s, at + DESTINATION_OFFSET, destinationHigh);
        BigEndian.putU64(s, at + DESTINATION_OFFSET + 8, destinationLow);
    }

    /** True for headers that may stand before the upper layer and have the common length field. */
    public static boolean isExtensionHeader(int nextHeader) {
        return switch (nextHeader) {
            case IpProtocol.HOP_BY_HOP,
                    IpProtocol.ROUTING,
                    IpProtocol.FRAGMENT,
                    IpProtocol.AUTHENTICATION,
                    IpProtocol.DESTINATION_OPTIONS,
                    IpProtocol.MOBILITY,
                    IpProtocol.HOST_IDENTITY,
                    IpProtocol.SHIM6 -> true;
            default -> false;
        };
    }

    /** Octets of the extension header at {@code at}, at least 8; reads its first two octets. */
    public static int extensionHeaderLength(int header, MemorySegment s, long at) {
        return switch (header) {
            case IpProtocol.FRAGMENT -> FRAGMENT_HEADER_BYTES;
            case IpProtocol.AUTHENTICATION -> BigEndian.u8(s, at + 1) + 2 << 2; // RFC 4302 section 2.2: units of 4
            default -> BigEndian.u8(s, at + 1) + 1 << 3;
        };
    }

    /** ff00::/8 (RFC 4291 section 2.7). */
    public static boolean isMulticast(long high) {
        return high >>> 56 == 0xFF;
    }

    /** fe80::/10. */
    public static boolean isLinkLocal(long high) {
        return high >>> 54 == 0x3FA;
    }
}
