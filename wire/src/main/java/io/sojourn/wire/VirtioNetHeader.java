// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct virtio_net_hdr} as a tap with IFF_VNET_HDR puts it before each frame (linux/virtio_net.h), in the
 * machine's byte order. 10 octets, or 12 with {@code num_buffers} (virtio_net_hdr_mrg_rxbuf).
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     flags     |   gso_type    |            hdr_len            |
 * |           gso_size            |          csum_start           |
 * |          csum_offset          |         num_buffers           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class VirtioNetHeader {
    public static final int FLAGS_OFFSET = 0;
    public static final int GSO_TYPE_OFFSET = 1;
    public static final int HEADER_LENGTH_OFFSET = 2;
    public static final int GSO_SIZE_OFFSET = 4;
    public static final int CHECKSUM_START_OFFSET = 6;
    public static final int CHECKSUM_OFFSET_OFFSET = 8;
    public static final int BYTES = 10;
    public static final int MERGEABLE_BYTES = 12;

    /** The checksum field holds the pseudo-header sum only; whoever sends it to a wire completes it. */
    public static final int NEEDS_CHECKSUM = 1;

    public static final int DATA_VALID = 2;

    public static final int GSO_NONE = 0;
    public static final int GSO_TCPV4 = 1;
    public static final int GSO_UDP = 3;
    public static final int GSO_TCPV6 = 4;
    public static final int GSO_UDP_L4 = 5;
    public static final int GSO_ECN = 0x80;

    private static final ValueLayout.OfShort NATIVE_SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private VirtioNetHeader() {}

    public static int flags(MemorySegment s, long at) {
        return BigEndian.u8(s, at + FLAGS_OFFSET);
    }

    public static int gsoType(MemorySegment s, long at) {
        return BigEndian.u8(s, at + GSO_TYPE_OFFSET);
    }

    public static int headerLength(MemorySegment s, long at) {
        return s.get(NATIVE_SHORT, at + HEADER_LENGTH_OFFSET) & 0xFFFF;
    }

    public static int gsoSize(MemorySegment s, long at) {
        return s.get(NATIVE_SHORT, at + GSO_SIZE_OFFSET) & 0xFFFF;
    }

    public static int checksumStart(MemorySegment s, long at) {
        return s.get(NATIVE_SHORT, at + CHECKSUM_START_OFFSET) & 0xFFFF;
    }

    public static int checksumOffset(MemorySegment s, long at) {
        return s.get(NATIVE_SHORT, at + CHECKSUM_OFFSET_OFFSET) & 0xFFFF;
    }

    /** Writes the first 10 octets. */
    public static void write(
            MemorySegment s,
            long at,
            int flags,
            int gsoType,
            int headerLength,
            int gsoSize,
            int checksumStart,
            int checksumOffset) {
        BigEndian.putU8(s, at + FLAGS_OFFSET, flags);
        BigEndian.putU8(s, at + GSO_TYPE_OFFSET, gsoType);
        s.set(NATIVE_SHORT, at + HEADER_LENGTH_OFFSET, (short) headerLength);
        s.set(NATIVE_SHORT, at + GSO_SIZE_OFFSET, (short) gsoSize);
        s.set(NATIVE_SHORT, at + CHECKSUM_START_OFFSET, (short) checksumStart);
        s.set(NATIVE_SHORT, at + CHECKSUM_OFFSET_OFFSET, (short) checksumOffset);
    }

    /** Computes the checksum that the frame's sender has left to others (csum_start, csum_offset); false if it would lie behind the frame. */
    public static boolean complete(MemorySegment s, long at, int length, long header) {
        int start = checksumStart(s, header);
        int field = start + checksumOffset(s, header);
        if (field + 2 > length) {
            return false;
        }
        BigEndian.putU16(s, at + field, Checksum.finish(Checksum.sum(s, at + start, length - start)));
        return true;
    }
}
