// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A TCP segment directly behind its IP header, where it stands; whole super-frames, too. One thread; allocates nothing. */
public final class Segment {
    private static final int PORTS_BYTES = 4;
    private static final MemorySegment NOTHING = Arena.global().allocate(1);

    MemorySegment memory = NOTHING;
    long ip;
    boolean v6;
    long sourceHigh;
    long sourceLow;
    int sourcePort;
    long destinationHigh;
    long destinationLow;
    int destinationPort;
    long tcp;
    /** Header and payload. */
    int tcpBytes;

    int flags;

    /** @return false: it is not TCP, a fragment, cut off, or has IPv6 extension headers; nothing may be asked then */
    public boolean locate(MemorySegment s, long ipAt, int length) {
        if (!locateQuoted(s, ipAt, length) || tcpBytes < Tcp.HEADER_BYTES) {
            return false;
        }
        int header = Tcp.headerLength(s, tcp);
        if (header < Tcp.HEADER_BYTES || header > tcpBytes) {
            return false;
        }
        flags = Tcp.flags(s, tcp);
        return true;
    }

    /** The same of one that somebody quotes: it may be cut off behind its ports, and has ends only. */
    boolean locateQuoted(MemorySegment s, long ipAt, int length) {
        int l4;
        int end;
        if (length >= Ipv4.HEADER_BYTES && Ipv4.version(s, ipAt) == 4) {
            v6 = false;
            l4 = Ipv4.headerLength(s, ipAt);
            end = Ipv4.totalLength(s, ipAt);
            if (l4 < Ipv4.HEADER_BYTES
                    || Ipv4.protocol(s, ipAt) != IpProtocol.TCP
                    || (Ipv4.fragmentField(s, ipAt) & (Ipv4.MORE_FRAGMENTS | Ipv4.FRAGMENT_OFFSET_MASK)) != 0) {
                return false;
            }
            sourceHigh = destinationHigh = 0;
            sourceLow = Ipv4.source(s, ipAt);
            destinationLow = Ipv4.destination(s, ipAt);
        } else if (length >= Ipv6.HEADER_BYTES && Ipv6.version(s, ipAt) == 6) {
            v6 = true;
            l4 = Ipv6.HEADER_BYTES;
            end = l4 + Ipv6.payloadLength(s, ipAt);
            if (Ipv6.nextHeader(s, ipAt) != IpProtocol.TCP) {
                return false;
            }
            sourceHigh = Ipv6.sourceHigh(s, ipAt);
            sourceLow = Ipv6.sourceLow(s, ipAt);
            destinationHigh = Ipv6.destinationHigh(s, ipAt);
            destinationLow = Ipv6.destinationLow(s, ipAt);
        } else {
            return false;
        }
        // Of a super-frame the IP length is what fits in 16 bits; what is there counts.
        int there = Math.min(length, Math.max(end, 0));
        if (there < l4 + PORTS_BYTES) {
            return false;
        }
        memory = s;
        ip = ipAt;
        tcp = ipAt + l4;
        tcpBytes = there - l4;
        sourcePort = Tcp.sourcePort(s, tcp);
        destinationPort = Tcp.destinationPort(s, tcp);
        return true;
    }

    public boolean isSyn() {
        return (flags & Tcp.SYN) != 0;
    }

    public long sourceHigh() {
        return sourceHigh;
    }

    public long sourceLow() {
        return sourceLow;
    }

    public long destinationHigh() {
        return destinationHigh;
    }

    public long destinationLow() {
        return destinationLow;
    }

    public Place source() {
        return new Place(new IpAddress(v6, sourceHigh, sourceLow), sourcePort);
    }

    public Place destination() {
        return new Place(new IpAddress(v6, destinationHigh, destinationLow), destinationPort);
    }

    boolean isAnswer() {
        return (flags & Tcp.ACK) != 0;
    }

    int sequence() {
        return BigEndian.i32(memory, tcp + Tcp.SEQUENCE_OFFSET);
    }

    int acknowledgment() {
        return BigEndian.i32(memory, tcp + Tcp.ACKNOWLEDGMENT_OFFSET);
    }

    int payloadBytes() {
        return tcpBytes - Tcp.headerLength(memory, tcp);
    }

    /** The sequence number behind it: SYN and FIN count as one octet each. */
    int end() {
        return sequence() + payloadBytes() + ((flags & Tcp.SYN) != 0 ? 1 : 0) + ((flags & Tcp.FIN) != 0 ? 1 : 0);
    }

    /** Gives it other ends. Nothing is added; checksums are updated (RFC 1624), never computed. */
    void rewrite(Place source, Place destination, boolean partialChecksum) {
        long pseudo = 0;
        if (v6) {
            pseudo += change(ip + Ipv6.SOURCE_OFFSET, source.address().high())
                    + change(ip + Ipv6.SOURCE_OFFSET + 8, source.address().low())
                    + change(ip + Ipv6.DESTINATION_OFFSET, destination.address().high())
                    + change(
                            ip + Ipv6.DESTINATION_OFFSET + 8,
                            destination.address().low());
        } else {
            pseudo += Checksum.change(sourceLow, source.address().low())
                    + Checksum.change(destinationLow, destination.address().low());
            BigEndian.putU32(memory, ip + Ipv4.SOURCE_OFFSET, source.address().low());
            BigEndian.putU32(
                    memory, ip + Ipv4.DESTINATION_OFFSET, destination.address().low());
            BigEndian.putU16(memory, ip + Ipv4.CHECKSUM_OFFSET, Checksum.update(Ipv4.checksum(memory, ip), pseudo));
        }
        long ports = Checksum.change(
                (long) sourcePort << 16 | destinationPort, (long) source.port() << 16 | destination.port());
        BigEndian.putU16(memory, tcp + Tcp.SOURCE_PORT_OFFSET, source.port());
        BigEndian.putU16(memory, tcp + Tcp.DESTINATION_PORT_OFFSET, destination.port());
        int old = Tcp.checksum(memory, tcp);
        // A partial checksum is the pseudo-header's sum, which has no ports.
        int now = partialChecksum ? Checksum.fold(old + pseudo) : Checksum.update(old, pseudo + ports);
        BigEndian.putU16(memory, tcp + Tcp.CHECKSUM_OFFSET, now);
    }

    private long change(long at, long value) {
        long old = BigEndian.u64(memory, at);
        BigEndian.putU64(memory, at, value);
        return Checksum.change(old, value);
    }
}
