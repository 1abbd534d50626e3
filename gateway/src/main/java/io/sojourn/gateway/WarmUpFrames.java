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

/**
 * What one side of the warm-up says to the other, as a station's kernel hands it to a tap: super-frames undivided, sums partial. TCP is as Linux speaks it, from the
 * first segment to the last: a compiler leaves out what it has never seen, and throws away what it has compiled when that happens after all.
 */
final class WarmUpFrames {
    /** How much is said at once: a super-frame, a segment, or hardly anything. */
    enum Size {
        SUPER,
        SEGMENT,
        SMALL
    }

    private static final int SMALL_BYTES = 24;
    private static final int TCP_BYTES = Tcp.HEADER_BYTES + 12;
    /** RFC 7323: no-operation twice, timestamps; and of a SYN: the maximum segment size, and padding. */
    private static final long TIMESTAMPS = 0x0101_080aL << 32;

    private static final long MAXIMUM_SEGMENT = 0x0204_05b4L << 32 | 0x0101_0101L;
    private static final int[] FLAGS = {
        Tcp.ACK, Tcp.ACK, Tcp.SYN, Tcp.ACK, Tcp.PSH | Tcp.ACK, Tcp.ACK, Tcp.FIN | Tcp.ACK, Tcp.SYN | Tcp.ACK
    };
    private static final int HEADERS_MAX = 128;
    /** Type and code (RFC 792, 4443). */
    private static final int ECHO_REQUEST_4 = 8 << 8;

    private static final int ECHO_REQUEST_6 = 128 << 8;

    private final MemorySegment frame;
    private final WarmUpStage from;
    private final WarmUpStage to;
    private final int superBytes;
    private final int segmentBytes;
    private int said;
    private long sequence;

    WarmUpFrames(Arena arena, WarmUpStage from, WarmUpStage to, int superBytes, int segmentBytes) {
        frame = arena.allocate(LanPort.VNET_BYTES + HEADERS_MAX + superBytes, 8);
        this.from = from;
        this.to = to;
        this.superBytes = superBytes;
        this.segmentBytes = segmentBytes;
    }

    /** To the other's host or VM. */
    void say(WarmUpStage station, boolean v6, int protocol, Size size, boolean betweenVms) {
        say(station, v6, protocol, size, betweenVms, to.prefix6(), betweenVms ? to.vm(v6) : to.host(v6));
    }

    /** To any address. @param prefix upper half of an IPv6 address */
    void say(WarmUpStage station, boolean v6, int protocol, Size size, boolean isVm, long prefix, long address) {
        said++;
        boolean tcp = protocol == IpProtocol.TCP;
        boolean echo = protocol == IpProtocol.ICMP || protocol == IpProtocol.ICMPV6;
        boolean large = size == Size.SUPER;
        int flags = !tcp ? 0 : size == Size.SMALL ? FLAGS[said % FLAGS.length] : FLAGS[said % 2 * 4];
        int payload = large ? superBytes : size == Size.SEGMENT ? segmentBytes : tcp ? 0 : SMALL_BYTES;
        int l4 = Ethernet.HEADER_BYTES + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
        int headers = l4 + (tcp ? TCP_BYTES : Udp.HEADER_BYTES);
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
        Ethernet.putSource(frame, at, isVm ? from.vmMac() : from.hostMac());
        BigEndian.putU16(frame, at + 12, v6 ? EtherType.IPV6 : EtherType.IPV4);
        long ip = at + Ethernet.HEADER_BYTES;
        long source = isVm ? from.vm(v6) : from.host(v6);
        if (v6) {
            Ipv6.write(frame, ip, 0, length - l4, protocol, 64, from.prefix6(), source, prefix, address);
        } else {
            int fragment = echo || said % 16 == 0 ? 0 : Ipv4.DONT_FRAGMENT;
            int ipBytes = length - Ethernet.HEADER_BYTES;
            Ipv4.write(frame, ip, 0, ipBytes, fragment, 64, protocol, source, address);
        }
        if (tcp) {
            tcp(at + l4, flags, payload);
        } else if (echo) {
            BigEndian.putU16(frame, at + l4, v6 ? ECHO_REQUEST_6 : ECHO_REQUEST_4);
        } else {
            BigEndian.putU16(frame, at + l4 + Udp.LENGTH_OFFSET, length - l4);
        }
        station.inject(frame, LanPort.VNET_BYTES + length);
    }

    private void tcp(long at, int flags, int payload) {
        BigEndian.putU32(frame, at + Tcp.SEQUENCE_OFFSET, sequence & 0xFFFF_FFFFL);
        BigEndian.putU8(frame, at + Tcp.DATA_OFFSET_OFFSET, TCP_BYTES / 4 << 4);
        BigEndian.putU8(frame, at + Tcp.FLAGS_OFFSET, flags);
        BigEndian.putU64(frame, at + Tcp.HEADER_BYTES, (flags & Tcp.SYN) != 0 ? MAXIMUM_SEGMENT : TIMESTAMPS);
        BigEndian.putU32(frame, at + Tcp.HEADER_BYTES + 8, (flags & Tcp.SYN) != 0 ? 0x0101_0101L : 0);
        sequence += payload;
    }
}
