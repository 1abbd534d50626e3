// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Puts a packet's addresses through an {@link AddressTranslation}: source, destination, and those of the packet that an ICMP
 * error quotes. Adds no octet; every checksum is updated (RFC 1624), never computed, so the cost does not depend on the
 * size of the packet and damage stays visible.
 *
 * <p>What follows the addresses: the IPv4 header checksum; the checksums over the pseudo-header of TCP, UDP (0 stays
 * 0: none; a result of 0 becomes 0xFFFF, RFC 768), UDP-Lite (RFC 3828), DCCP (RFC 4340) and ICMPv6; the checksum of an ICMP error
 * for what changed in its quote. In fragments the checksum is updated in the one that holds it. A partial checksum
 * (virtio NEEDS_CSUM: the pseudo-header's sum) is updated as the sum that it is. Behind a routing header with segments
 * left, the pseudo-header has the final destination (RFC 8200 section 8.1), so the transport does not see a change of
 * the one in the IPv6 header.
 *
 * <p>Left as they are: addresses in IP options and routing headers, in a Home Address option (RFC 6275), and in
 * payloads; packets with an authentication header come out unauthentic.
 *
 * <p><i>Order</i>: none. <i>Ownership</i>: in place. <i>Locking</i>: none, one thread.
 */
public final class AddressRewriter {
    private static final int DCCP = 33;
    private static final int DCCP_CHECKSUM_OFFSET = 6;
    private final AddressTranslation translation;
    private final ChecksumMode mode;
    private boolean changed;

    // What locate() found out about one packet; a packet in a quote overwrites it.
    private boolean isV6;
    private int protocol;
    private int l4Offset;
    private int l4Length;
    private int fragmentOffset;
    private boolean routed;

    public AddressRewriter(AddressTranslation translation) {
        this(translation, ChecksumMode.IPV6_PLAIN);
    }

    /**
     * @param mode of the sessions whose packets are rewritten; with {@link ChecksumMode#NID_ONLY} the translation must leave the lower 64 bits of
     *     IPv6 addresses as they are
     */
    public AddressRewriter(AddressTranslation translation, ChecksumMode mode) {
        this.translation = translation;
        this.mode = mode;
    }

    /**
     * Rewrites the packet that {@code parsed} describes; {@code parsed} is not updated.
     *
     * @param partialChecksum true when the transport checksum field holds the pseudo-header's sum only
     * @return true when anything was changed
     */
    public boolean rewrite(MemorySegment s, ParsedFrame parsed, boolean partialChecksum) {
        changed = false;
        return parsed.isIp() && rewrite(s, parsed.l3At(), parsed.l3Length(), partialChecksum);
    }

    /**
     * The same with the IP packet at {@code ip}, which has been found well formed before.
     *
     * @param length octets from there; what its own header does not count is left alone
     */
    public boolean rewrite(MemorySegment s, long ip, int length, boolean partialChecksum) {
        changed = false;
        if (locate(s, ip, length)) {
            rewritePacket(s, ip, partialChecksum, false);
        }
        return changed;
    }

    /**
     * Rewrites the packet that was just located.
     *
     * @return the change of the sum over the packet's own octets, as {@link Checksum#change} gives it
     */
    private long rewritePacket(MemorySegment s, long ip, boolean partialChecksum, boolean quoted) {
        int checksumOffset = checksumOffset();
        boolean hasPseudoHeader = isV6 ? mode.coversLocators(protocol) : protocol != IpProtocol.ICMP;
        boolean clearsZero = protocol == IpProtocol.UDP || protocol == IpProtocol.UDP_LITE;
        int firstOctet = fragmentOffset;
        int length = l4Length;
        long l4 = ip + l4Offset;
        boolean v6 = isV6;
        boolean pathEndsHere = !routed;
        boolean quotes = !quoted && holdsQuote(s, l4);

        long source = rewriteAddress(s, ip + (v6 ? Ipv6.SOURCE_OFFSET : Ipv4.SOURCE_OFFSET), v6);
        long destination = rewriteAddress(s, ip + (v6 ? Ipv6.DESTINATION_OFFSET : Ipv4.DESTINATION_OFFSET), v6);
        long octets = source + destination;
        if (!v6) {
            octets += updateField(s, ip + Ipv4.CHECKSUM_OFFSET, source + destination);
        }

        long covered = hasPseudoHeader ? source + (pathEndsHere ? destination : 0) : 0;
        long quote = 0;
        if (quotes && locate(s, l4 + IcmpErrors.QUOTE_OFFSET, length - IcmpErrors.QUOTE_OFFSET)) {
            quote = rewritePacket(s, l4 + IcmpErrors.QUOTE_OFFSET, false, true);
        }
        int field = checksumOffset - firstOctet;
        if (checksumOffset < 0 || field < 0 || field + 2 > length) {
            return octets + quote; // no checksum, or it is in another fragment or beyond the quote
        }
        long at = l4 + field;
        int old = BigEndian.u16(s, at);
        if (partialChecksum) {
            BigEndian.putU16(s, at, Checksum.fold(old + covered));
        } else if (old != 0 || !clearsZero) {
            octets += updateField(s, at, covered + quote);
            if (clearsZero && BigEndian.u16(s, at) == 0) {
                BigEndian.putU16(s, at, 0xFFFF); // the same number to a ones' complement sum
            }
        }
        return octets + quote;
    }

    /** Returns the change of the sum; 0 when the address stands for itself. */
    private long rewriteAddress(MemorySegment s, long at, boolean v6) {
        long high = v6 ? BigEndian.u64(s, at) : 0;
        long low = v6 ? BigEndian.u64(s, at + 8) : BigEndian.u32(s, at);
        if (!translation.find(v6, high, low)) {
            return 0;
        }
        changed = true;
        if (!v6) {
            BigEndian.putU32(s, at, translation.low());
            return Checksum.change(low, translation.low());
        }
        BigEndian.putU64(s, at, translation.high());
        BigEndian.putU64(s, at + 8, translation.low());
        return Checksum.change(high, translation.high()) + Checksum.change(low, translation.low());
    }

    /** Updates a checksum for a change of what it covers; returns the change of the checksum itself. */
    private static long updateField(MemorySegment s, long at, long change) {
        if (change == 0) {
            return 0;
        }
        int old = BigEndian.u16(s, at);
        int updated = Checksum.update(old, change);
        BigEndian.putU16(s, at, updated);
        return Checksum.change(old, updated);
    }

    /** Where the located packet's transport checksum stands, from the transport's first octet; -1 for none. */
    private int checksumOffset() {
        return switch (protocol) {
            case IpProtocol.TCP -> Tcp.CHECKSUM_OFFSET;
            case IpProtocol.UDP, IpProtocol.UDP_LITE -> Udp.CHECKSUM_OFFSET;
            case DCCP -> DCCP_CHECKSUM_OFFSET;
            case IpProtocol.ICMP -> isV6 ? -1 : Icmp4.CHECKSUM_OFFSET;
            case IpProtocol.ICMPV6 -> isV6 ? Icmp6.CHECKSUM_OFFSET : -1;
            default -> -1;
        };
    }

    private boolean holdsQuote(MemorySegment s, long l4) {
        if (fragmentOffset != 0 || l4Length < IcmpErrors.QUOTE_OFFSET) {
            return false;
        }
        return isV6
                ? protocol == IpProtocol.ICMPV6 && Icmp6.isError(Icmp6.type(s, l4))
                : protocol == IpProtocol.ICMP && Icmp4.isError(Icmp4.type(s, l4));
    }

    /** Finds the transport of a packet of which {@code available} octets are there; false when it is not IP. */
    private boolean locate(MemorySegment s, long ip, int available) {
        routed = false;
        if (available >= Ipv4.HEADER_BYTES && Ipv4.version(s, ip) == 4) {
            return locate4(s, ip, available);
        }
        return available >= Ipv6.HEADER_BYTES && Ipv6.version(s, ip) == 6 && locate6(s, ip, available);
    }

    private boolean locate4(MemorySegment s, long ip, int available) {
        int header = Ipv4.headerLength(s, ip);
        if (header < Ipv4.HEADER_BYTES || header > available) {
            return false;
        }
        isV6 = false;
        protocol = Ipv4.protocol(s, ip);
        fragmentOffset = Ipv4.fragmentOffset(s, ip);
        l4Offset = header;
        l4Length = Math.max(0, Math.min(available, Ipv4.totalLength(s, ip)) - header);
        return true;
    }

    private boolean locate6(MemorySegment s, long ip, int available) {
        isV6 = true;
        fragmentOffset = 0;
        int end = Math.min(available, Ipv6.HEADER_BYTES + Ipv6.payloadLength(s, ip));
        int offset = Ipv6.HEADER_BYTES;
        int next = Ipv6.nextHeader(s, ip);
        for (int i = 0; i < Ipv6.EXTENSION_HEADERS_MAX && Ipv6.isExtensionHeader(next) && fragmentOffset == 0; i++) {
            if (offset + 8 > end) {
                next = IpProtocol.NO_NEXT_HEADER;
                break;
            }
            long header = ip + offset;
            if (next == IpProtocol.FRAGMENT) {
                fragmentOffset = BigEndian.u16(s, header + 2) & 0xFFF8;
            } else if (next == IpProtocol.ROUTING) {
                routed |= BigEndian.u8(s, header + 3) > 0;
            }
            int length = Ipv6.extensionHeaderLength(next, s, header);
            next = BigEndian.u8(s, header);
            offset += length;
        }
        protocol = next;
        l4Offset = offset;
        l4Length = Math.max(0, end - offset);
        return true;
    }
}
