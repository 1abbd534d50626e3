// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * ARP (RFC 826) and RARP (RFC 903) for IPv4 over Ethernet; {@code at} is the octet after the Ethernet header.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Hardware Type (1)         |     Protocol Type (0x0800)    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  HLEN (6)     |  PLEN (4)     |           Operation           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |               Sender Hardware Address (6)                     |
 * |               Sender Protocol Address (4)                     |
 * |               Target Hardware Address (6)                     |
 * |               Target Protocol Address (4)                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Arp {
    public static final int HARDWARE_TYPE_OFFSET = 0;
    public static final int PROTOCOL_TYPE_OFFSET = 2;
    public static final int HARDWARE_LENGTH_OFFSET = 4;
    public static final int PROTOCOL_LENGTH_OFFSET = 5;
    public static final int OPERATION_OFFSET = 6;
    public static final int SENDER_MAC_OFFSET = 8;
    public static final int SENDER_IP_OFFSET = 14;
    public static final int TARGET_MAC_OFFSET = 18;
    public static final int TARGET_IP_OFFSET = 24;
    public static final int BYTES = 28;

    public static final int REQUEST = 1;
    public static final int REPLY = 2;
    /** RFC 903; QEMU announces a resumed machine by one with both IP addresses 0. */
    public static final int REVERSE_REQUEST = 3;

    public static final int REVERSE_REPLY = 4;

    private static final long ETHERNET_IPV4 = 0x0001_0800_0604L;

    private Arp() {}

    /** True when the fixed fields say IPv4 over Ethernet; reads 6 octets. */
    static boolean isEthernetIpv4(MemorySegment s, long at) {
        return BigEndian.u48(s, at) == ETHERNET_IPV4;
    }

    public static int operation(MemorySegment s, long at) {
        return BigEndian.u16(s, at + OPERATION_OFFSET);
    }

    public static long senderMac(MemorySegment s, long at) {
        return BigEndian.u48(s, at + SENDER_MAC_OFFSET);
    }

    public static long senderIp(MemorySegment s, long at) {
        return BigEndian.u32(s, at + SENDER_IP_OFFSET);
    }

    public static long targetMac(MemorySegment s, long at) {
        return BigEndian.u48(s, at + TARGET_MAC_OFFSET);
    }

    public static long targetIp(MemorySegment s, long at) {
        return BigEndian.u32(s, at + TARGET_IP_OFFSET);
    }

    /** Writes all 28 octets. */
    public static void write(
            MemorySegment s, long at, int operation, long senderMac, long senderIp, long targetMac, long targetIp) {
        BigEndian.putU48(s, at, ETHERNET_IPV4);
        BigEndian.putU16(s, at + OPERATION_OFFSET, operation);
        BigEndian.putU48(s, at + SENDER_MAC_OFFSET, senderMac);
        BigEndian.putU32(s, at + SENDER_IP_OFFSET, senderIp);
        BigEndian.putU48(s, at + TARGET_MAC_OFFSET, targetMac);
        BigEndian.putU32(s, at + TARGET_IP_OFFSET, targetIp);
    }
}
