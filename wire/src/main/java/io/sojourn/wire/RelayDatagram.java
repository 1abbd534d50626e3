// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * A sealed datagram that goes by way of a third gateway, because nothing passes between its ends. The relay sees who talks to whom and no
 * more: the datagram is sealed for its end, and what stands here for the relay.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   'S' 0x53    | 8: to a relay, 9: from it |    Port (9 only)  |
 * |       Number of the other end (64 bits): FNV-1a of its name   |
 * |                                                               |
 * |   9 only: address at which the relay sees that end (128 bits, |
 * |   IPv4 mapped)                                                |
 * |   the sealed datagram ...                                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 *
 * The address is what makes hole punching possible (RFC 5128, section 3.3): it is a hint, believed only when an authentic datagram comes
 * from there.
 */
public final class RelayDatagram {
    public static final int PORT_OFFSET = 2;
    public static final int NUMBER_OFFSET = 4;
    public static final int ADDRESS_OFFSET = 12;
    public static final int TO_HEADER_BYTES = 12;
    public static final int FROM_HEADER_BYTES = 28;

    private RelayDatagram() {}

    /** FNV-1a, 64 bits, of a gateway's name. */
    public static long number(byte[] name) {
        long hash = 0xCBF2_9CE4_8422_2325L;
        for (byte b : name) {
            hash = (hash ^ b & 0xFF) * 0x100_0000_01B3L;
        }
        return hash;
    }

    /** The header of what goes to a relay for the end {@code number}. */
    public static void writeTo(MemorySegment s, long at, long number) {
        SojournDatagram.write(s, at, SojournDatagram.RELAY);
        BigEndian.putU16(s, at + PORT_OFFSET, 0);
        BigEndian.putU64(s, at + NUMBER_OFFSET, number);
    }

    /** The header of what a relay hands on from the end {@code number}, which it sees at this address. */
    public static void writeFrom(MemorySegment s, long at, long number, long high, long low, int port) {
        SojournDatagram.write(s, at, SojournDatagram.RELAYED);
        BigEndian.putU16(s, at + PORT_OFFSET, port);
        BigEndian.putU64(s, at + NUMBER_OFFSET, number);
        BigEndian.putU64(s, at + ADDRESS_OFFSET, high);
        BigEndian.putU64(s, at + ADDRESS_OFFSET + 8, low);
    }

    public static long number(MemorySegment s, long at) {
        return BigEndian.u64(s, at + NUMBER_OFFSET);
    }

    public static int port(MemorySegment s, long at) {
        return BigEndian.u16(s, at + PORT_OFFSET);
    }

    public static long addressHigh(MemorySegment s, long at) {
        return BigEndian.u64(s, at + ADDRESS_OFFSET);
    }

    public static long addressLow(MemorySegment s, long at) {
        return BigEndian.u64(s, at + ADDRESS_OFFSET + 8);
    }
}
