// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * IPv4 header (RFC 791 section 3.1).
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |Version|  IHL  |Type of Service|          Total Length         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |         Identification        |Flags|      Fragment Offset    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Time to Live |    Protocol   |         Header Checksum       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                       Source Address                          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Destination Address                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    Options                    |    Padding    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Ipv4 {
    public static final int VERSION_IHL_OFFSET = 0;
    public static final int TOS_OFFSET = 1;
    public static final int TOTAL_LENGTH_OFFSET = 2;
    public static final int IDENTIFICATION_OFFSET = 4;
    public static final int FRAGMENT_OFFSET = 6;
    public static final int TTL_OFFSET = 8;
    public static final int PROTOCOL_OFFSET = 9;
    public static final int CHECKSUM_OFFSET = 10;
    public static final int SOURCE_OFFSET = 12;
    public static final int DESTINATION_OFFSET = 16;
    /** The header without options. */
    public static final int HEADER_BYTES = 20;

    public static final int HEADER_MAX_BYTES = 60;

    public static final int DONT_FRAGMENT = 0x4000;
    public static final int MORE_FRAGMENTS = 0x2000;
    /** Offset of this fragment in units of 8 octets. */
    public static final int FRAGMENT_OFFSET_MASK = 0x1FFF;

    /** Every host accepts a datagram of this size (RFC 791), and no link may have a smaller MTU than 68. */
    public static final int REASSEMBLY_MINIMUM_BYTES = 576;

    public static final int MTU_MINIMUM_BYTES = 68;

    private Ipv4() {}

    public static int version(MemorySegment s, long at) {
        return BigEndian.u8(s, at) >>> 4;
    }

    /** IHL in octets, options included. */
    public static int headerLength(MemorySegment s, long at) {
        return (BigEndian.u8(s, at) & 0xF) << 2;
    }

    public static int tos(MemorySegment s, long at) {
        return BigEndian.u8(s, at + TOS_OFFSET);
    }

    public static int totalLength(MemorySegment s, long at) {
        return BigEndian.u16(s, at + TOTAL_LENGTH_OFFSET);
    }

    public static int identification(MemorySegment s, long at) {
        return BigEndian.u16(s, at + IDENTIFICATION_OFFSET);
    }

    /** The 16 bits of flags and fragment offset. */
    public static int fragmentField(MemorySegment s, long at) {
        return BigEndian.u16(s, at + FRAGMENT_OFFSET);
    }

    public static boolean dontFragment(MemorySegment s, long at) {
        return (fragmentField(s, at) & DONT_FRAGMENT) != 0;
    }

    public static boolean moreFragments(MemorySegment s, long at) {
        return (fragmentField(s, at) & MORE_FRAGMENTS) != 0;
    }

    /** In octets. */
    public static int fragmentOffset(MemorySegment s, long at) {
        return (fragmentField(s, at) & FRAGMENT_OFFSET_MASK) << 3;
    }

    public static int ttl(MemorySegment s, long at) {
        return BigEndian.u8(s, at + TTL_OFFSET);
    }

    public static int protocol(MemorySegment s, long at) {
        return BigEndian.u8(s, at + PROTOCOL_OFFSET);
    }

    public static int checksum(MemorySegment s, long at) {
        return BigEndian.u16(s, at + CHECKSUM_OFFSET);
    }

    public static long source(MemorySegment s, long at) {
        return BigEndian.u32(s, at + SOURCE_OFFSET);
    }

    public static long destination(MemorySegment s, long at) {
        return BigEndian.u32(s, at + DESTINATION_OFFSET);
    }

    /** Writes a header of 20 octets (no options, DF as given, identification 0 unless set) with its checksum. */
    public static void write(
            MemorySegment s,
            long at,
            int tos,
            int totalLength,
            int fragmentField,
            int ttl,
            int protocol,
            long source,
            long destination) {
        BigEndian.putU8(s, at, 0x45);
        BigEndian.putU8(s, at + TOS_OFFSET, tos);
        BigEndian.putU16(s, at + TOTAL_LENGTH_OFFSET, totalLength);
        BigEndian.putU16(s, at + IDENTIFICATION_OFFSET, 0);
        BigEndian.putU16(s, at + FRAGMENT_OFFSET, fragmentField);
        BigEndian.putU8(s, at + TTL_OFFSET, ttl);
        BigEndian.putU8(s, at + PROTOCOL_OFFSET, protocol);
        BigEndian.putU32(s, at + SOURCE_OFFSET, source);
        BigEndian.putU32(s, at + DESTINATION_OFFSET, destination);
        putHeaderChecksum(s, at);
    }

    /** Computes the header checksum from nothing. */
    public static void putHeaderChecksum(MemorySegment s, long at) {
        BigEndian.putU16(s, at + CHECKSUM_OFFSET, 0);
        BigEndian.putU16(s, at + CHECKSUM_OFFSET, Checksum.finish(Checksum.sum(s, at, headerLength(s, at))));
    }

    /** 224.0.0.0/4 (RFC 1112). */
    public static boolean isMulticast(long address) {
        return address >>> 28 == 0xE;
    }
}
