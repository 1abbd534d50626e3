// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Answers to ping for the gateway's own (anycast) address (RFC 792, RFC 4443 section 4.2). The checksum is updated, not
 * computed anew: a request damaged on its way stays visibly damaged in the reply.
 *
 * <p>{@code out} needs as many octets as the request's frame, at least 60, and must not overlap it.
 */
public final class IcmpEcho {
    private static final int TTL = 64;

    private IcmpEcho() {}

    /** The reply in the request's family; returns its length, or 0 when {@code parsed} is no echo request to answer. */
    public static int reply(MemorySegment out, long at, MemorySegment frame, ParsedFrame parsed, long gatewayMac) {
        return parsed.isV6() ? reply6(out, at, frame, parsed, gatewayMac) : reply4(out, at, frame, parsed, gatewayMac);
    }

    /** IP options of the request are not returned. */
    public static int reply4(MemorySegment out, long at, MemorySegment frame, ParsedFrame parsed, long gatewayMac) {
        if (parsed.family() != ParsedFrame.Family.IPV4 || !isAnswered(parsed)) {
            return 0;
        }
        int totalLength = Ipv4.HEADER_BYTES + parsed.l4Length();
        long ip = at + Ethernet.HEADER_BYTES;
        Ethernet.write(out, at, parsed.sourceMac(), gatewayMac, EtherType.IPV4);
        Ipv4.write(
                out,
                ip,
                Ipv4.tos(frame, parsed.l3At()),
                totalLength,
                Ipv4.DONT_FRAGMENT,
                TTL,
                IpProtocol.ICMP,
                parsed.destinationLow(),
                parsed.sourceLow());
        turn(out, ip + Ipv4.HEADER_BYTES, frame, parsed, Icmp4.ECHO_REPLY);
        return Ethernet.pad(out, at, Ethernet.HEADER_BYTES + totalLength);
    }

    /** Extension headers of the request are not returned. */
    public static int reply6(MemorySegment out, long at, MemorySegment frame, ParsedFrame parsed, long gatewayMac) {
        if (parsed.family() != ParsedFrame.Family.IPV6 || !isAnswered(parsed)) {
            return 0;
        }
        long ip = at + Ethernet.HEADER_BYTES;
        Ethernet.write(out, at, parsed.sourceMac(), gatewayMac, EtherType.IPV6);
        Ipv6.write(
                out,
                ip,
                Ipv6.trafficClass(frame, parsed.l3At()),
                parsed.l4Length(),
                IpProtocol.ICMPV6,
                TTL,
                parsed.destinationHigh(),
                parsed.destinationLow(),
                parsed.sourceHigh(),
                parsed.sourceLow());
        turn(out, ip + Ipv6.HEADER_BYTES, frame, parsed, Icmp6.ECHO_REPLY);
        return Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES + parsed.l4Length();
    }

    private static boolean isAnswered(ParsedFrame parsed) {
        boolean fromNobody = parsed.sourceHigh() == 0 && parsed.sourceLow() == 0;
        return parsed.isEchoRequest()
                && !parsed.isMulticastDestination()
                && !Ethernet.isGroup(parsed.destinationMac())
                && !fromNobody;
    }

    /** Source and destination changed places, which the pseudo-header's sum does not see. */
    private static void turn(MemorySegment out, long icmp, MemorySegment frame, ParsedFrame parsed, int replyType) {
        MemorySegment.copy(frame, parsed.l4At(), out, icmp, parsed.l4Length());
        int oldWord = BigEndian.u16(out, icmp);
        int newWord = replyType << 8 | oldWord & 0xFF;
        int checksum = BigEndian.u16(out, icmp + Icmp4.CHECKSUM_OFFSET);
        BigEndian.putU16(out, icmp, newWord);
        BigEndian.putU16(out, icmp + Icmp4.CHECKSUM_OFFSET, Checksum.update(checksum, oldWord, newWord));
    }
}
