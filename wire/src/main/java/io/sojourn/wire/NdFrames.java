// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Whole frames of Neighbor Discovery (RFC 4861 sections 4.3 and 4.4), 86 octets each, written at {@code at}; every
 * method returns the length.
 */
public final class NdFrames {
    public static final int BYTES = Ethernet.HEADER_BYTES
            + Ipv6.HEADER_BYTES
            + 24 // solicitation or advertisement without options
            + NeighborDiscovery.LINK_LAYER_OPTION_BYTES;

    private NdFrames() {}

    /** Multicast question who has the target, to its solicited-node group. */
    public static int solicitation(
            MemorySegment s,
            long at,
            long sourceMac,
            long sourceHigh,
            long sourceLow,
            long targetHigh,
            long targetLow) {
        long groupLow = NeighborDiscovery.solicitedNodeLow(targetLow);
        Ethernet.write(s, at, NeighborDiscovery.multicastMac(groupLow), sourceMac, EtherType.IPV6);
        return finish(
                s,
                at,
                NeighborDiscovery.Kind.NEIGHBOR_SOLICITATION,
                0,
                sourceHigh,
                sourceLow,
                NeighborDiscovery.ALL_NODES_HIGH,
                groupLow,
                targetHigh,
                targetLow,
                NeighborDiscovery.OPTION_SOURCE_LINK_LAYER,
                sourceMac);
    }

    /**
     * Answer to a solicitation. One whose source is unspecified (a duplicate address probe) must be answered to all
     * nodes without the S flag (RFC 4861 section 7.2.4): use {@link #unsolicited} then.
     *
     * @param mac the link-layer address of the target, and the source of the frame
     * @param flags of {@link NeighborDiscovery#ROUTER}, {@code SOLICITED}, {@code OVERRIDE}
     */
    public static int advertisement(
            MemorySegment s,
            long at,
            long destinationMac,
            long mac,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            long targetHigh,
            long targetLow,
            int flags) {
        Ethernet.write(s, at, destinationMac, mac, EtherType.IPV6);
        return finish(
                s,
                at,
                NeighborDiscovery.Kind.NEIGHBOR_ADVERTISEMENT,
                flags,
                sourceHigh,
                sourceLow,
                destinationHigh,
                destinationLow,
                targetHigh,
                targetLow,
                NeighborDiscovery.OPTION_TARGET_LINK_LAYER,
                mac);
    }

    /**
     * Announcement to all nodes that the target is at {@code mac} from now on (RFC 4861 section 7.2.6).
     *
     * @param flags OVERRIDE replaces what neighbours have cached; SOLICITED is not allowed here and is removed
     */
    public static int unsolicited(MemorySegment s, long at, long mac, long targetHigh, long targetLow, int flags) {
        return advertisement(
                s,
                at,
                NeighborDiscovery.multicastMac(NeighborDiscovery.ALL_NODES_LOW),
                mac,
                targetHigh,
                targetLow,
                NeighborDiscovery.ALL_NODES_HIGH,
                NeighborDiscovery.ALL_NODES_LOW,
                targetHigh,
                targetLow,
                flags & ~NeighborDiscovery.SOLICITED);
    }

    private static int finish(
            MemorySegment s,
            long at,
            NeighborDiscovery.Kind kind,
            int flags,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            long targetHigh,
            long targetLow,
            int option,
            long mac) {
        long ip = at + Ethernet.HEADER_BYTES;
        long icmp = ip + Ipv6.HEADER_BYTES;
        int icmpLength = BYTES - Ethernet.HEADER_BYTES - Ipv6.HEADER_BYTES;
        Ipv6.write(
                s,
                ip,
                0,
                icmpLength,
                IpProtocol.ICMPV6,
                NeighborDiscovery.HOP_LIMIT,
                sourceHigh,
                sourceLow,
                destinationHigh,
                destinationLow);
        BigEndian.putU16(s, icmp, kind.type() << 8);
        BigEndian.putU32(s, icmp + NeighborDiscovery.FLAGS_OFFSET, (long) flags << 24);
        BigEndian.putU64(s, icmp + NeighborDiscovery.TARGET_OFFSET, targetHigh);
        BigEndian.putU64(s, icmp + NeighborDiscovery.TARGET_OFFSET + 8, targetLow);
        long optionAt = icmp + kind.fixedBytes();
        BigEndian.putU8(s, optionAt, option);
        BigEndian.putU8(s, optionAt + 1, 1);
        BigEndian.putU48(s, optionAt + 2, mac);
        Icmp6.putChecksum(s, ip, icmp, icmpLength);
        return BYTES;
    }
}
