// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import java.lang.foreign.MemorySegment;

/** UDP-like packets for tests, with a sequence number in the last four bytes. */
final class Packets {
    private Packets() {}

    static byte[] ipv4(long from, long to, int bytes, int flags, int ttl, int sequence) {
        byte[] packet = new byte[bytes];
        MemorySegment s = MemorySegment.ofArray(packet);
        Ipv4.write(s, 0, 0, bytes, flags, ttl, IpProtocol.UDP, from, to);
        BigEndian.putU32(s, bytes - 4L, sequence);
        return packet;
    }

    static byte[] ipv6(long fromHigh, long toHigh, int bytes, int hopLimit, int sequence) {
        byte[] packet = new byte[bytes];
        MemorySegment s = MemorySegment.ofArray(packet);
        Ipv6.write(s, 0, 0, bytes - Ipv6.HEADER_BYTES, IpProtocol.UDP, hopLimit, fromHigh, 2, toHigh, 2);
        BigEndian.putU32(s, bytes - 4L, sequence);
        return packet;
    }

    static int sequence(byte[] packet) {
        return BigEndian.i32(MemorySegment.ofArray(packet), packet.length - 4L);
    }
}
