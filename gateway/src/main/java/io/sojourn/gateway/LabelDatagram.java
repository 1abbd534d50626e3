// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.label.ControlMessage;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A boundary's message as it stands in IP and UDP. */
final class LabelDatagram {
    private LabelDatagram() {}

    /** Writes it at {@code ip}; the octets of the IP packet. */
    static int write(MemorySegment s, long ip, IpAddress from, IpAddress to, byte[] message, int ttl) {
        boolean v6 = from.isV6();
        int udpBytes = Udp.HEADER_BYTES + message.length;
        int header = v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
        if (v6) {
            Ipv6.write(s, ip, 0, udpBytes, IpProtocol.UDP, ttl, from.high(), from.low(), to.high(), to.low());
        } else {
            Ipv4.write(s, ip, 0, header + udpBytes, 0, ttl, IpProtocol.UDP, from.low(), to.low());
        }
        long udp = ip + header;
        BigEndian.putU16(s, udp + Udp.SOURCE_PORT_OFFSET, ControlMessage.PORT);
        BigEndian.putU16(s, udp + Udp.DESTINATION_PORT_OFFSET, ControlMessage.PORT);
        BigEndian.putU16(s, udp + Udp.LENGTH_OFFSET, udpBytes);
        BigEndian.putU16(s, udp + Udp.CHECKSUM_OFFSET, 0);
        MemorySegment.copy(message, 0, s, ValueLayout.JAVA_BYTE, udp + Udp.HEADER_BYTES, message.length);
        long pseudo = v6
                ? Checksum.pseudoHeader6(from.high(), from.low(), to.high(), to.low(), IpProtocol.UDP, udpBytes)
                : Checksum.pseudoHeader4(from.low(), to.low(), IpProtocol.UDP, udpBytes);
        int checksum = Checksum.finish(pseudo + Checksum.sum(s, udp, udpBytes));
        BigEndian.putU16(s, udp + Udp.CHECKSUM_OFFSET, checksum == 0 ? 0xFFFF : checksum);
        return header + udpBytes;
    }
}
