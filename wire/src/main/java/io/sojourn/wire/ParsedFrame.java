// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * What one Ethernet frame says, as far as a gateway cares: one instance per thread, filled again for each frame, no
 * allocation. Offsets ({@code ...At}) are absolute in the segment that was parsed. After a result other than {@link
 * DropReason#NONE} only the Ethernet fields are meaningful, and those only if the reason is not {@code too-short}.
 *
 * <p><i>Order</i>: none. <i>Ownership</i>: keeps no reference to the frame. <i>Locking</i>: none, one thread.
 */
public final class ParsedFrame {
    /** What the frame carries. */
    public enum Family {
        OTHER,
        ARP,
        RARP,
        IPV4,
        IPV6
    }

    /** Stands for "no address" where a MAC address is optional. */
    public static final long NO_MAC = -1;

    private long frameAt;
    private int frameLength;
    private long destinationMac;
    private long sourceMac;
    private int etherType;
    private Family family = Family.OTHER;

    private long l3At;
    private int l3HeaderLength;
    private int l3Length;
    private int protocol;
    private int protocolAt;
    private long l4At;
    private int l4Length;
    private long sourceHigh;
    private long sourceLow;
    private long destinationHigh;
    private long destinationLow;
    private int ttl;
    private boolean dontFragment;
    private int fragmentOffset;
    private boolean moreFragments;
    private boolean isFragment;

    private int sourcePort;
    private int destinationPort;
    private int tcpFlags;
    private int icmpType;

    private int arpOperation;
    private long arpSenderMac;
    private long arpSenderIp;
    private long arpTargetMac;
    private long arpTargetIp;

    private NeighborDiscovery.Kind ndKind = NeighborDiscovery.Kind.NONE;
    private int ndFlags;
    private long ndTargetHigh;
    private long ndTargetLow;
    private long ndLinkLayer = NO_MAC;

    /**
     * Parses and validates the frame of {@code length} octets at {@code at}. Padding behind the length that the IP
     * header states is ignored.
     */
    public DropReason parse(MemorySegment frame, long at, int length) {
        clear(at, length);
        if (length < Ethernet.HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        destinationMac = Ethernet.destination(frame, at);
        sourceMac = Ethernet.source(frame, at);
        etherType = Ethernet.type(frame, at);
        if (Ethernet.isGroup(sourceMac)) {
            return DropReason.GROUP_SOURCE;
        }
        l3At = at + Ethernet.HEADER_BYTES;
        int available = length - Ethernet.HEADER_BYTES;
        return switch (etherType) {
            case EtherType.IPV4 -> parseIpv4(frame, available);
            case EtherType.IPV6 -> parseIpv6(frame, available);
            case EtherType.ARP, EtherType.RARP -> parseArp(frame, available);
            case EtherType.VLAN, EtherType.SERVICE_VLAN, EtherType.OLD_SERVICE_VLAN -> DropReason.VLAN_TAGGED;
            default -> DropReason.NONE;
        };
    }

    private void clear(long at, int length) {
        frameAt = at;
        frameLength = length;
        destinationMac = 0;
        sourceMac = 0;
        etherType = 0;
        family = Family.OTHER;
        l3At = at;
        l3HeaderLength = 0;
        l3Length = 0;
        protocol = 0;
        protocolAt = 0;
        l4At = at;
        l4Length = 0;
        sourceHigh = 0;
        sourceLow = 0;
        destinationHigh = 0;
        destinationLow = 0;
        ttl = 0;
        dontFragment = false;
        fragmentOffset = 0;
        moreFragments = false;
        isFragment = false;
        sourcePort = 0;
        destinationPort = 0;
        tcpFlags = 0;
        icmpType = -1;
        arpOperation = 0;
        arpSenderMac = 0;
        arpSenderIp = 0;
        arpTargetMac = 0;
        arpTargetIp = 0;
        ndKind = NeighborDiscovery.Kind.NONE;
        ndFlags = 0;
        ndTargetHigh = 0;
        ndTargetLow = 0;
        ndLinkLayer = NO_MAC;
    }

    private DropReason parseArp(MemorySegment s, int available) {
        if (available < Arp.BYTES) {
            return DropReason.TOO_SHORT;
        }
        if (!Arp.isEthernetIpv4(s, l3At)) {
            return DropReason.BAD_ARP;
        }
        family = etherType == EtherType.ARP ? Family.ARP : Family.RARP;
        l3Length = Arp.BYTES;
        arpOperation = Arp.operation(s, l3At);
        arpSenderMac = Arp.senderMac(s, l3At);
        arpSenderIp = Arp.senderIp(s, l3At);
        arpTargetMac = Arp.targetMac(s, l3At);
        arpTargetIp = Arp.targetIp(s, l3At);
        boolean fits = switch (arpOperation) {
            case Arp.REQUEST, Arp.REPLY -> family == Family.ARP;
            case Arp.REVERSE_REQUEST, Arp.REVERSE_REPLY -> family == Family.RARP;
            default -> false;
        };
        return fits && !Ethernet.isGroup(arpSenderMac) ? DropReason.NONE : DropReason.BAD_ARP;
    }

    private DropReason parseIpv4(MemorySegment s, int available) {
        if (available < Ipv4.HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        if (Ipv4.version(s, l3At) != 4) {
            return DropReason.BAD_IP_VERSION;
        }
        int headerLength = Ipv4.headerLength(s, l3At);
        int totalLength = Ipv4.totalLength(s, l3At);
        if (headerLength < Ipv4.HEADER_BYTES || headerLength > totalLength) {
            return DropReason.BAD_IP_HEADER_LENGTH;
        }
        if (totalLength > available) {
            return DropReason.BAD_IP_LENGTH;
        }
        if (!Checksum.isIntact(Checksum.sum(s, l3At, headerLength))) {
            return DropReason.BAD_IP_CHECKSUM; // RFC 1812 section 5.2.2: a router must check it
        }
        family = Family.IPV4;
        l3HeaderLength = headerLength;
        l3Length = totalLength;
        ttl = Ipv4.ttl(s, l3At);
        protocol = Ipv4.protocol(s, l3At);
        protocolAt = Ipv4.PROTOCOL_OFFSET;
        sourceLow = Ipv4.source(s, l3At);
        destinationLow = Ipv4.destination(s, l3At);
        l4At = l3At + headerLength;
        l4Length = totalLength - headerLength;
        int fragment = Ipv4.fragmentField(s, l3At);
        dontFragment = (fragment & Ipv4.DONT_FRAGMENT) != 0;
        moreFragments = (fragment & Ipv4.MORE_FRAGMENTS) != 0;
        fragmentOffset = (fragment & Ipv4.FRAGMENT_OFFSET_MASK) << 3;
        if (fragmentOffset + l4Length > 0xFFFF) {
            return DropReason.BAD_FRAGMENT; // would reassemble to more than a datagram can hold
        }
        isFragment = moreFragments || fragmentOffset != 0;
        return parseTransport(s);
    }

    private DropReason parseIpv6(MemorySegment s, int available) {
        if (available < Ipv6.HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        if (Ipv6.version(s, l3At) != 6) {
            return DropReason.BAD_IP_VERSION;
        }
        int length = Ipv6.HEADER_BYTES + Ipv6.payloadLength(s, l3At);
        if (length > available) {
            return DropReason.BAD_IP_LENGTH;
        }
        family = Family.IPV6;
        l3Length = length;
        ttl = Ipv6.hopLimit(s, l3At);
        sourceHigh = Ipv6.sourceHigh(s, l3At);
        sourceLow = Ipv6.sourceLow(s, l3At);
        destinationHigh = Ipv6.destinationHigh(s, l3At);
        destinationLow = Ipv6.destinationLow(s, l3At);
        dontFragment = true;
        DropReason bad = walkExtensionHeaders(s);
        return bad.isDrop() ? bad : parseTransport(s);
    }

    /** Ends at the upper layer, at a header whose inside is not ours to read, or behind a later fragment's header. */
    private DropReason walkExtensionHeaders(MemorySegment s) {
        int next = Ipv6.nextHeader(s, l3At);
        int offset = Ipv6.HEADER_BYTES;
        protocolAt = Ipv6.NEXT_HEADER_OFFSET;
        for (int count = 0; Ipv6.isExtensionHeader(next) && fragmentOffset == 0; count++) {
            if (count == Ipv6.EXTENSION_HEADERS_MAX || offset + 8 > l3Length) {
                return DropReason.BAD_EXTENSION_HEADERS;
            }
            long header = l3At + offset;
            int bytes = Ipv6.extensionHeaderLength(next, s, header);
            if (offset + bytes > l3Length) {
                return DropReason.BAD_EXTENSION_HEADERS;
            }
            if (next == IpProtocol.FRAGMENT) {
                int field = BigEndian.u16(s, header + 2);
                fragmentOffset = field & 0xFFF8;
                moreFragments = (field & 1) != 0;
                isFragment = moreFragments || fragmentOffset != 0; // RFC 6946: an atomic fragment is whole
            }
            protocolAt = offset;
            next = BigEndian.u8(s, header);
            offset += bytes;
        }
        if (fragmentOffset + l3Length - offset > 0xFFFF) {
            return DropReason.BAD_FRAGMENT;
        }
        protocol = next;
        l3HeaderLength = offset;
        l4At = l3At + offset;
        l4Length = l3Length - offset;
        return DropReason.NONE;
    }

    /** What a router may leave alone it leaves alone: only Neighbor Discovery, which we act upon, is held to its rules. */
    private DropReason parseTransport(MemorySegment s) {
        if (fragmentOffset != 0) {
            return DropReason.NONE;
        }
        if (protocol == IpProtocol.ICMPV6 && family == Family.IPV6 && l4Length > 0) {
            icmpType = Icmp6.type(s, l4At);
            NeighborDiscovery.Kind kind = NeighborDiscovery.Kind.of(icmpType);
            return kind == NeighborDiscovery.Kind.NONE ? DropReason.NONE : parseNeighborDiscovery(s, kind);
        }
        if (protocol == IpProtocol.ICMP && family == Family.IPV4 && l4Length > 0) {
            icmpType = Icmp4.type(s, l4At);
            return DropReason.NONE;
        }
        if (!isFragment && l4Length >= Udp.HEADER_BYTES && IpProtocol.hasPorts(protocol)) {
            sourcePort = Udp.sourcePort(s, l4At);
            destinationPort = Udp.destinationPort(s, l4At);
            if (protocol == IpProtocol.TCP && l4Length >= Tcp.HEADER_BYTES) {
                tcpFlags = Tcp.flags(s, l4At);
            }
        }
        return DropReason.NONE;
    }

    /** The validation of RFC 4861 sections 6.1, 7.1 and 8.1, and RFC 6980 (never fragmented). */
    private DropReason parseNeighborDiscovery(MemorySegment s, NeighborDiscovery.Kind kind) {
        if (isFragment
                || ttl != NeighborDiscovery.HOP_LIMIT
                || l4Length < kind.fixedBytes()
                || Icmp6.code(s, l4At) != 0
                || !Checksum.isIntact(Icmp6.sumOf(s, l3At, l4At, l4Length))) {
            return DropReason.BAD_NEIGHBOR_DISCOVERY;
        }
        long linkLayer = NeighborDiscovery.linkLayerOption(s, l4At, l4Length, kind);
        if (linkLayer == NeighborDiscovery.BROKEN) {
            return DropReason.BAD_NEIGHBOR_DISCOVERY;
        }
        ndFlags = BigEndian.u8(s, l4At + NeighborDiscovery.FLAGS_OFFSET);
        if (kind.hasTarget()) {
            ndTargetHigh = BigEndian.u64(s, l4At + NeighborDiscovery.TARGET_OFFSET);
            ndTargetLow = BigEndian.u64(s, l4At + NeighborDiscovery.TARGET_OFFSET + 8);
        }
        boolean unspecified = sourceHigh == 0 && sourceLow == 0;
        boolean valid = switch (kind) {
            case NEIGHBOR_SOLICITATION ->
                !Ipv6.isMulticast(ndTargetHigh)
                        && (!unspecified
                                || linkLayer == NO_MAC
                                        && NeighborDiscovery.isSolicitedNode(destinationHigh, destinationLow));
            case NEIGHBOR_ADVERTISEMENT ->
                !Ipv6.isMulticast(ndTargetHigh)
                        && !(Ipv6.isMulticast(destinationHigh) && (ndFlags & NeighborDiscovery.SOLICITED) != 0);
            case ROUTER_SOLICITATION -> !unspecified || linkLayer == NO_MAC;
            case ROUTER_ADVERTISEMENT, REDIRECT -> Ipv6.isLinkLocal(sourceHigh);
            case NONE -> false;
        };
        if (!valid || linkLayer != NO_MAC && Ethernet.isGroup(linkLayer)) {
            return DropReason.BAD_NEIGHBOR_DISCOVERY;
        }
        ndKind = kind;
        ndLinkLayer = linkLayer;
        return DropReason.NONE;
    }

    // --- Ethernet

    public long frameAt() {
        return frameAt;
    }

    /** As given to {@link #parse}; trailing padding included. */
    public int frameLength() {
        return frameLength;
    }

    public long destinationMac() {
        return destinationMac;
    }

    public long sourceMac() {
        return sourceMac;
    }

    public int etherType() {
        return etherType;
    }

    public Family family() {
        return family;
    }

    public boolean isIp() {
        return family == Family.IPV4 || family == Family.IPV6;
    }

    // --- IP

    public boolean isV6() {
        return family == Family.IPV6;
    }

    /** Where the Ethernet payload begins. */
    public long l3At() {
        return l3At;
    }

    /** Octets before the upper layer: options and extension headers included. */
    public int l3HeaderLength() {
        return l3HeaderLength;
    }

    /** Octets of the whole packet as its header says, padding of the frame excluded. */
    public int l3Length() {
        return l3Length;
    }

    /** Octets of the frame without its padding. */
    public int unpaddedLength() {
        return l3Length == 0 ? frameLength : Ethernet.HEADER_BYTES + l3Length;
    }

    /** The upper layer: IPv4 protocol, or the next header behind the extension headers. */
    public int protocol() {
        return protocol;
    }

    /** Where the octet that names {@link #protocol} stands, counted from {@link #l3At}. */
    public int protocolOffset() {
        return protocolAt;
    }

    public long l4At() {
        return l4At;
    }

    public int l4Length() {
        return l4Length;
    }

    /** 0 for IPv4. */
    public long sourceHigh() {
        return sourceHigh;
    }

    public long sourceLow() {
        return sourceLow;
    }

    /** 0 for IPv4. */
    public long destinationHigh() {
        return destinationHigh;
    }

    public long destinationLow() {
        return destinationLow;
    }

    /** Time to live or hop limit. */
    public int ttl() {
        return ttl;
    }

    /** The DF flag; always true for IPv6, which routers never fragment. */
    public boolean dontFragment() {
        return dontFragment;
    }

    /** In octets. */
    public int fragmentOffset() {
        return fragmentOffset;
    }

    public boolean moreFragments() {
        return moreFragments;
    }

    public boolean isFragment() {
        return isFragment;
    }

    public boolean isMulticastDestination() {
        return isV6() ? Ipv6.isMulticast(destinationHigh) : isIp() && Ipv4.isMulticast(destinationLow);
    }

    // --- transport

    /** 0 when the protocol has no ports, and for every fragment. */
    public int sourcePort() {
        return sourcePort;
    }

    /** 0 when the protocol has no ports, and for every fragment. */
    public int destinationPort() {
        return destinationPort;
    }

    /** 0 unless a whole TCP segment. */
    public int tcpFlags() {
        return tcpFlags;
    }

    public boolean isTcpSyn() {
        return (tcpFlags & Tcp.SYN) != 0;
    }

    /** ICMP or ICMPv6 type of an unfragmented message or first fragment, else -1. */
    public int icmpType() {
        return icmpType;
    }

    /** An ICMP or ICMPv6 error, which quotes a packet; of a fragment the first. */
    public boolean isIcmpError() {
        if (icmpType < 0) {
            return false;
        }
        return isV6()
                ? protocol == IpProtocol.ICMPV6 && Icmp6.isError(icmpType)
                : protocol == IpProtocol.ICMP && Icmp4.isError(icmpType);
    }

    public boolean isEchoRequest() {
        return !isFragment && l4Length >= Icmp4.HEADER_BYTES && icmpType == (isV6() ? Icmp6.ECHO_REQUEST : Icmp4.ECHO);
    }

    // --- ARP, RARP

    public boolean isArpRequest() {
        return family == Family.ARP && arpOperation == Arp.REQUEST;
    }

    public boolean isArpReply() {
        return family == Family.ARP && arpOperation == Arp.REPLY;
    }

    /** QEMU's announcement of a resumed machine. */
    public boolean isRarpRequest() {
        return family == Family.RARP && arpOperation == Arp.REVERSE_REQUEST;
    }

    public long arpSenderMac() {
        return arpSenderMac;
    }

    public long arpSenderIp() {
        return arpSenderIp;
    }

    public long arpTargetMac() {
        return arpTargetMac;
    }

    public long arpTargetIp() {
        return arpTargetIp;
    }

    /** ARP probe or Neighbor Solicitation of someone who asks whether an address is free (RFC 5227, RFC 4862). */
    public boolean isDuplicateAddressProbe() {
        return isArpRequest() && arpSenderIp == 0
                || ndKind == NeighborDiscovery.Kind.NEIGHBOR_SOLICITATION && sourceHigh == 0 && sourceLow == 0;
    }

    /** Nobody asked: gratuitous ARP (RFC 5227 announcement), or a multicast Neighbor Advertisement. */
    public boolean isGratuitous() {
        return family == Family.ARP && arpSenderIp == arpTargetIp && arpSenderIp != 0
                || ndKind == NeighborDiscovery.Kind.NEIGHBOR_ADVERTISEMENT && Ipv6.isMulticast(destinationHigh);
    }

    // --- Neighbor Discovery

    public NeighborDiscovery.Kind ndKind() {
        return ndKind;
    }

    /** R, S and O of an advertisement, as masks in {@link NeighborDiscovery}. */
    public int ndFlags() {
        return ndFlags;
    }

    public long ndTargetHigh() {
        return ndTargetHigh;
    }

    public long ndTargetLow() {
        return ndTargetLow;
    }

    /** The source (solicitations, router advertisement) or target link-layer address option, or {@link #NO_MAC}. */
    public long ndLinkLayer() {
        return ndLinkLayer;
    }
}
