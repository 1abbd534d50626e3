// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * ICMP for IPv6 (RFC 4443 section 2.1); the checksum covers the pseudo-header. Neighbor Discovery is in {@link
 * NeighborDiscovery}.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      |     Code      |          Checksum             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                         Message Body                          |
 * </pre>
 */
public final class Icmp6 {
    public static final int TYPE_OFFSET = 0;
    public static final int CODE_OFFSET = 1;
    public static final int CHECKSUM_OFFSET = 2;
    /** MTU of "packet too big" (RFC 4443 section 3.2). */
    public static final int MTU_OFFSET = 4;

    public static final int HEADER_BYTES = 8;

    public static final int DESTINATION_UNREACHABLE = 1;
    public static final int PACKET_TOO_BIG = 2;
    public static final int TIME_EXCEEDED = 3;
    public static final int PARAMETER_PROBLEM = 4;
    /** Types below are errors, all others are informational (RFC 4443 section 2.1). */
    public static final int FIRST_INFORMATIONAL = 128;

    public static final int ECHO_REQUEST = 128;
    public static final int ECHO_REPLY = 129;
    public static final int REDIRECT = 137;

    public static final int CODE_NO_ROUTE = 0;
    public static final int CODE_PROHIBITED = 1;
    public static final int CODE_ADDRESS_UNREACHABLE = 3;
    public static final int CODE_PORT_UNREACHABLE = 4;

    private Icmp6() {}

    public static int type(MemorySegment s, long at) {
        return BigEndian.u8(s, at);
    }

    public static int code(MemorySegment s, long at) {
        return BigEndian.u8(s, at + CODE_OFFSET);
    }

    public static int checksum(MemorySegment s, long at) {
        return BigEndian.u16(s, at + CHECKSUM_OFFSET);
    }

    public static boolean isError(int type) {
        return type < FIRST_INFORMATIONAL;
    }

    /** The sum over pseudo-header and message: 0xFFFF when the checksum in it is right. */
    static int sumOf(MemorySegment s, long ipv6At, long at, int length) {
        return Checksum.fold(Checksum.pseudoHeader6(
                        Ipv6.sourceHigh(s, ipv6At),
                        Ipv6.sourceLow(s, ipv6At),
                        Ipv6.destinationHigh(s, ipv6At),
                        Ipv6.destinationLow(s, ipv6At),
                        IpProtocol.ICMPV6,
                        length)
                + Checksum.sum(s, at, length));
    }

    /** Computes the checksum of the message at {@code at} in the packet at {@code ipv6At} from nothing. */
    static void putChecksum(MemorySegment s, long ipv6At, long at, int length) {
        BigEndian.putU16(s, at + CHECKSUM_OFFSET, 0);
        BigEndian.putU16(s, at + CHECKSUM_OFFSET, Checksum.finish(sumOf(s, ipv6At, at, length)));
    }
}
