// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;

/** A frame of the gateway's own for a guest, around what stands in it already. */
final class GuestFrame {
    private static final int TTL = 64;

    private GuestFrame() {}

    /** Where the upper layer stands. */
    static long l4At(boolean v6) {
        return Ethernet.HEADER_BYTES + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
    }

    /** Where a datagram's payload stands. */
    static long payloadAt(boolean v6) {
        return l4At(v6) + Udp.HEADER_BYTES;
    }

    /** Writes the headers before a payload; the frame's length. */
    static int udp(
            MemorySegment s, long mac, IpAddress from, int fromPort, IpAddress to, int toPort, int payloadBytes) {
        long at = l4At(from.isV6());
        int bytes = Udp.HEADER_BYTES + payloadBytes;
        BigEndian.putU16(s, at + Udp.SOURCE_PORT_OFFSET, fromPort);
        BigEndian.putU16(s, at + Udp.DESTINATION_PORT_OFFSET, toPort);
        BigEndian.putU16(s, at + Udp.LENGTH_OFFSET, bytes);
        return finish(s, mac, from, to, IpProtocol.UDP, bytes, Udp.CHECKSUM_OFFSET);
    }

    /** Writes what is below an upper layer, and its checksum; the frame's length. */
    static int finish(
            MemorySegment s, long mac, IpAddress from, IpAddress to, int protocol, int bytes, int checksumOffset) {
        boolean v6 = from.isV6();
        long ip = Ethernet.HEADER_BYTES;
        long at = l4At(v6);
        Ethernet.write(s, 0, mac, LanPort.ANYCAST_MAC, v6 ? EtherType.IPV6 : EtherType.IPV4);
        if (v6) {
            Ipv6.write(s, ip, 0, bytes, protocol, TTL, from.high(), from.low(), to.high(), to.low());
        } else {
            Ipv4.write(s, ip, 0, Ipv4.HEADER_BYTES + bytes, 0, TTL, protocol, from.low(), to.low());
        }
        long pseudo = v6
                ? Checksum.pseudoHeader6(from.high(), from.low(), to.high(), to.low(), protocol, bytes)
                : Checksum.pseudoHeader4(from.low(), to.low(), protocol, bytes);
        BigEndian.putU16(s, at + checksumOffset, 0);
        int checksum = Checksum.finish(pseudo + Checksum.sum(s, at, bytes));
        // RFC 768: of UDP a zero means that there is none.
        BigEndian.putU16(s, at + checksumOffset, checksum == 0 && protocol == IpProtocol.UDP ? 0xFFFF : checksum);
        return (int) at + bytes;
    }
}
