// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * VXLAN header (RFC 7348 section 5), the Ethernet frame behind it. The 24 bits that the RFC reserves after the flags
 * (zero on transmission, ignored on receipt) carry the low 24 bits of the binding's epoch between Sojourn gateways; a
 * peer that is not Sojourn writes 0, which means "no epoch". Of the last reserved bits, P says that the sender has the frame from another gateway, and C says that the inner TCP or UDP checksum
 * is partial: its field holds the sum of the pseudo-header, for whoever hands the packet on to complete. It goes to Sojourn gateways
 * only; the datagram's own checksum and seal cover the payload on the way.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |R|R|R|R|I|R|R|R|     Reserved: binding epoch, low 24 bits      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                VXLAN Network Identifier (VNI) | Reserved  |P|C|
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Vxlan {
    public static final int FLAGS_OFFSET = 0;
    public static final int EPOCH_OFFSET = 1;
    public static final int VNI_OFFSET = 4;
    public static final int HEADER_BYTES = 8;

    /** The I flag: the VNI is valid. */
    public static final int FLAGS = 0x08;

    public static final int RESERVED_OFFSET = 7;

    /** The C bit, in the octet at {@link #RESERVED_OFFSET}. */
    public static final int PARTIAL_CHECKSUM = 0x01;

    /** The P bit, there too. */
    public static final int PASSED_ON = 0x02;

    public static final int VNI_MAX = 0xFF_FFFF;
    public static final int EPOCH_MASK = 0xFF_FFFF;

    private Vxlan() {}

    /** True when a datagram that begins with {@code firstOctet} is VXLAN and not Sojourn's own. */
    public static boolean isVxlan(int firstOctet) {
        return (firstOctet & FLAGS) != 0 && firstOctet != SojournDatagram.MAGIC;
    }

    public static int flags(MemorySegment s, long at) {
        return BigEndian.u8(s, at);
    }

    /** Low 24 bits of the binding epoch; 0 means none. */
    public static int epoch(MemorySegment s, long at) {
        return BigEndian.u24(s, at + EPOCH_OFFSET);
    }

    public static int vni(MemorySegment s, long at) {
        return BigEndian.u24(s, at + VNI_OFFSET);
    }

    /** The inner checksum is partial. */
    public static boolean isPartialChecksum(MemorySegment s, long at) {
        return (BigEndian.u8(s, at + RESERVED_OFFSET) & PARTIAL_CHECKSUM) != 0;
    }

    /** The gateway that sent it has it from another gateway. */
    public static boolean isPassedOn(MemorySegment s, long at) {
        return (BigEndian.u8(s, at + RESERVED_OFFSET) & PASSED_ON) != 0;
    }

    /** Writes all 8 octets; of {@code epoch} only the low 24 bits. */
    public static void write(MemorySegment s, long at, int vni, long epoch) {
        write(s, at, vni, epoch, false, false);
    }

    /** The same, with the C and P bits as told. */
    public static void write(MemorySegment s, long at, int vni, long epoch, boolean partialChecksum, boolean passedOn) {
        BigEndian.putU32(s, at, (long) FLAGS << 24 | epoch & EPOCH_MASK);
        BigEndian.putU32(
                s,
                at + VNI_OFFSET,
                (long) vni << 8 | (partialChecksum ? PARTIAL_CHECKSUM : 0) | (passedOn ? PASSED_ON : 0));
    }

    /** Of two epochs of which only the low 24 bits are known: negative, 0 or positive (RFC 1982 arithmetic). */
    public static int compareEpochs(long a, long b) {
        return (int) ((a - b) << 40 >> 40);
    }
}
