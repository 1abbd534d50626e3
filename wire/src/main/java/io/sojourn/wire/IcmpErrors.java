// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * ICMP errors as whole Ethernet frames, from the gateway to the sender of an offending frame (RFC 792, RFC 1122 section
 * 3.2.2, RFC 1812 section 4.3.2, RFC 1191, RFC 4443). Every method writes at {@code at} of {@code out} and returns the
 * length, or 0 when the rules forbid an answer: about an ICMP error or redirect, a fragment other than the first, a
 * packet to a group, or from an address that is not one host's.
 *
 * <p>{@code out} needs {@link #MAX_BYTES}; it must not overlap the offending frame. Limiting the rate is the caller's.
 */
public final class IcmpErrors {
    /** The longest frame that any method writes. */
    public static final int MAX_BYTES = Ethernet.HEADER_BYTES + Ipv6.MTU_MINIMUM_BYTES;

    /** Octets of an ICMP error before the packet that it quotes; the same in both families. */
    public static final int QUOTE_OFFSET = 8;

    private static final int TTL = 64;
    /** Precedence 6, internetwork control (RFC 1812 section 4.3.2.5). */
    private static final int TOS = 0xC0;

    private IcmpErrors() {}

    /** Type 11 code 0: the TTL would have reached 0 in transit. */
    public static int timeExceeded4(
            MemorySegment out, long at, MemorySegment frame, ParsedFrame parsed, long gatewayMac, long gatewayIp) {
        return write4(out, at, frame, parsed, gatewayMac, gatewayIp, Icmp4.TIME_EXCEEDED, 0, 0);
    }

    /** Type 3 code 4: DF is set and the next hop takes only {@code mtuBytes} (of IP packet). */
    public static int fragmentationNeeded4(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayIp,
            int mtuBytes) {
        return write4(
                out,
                at,
                frame,
                parsed,
                gatewayMac,
                gatewayIp,
                Icmp4.DESTINATION_UNREACHABLE,
                Icmp4.CODE_FRAGMENTATION_NEEDED,
                mtuBytes & 0xFFFF);
    }

    /** Type 3 with a code of {@link Icmp4}. */
    public static int destinationUnreachable4(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayIp,
            int code) {
        return write4(out, at, frame, parsed, gatewayMac, gatewayIp, Icmp4.DESTINATION_UNREACHABLE, code, 0);
    }

    /** Type 3 code 0: the hop limit would have reached 0 in transit. */
    public static int timeExceeded6(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayHigh,
            long gatewayLow) {
        return write6(out, at, frame, parsed, gatewayMac, gatewayHigh, gatewayLow, Icmp6.TIME_EXCEEDED, 0, 0);
    }

    /** Type 2: the next hop takes only {@code mtuBytes} (of IP packet); sent about multicast too (RFC 4443 2.4 e.3). */
    public static int packetTooBig6(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayHigh,
            long gatewayLow,
            int mtuBytes) {
        return write6(out, at, frame, parsed, gatewayMac, gatewayHigh, gatewayLow, Icmp6.PACKET_TOO_BIG, 0, mtuBytes);
    }

    /** Type 1 with a code of {@link Icmp6}. */
    public static int destinationUnreachable6(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayHigh,
            long gatewayLow,
            int code) {
        return write6(
                out, at, frame, parsed, gatewayMac, gatewayHigh, gatewayLow, Icmp6.DESTINATION_UNREACHABLE, code, 0);
    }

    /** True when an error about this packet is allowed at all. */
    public static boolean isAllowed(ParsedFrame parsed) {
        return switch (parsed.family()) {
            case IPV4 -> isAllowed4(parsed);
            case IPV6 -> isAllowed6(parsed, false);
            default -> false;
        };
    }

    private static boolean isAllowed4(ParsedFrame parsed) {
        long source = parsed.sourceLow();
        long destination = parsed.destinationLow();
        boolean oneHost = source >>> 24 != 0 && source >>> 24 != 127 && source >>> 28 < 0xE;
        boolean toOneHost = destination >>> 28 < 0xE && !Ethernet.isGroup(parsed.destinationMac());
        return oneHost && toOneHost && parsed.fragmentOffset() == 0 && !parsed.isIcmpError();
    }

    private static boolean isAllowed6(ParsedFrame parsed, boolean evenToGroups) {
        boolean unspecified = parsed.sourceHigh() == 0 && parsed.sourceLow() >>> 1 == 0; // :: and ::1
        boolean toGroup = Ipv6.isMulticast(parsed.destinationHigh()) || Ethernet.isGroup(parsed.destinationMac());
        int type = parsed.icmpType();
        boolean error = parsed.protocol() == IpProtocol.ICMPV6 && (Icmp6.isError(type) || type == Icmp6.REDIRECT);
        return !unspecified
                && !Ipv6.isMulticast(parsed.sourceHigh())
                && (evenToGroups || !toGroup)
                && parsed.fragmentOffset() == 0
                && !error;
    }

    private static int write4(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayIp,
            int type,
            int code,
            int rest) {
        if (parsed.family() != ParsedFrame.Family.IPV4 || !isAllowed4(parsed)) {
            return 0;
        }
        int headers = Ipv4.HEADER_BYTES + Icmp4.HEADER_BYTES;
        int quoted = Math.min(parsed.l3Length(), Ipv4.REASSEMBLY_MINIMUM_BYTES - headers);
        long ip = at + Ethernet.HEADER_BYTES;
        long icmp = ip + Ipv4.HEADER_BYTES;
        Ethernet.write(out, at, parsed.sourceMac(), gatewayMac, EtherType.IPV4);
        Ipv4.write(
                out,
                ip,
                TOS,
                headers + quoted,
                Ipv4.DONT_FRAGMENT,
                TTL,
                IpProtocol.ICMP,
                gatewayIp,
                parsed.sourceLow());
        BigEndian.putU16(out, icmp, type << 8 | code);
        BigEndian.putU16(out, icmp + Icmp4.CHECKSUM_OFFSET, 0);
        BigEndian.putU32(out, icmp + Icmp4.IDENTIFIER_OFFSET, rest);
        MemorySegment.copy(frame, parsed.l3At(), out, icmp + Icmp4.HEADER_BYTES, quoted);
        int sum = Checksum.sum(out, icmp, Icmp4.HEADER_BYTES + quoted);
        BigEndian.putU16(out, icmp + Icmp4.CHECKSUM_OFFSET, Checksum.finish(sum));
        return Ethernet.pad(out, at, Ethernet.HEADER_BYTES + headers + quoted);
    }

    private static int write6(
            MemorySegment out,
            long at,
            MemorySegment frame,
            ParsedFrame parsed,
            long gatewayMac,
            long gatewayHigh,
            long gatewayLow,
            int type,
            int code,
            int rest) {
        if (parsed.family() != ParsedFrame.Family.IPV6 || !isAllowed6(parsed, type == Icmp6.PACKET_TOO_BIG)) {
            return 0;
        }
        int headers = Ipv6.HEADER_BYTES + Icmp6.HEADER_BYTES;
        int quoted = Math.min(parsed.l3Length(), Ipv6.MTU_MINIMUM_BYTES - headers);
        long ip = at + Ethernet.HEADER_BYTES;
        long icmp = ip + Ipv6.HEADER_BYTES;
        Ethernet.write(out, at, parsed.sourceMac(), gatewayMac, EtherType.IPV6);
        Ipv6.write(
                out,
                ip,
                TOS,
                Icmp6.HEADER_BYTES + quoted,
                IpProtocol.ICMPV6,
                TTL,
                gatewayHigh,
                gatewayLow,
                parsed.sourceHigh(),
                parsed.sourceLow());
        BigEndian.putU16(out, icmp, type << 8 | code);
        BigEndian.putU32(out, icmp + Icmp6.MTU_OFFSET, rest);
        MemorySegment.copy(frame, parsed.l3At(), out, icmp + Icmp6.HEADER_BYTES, quoted);
        Icmp6.putChecksum(out, ip, icmp, Icmp6.HEADER_BYTES + quoted);
        return Ethernet.HEADER_BYTES + headers + quoted;
    }
}
