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
import java.lang.foreign.ValueLayout;

/** TCP segments, built octet by octet and summed the slow way. */
final class Packets {
    static final int IP_AT = 14;
    /** As stock Linux offers: MSS, SACK permitted, timestamps, window scale. */
    static final byte[] LINUX_OPTIONS = {2, 4, 5, (byte) 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7};

    private Packets() {}

    /** An IP packet at {@link #IP_AT}, with room behind it. */
    record Packet(MemorySegment memory, int ipBytes) {
        Segment segment() {
            Segment s = new Segment();
            if (!s.locate(memory, IP_AT, ipBytes)) {
                throw new AssertionError("no TCP segment");
            }
            return s;
        }

        byte[] octets() {
            return memory.asSlice(IP_AT, ipBytes).toArray(ValueLayout.JAVA_BYTE);
        }

        Packet longer(int by) {
            return new Packet(memory, ipBytes + by);
        }

        Place source() {
            Segment s = segment();
            return new Place(new IpAddress(s.v6, s.sourceHigh, s.sourceLow), s.sourcePort);
        }

        Place destination() {
            Segment s = segment();
            return new Place(new IpAddress(s.v6, s.destinationHigh, s.destinationLow), s.destinationPort);
        }

        /** By a sum over everything. */
        boolean isIntact() {
            Segment s = segment();
            long pseudo = s.v6
                    ? Checksum.pseudoHeader6(
                            s.sourceHigh, s.sourceLow, s.destinationHigh, s.destinationLow, IpProtocol.TCP, s.tcpBytes)
                    : Checksum.pseudoHeader4(s.sourceLow, s.destinationLow, IpProtocol.TCP, s.tcpBytes);
            boolean header = s.v6 || Checksum.isIntact(Checksum.sum(memory, IP_AT, Ipv4.HEADER_BYTES));
            return header && Checksum.isIntact(pseudo + Checksum.sum(memory, s.tcp, s.tcpBytes));
        }
    }

    static Place place(String address, int port) {
        return new Place(IpAddress.parse(address), port);
    }

    static Packet syn(Place from, Place to, int sequence) {
        return tcp(from, to, Tcp.SYN, sequence, 0, LINUX_OPTIONS, new byte[0]);
    }

    static Packet synAck(Place from, Place to, int sequence, int acknowledgment) {
        return tcp(from, to, Tcp.SYN | Tcp.ACK, sequence, acknowledgment, LINUX_OPTIONS, new byte[0]);
    }

    static Packet data(Place from, Place to, int sequence, int acknowledgment, String text) {
        return tcp(from, to, Tcp.ACK | Tcp.PSH, sequence, acknowledgment, new byte[0], text.getBytes());
    }

    static Packet tcp(
            Place from, Place to, int flags, int sequence, int acknowledgment, byte[] options, byte[] payload) {
        boolean v6 = from.address().isV6();
        int ipHeader = v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
        int tcpBytes = Tcp.HEADER_BYTES + options.length + payload.length;
        MemorySegment s = Arena.ofAuto().allocate(IP_AT + ipHeader + tcpBytes + 64);
        if (v6) {
            BigEndian.putU8(s, IP_AT, 0x60);
            BigEndian.putU16(s, IP_AT + 4, tcpBytes);
            BigEndian.putU8(s, IP_AT + 6, IpProtocol.TCP);
            BigEndian.putU8(s, IP_AT + 7, 64);
            MemorySegment.copy(from.address().toBytes(), 0, s, ValueLayout.JAVA_BYTE, IP_AT + 8, 16);
            MemorySegment.copy(to.address().toBytes(), 0, s, ValueLayout.JAVA_BYTE, IP_AT + 24, 16);
        } else {
            BigEndian.putU8(s, IP_AT, 0x45);
            BigEndian.putU16(s, IP_AT + 2, ipHeader + tcpBytes);
            BigEndian.putU8(s, IP_AT + 8, 64);
            BigEndian.putU8(s, IP_AT + 9, IpProtocol.TCP);
            MemorySegment.copy(from.address().toBytes(), 0, s, ValueLayout.JAVA_BYTE, IP_AT + 12, 4);
            MemorySegment.copy(to.address().toBytes(), 0, s, ValueLayout.JAVA_BYTE, IP_AT + 16, 4);
            BigEndian.putU16(s, IP_AT + 10, Checksum.finish(Checksum.sum(s, IP_AT, ipHeader)));
        }
        int t = IP_AT + ipHeader;
        BigEndian.putU16(s, t, from.port());
        BigEndian.putU16(s, t + 2, to.port());
        BigEndian.putU32(s, t + 4, sequence & 0xFFFF_FFFFL);
        BigEndian.putU32(s, t + 8, acknowledgment & 0xFFFF_FFFFL);
        BigEndian.putU8(s, t + 12, Tcp.HEADER_BYTES + options.length >> 2 << 4);
        BigEndian.putU8(s, t + 13, flags);
        BigEndian.putU16(s, t + 14, 500);
        MemorySegment.copy(options, 0, s, ValueLayout.JAVA_BYTE, t + 20, options.length);
        MemorySegment.copy(payload, 0, s, ValueLayout.JAVA_BYTE, t + 20 + options.length, payload.length);
        long pseudo = v6
                ? Checksum.pseudoHeader6(
                        from.address().high(),
                        from.address().low(),
                        to.address().high(),
                        to.address().low(),
                        IpProtocol.TCP,
                        tcpBytes)
                : Checksum.pseudoHeader4(from.address().low(), to.address().low(), IpProtocol.TCP, tcpBytes);
        BigEndian.putU16(s, t + 16, Checksum.finish(pseudo + Checksum.sum(s, t, tcpBytes)));
        return new Packet(s, ipHeader + tcpBytes);
    }
}
