// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import io.sojourn.wire.Udp;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What one side of the warm-up says to the other, as a station's kernel hands it to a tap: super-frames undivided, sums partial. */
final class WarmUpFrames {
    private static final int SMALL_BYTES = 24;
    private static final int HEADERS_MAX = 128;
    /** Type and code (RFC 792, 4443). */
    private static final int ECHO_REQUEST_4 = 8 << 8;

    private static final int ECHO_REQUEST_6 = 128 << 8;

    private final MemorySegment frame;
    private final WarmUpStage from;
    private final WarmUpStage to;
    private final int superBytes;
    private final int segmentBytes;

    WarmUpFrames(Arena arena, WarmUpStage from, WarmUpStage to, int superBytes, int segmentBytes) {
        frame = arena.allocate(LanPort.VNET_BYTES + HEADERS_MAX + superBytes, 8);
        this.from = from;
        this.to = to;
        this.superBytes = superBytes;
        this.segmentBytes = segmentBytes;
    }

    void say(WarmUpStage station, boolean v6, int protocol, boolean large, boolean betweenVms) {
        boolean tcp = protocol == IpProtocol.TCP;
        boolean echo = protocol == IpProtocol.ICMP || protocol == IpProtocol.ICMPV6;
        int payload = large ? superBytes : tcp ? 0 : SMALL_BYTES;
        int l4 = Ethernet.HEADER_BYTES + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
        int headers = l4 + (tcp ? Tcp.HEADER_BYTES : Udp.HEADER_BYTES);
        int length = headers + payload;
        int type = !large
                ? VirtioNetHeader.GSO_NONE
                : !tcp ? VirtioNetHeader.GSO_UDP_L4 : v6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
        VirtioNetHeader.write(
                frame,
                0,
                echo ? 0 : VirtioNetHeader.NEEDS_CHECKSUM,
                type,
                large ? headers : 0,
                large ? segmentBytes : 0,
                l4,
                tcp ? Tcp.CHECKSUM_OFFSET : Udp.CHECKSUM_OFFSET);
        long at = LanPort.VNET_BYTES;
        Ethernet.putDestination(frame, at, LanPort.ANYCAST_MAC);
        Ethernet.putSource(frame, at, betweenVms ? from.vmMac() : from.hostMac());
        BigEndian.putU16(frame, at + 12, v6 ? EtherType.IPV6 : EtherType.IPV4);
        long ip = at + Ethernet.HEADER_BYTES;
        if (v6) {
            long source = betweenVms ? from.vm6() : from.host6();
            long destination = betweenVms ? to.vm6() : to.host6();
            Ipv6.write(frame, ip, 0, length - l4, protocol, 64, from.prefix6(), source, to.prefix6(), destination);
        } else {
            Ipv4.write(
                    frame,
                    ip,
                    0,
                    length - Ethernet.HEADER_BYTES,
                    Ipv4.DONT_FRAGMENT,
                    64,
                    protocol,
                    betweenVms ? from.vm4() : from.host4(),
                    betweenVms ? to.vm4() : to.host4());
        }
        if (tcp) {
            BigEndian.putU8(frame, at + l4 + Tcp.DATA_OFFSET_OFFSET, Tcp.HEADER_BYTES / 4 << 4);
            BigEndian.putU8(frame, at + l4 + Tcp.FLAGS_OFFSET, Tcp.ACK);
        } else if (echo) {
            BigEndian.putU16(frame, at + l4, v6 ? ECHO_REQUEST_6 : ECHO_REQUEST_4);
        } else {
            BigEndian.putU16(frame, at + l4 + Udp.LENGTH_OFFSET, length - l4);
        }
        station.inject(frame, LanPort.VNET_BYTES + length);
    }
}
