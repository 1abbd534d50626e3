// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.DatagramBatch;
import io.sojourn.mechanism.Inbound;
import io.sojourn.mechanism.Segment;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Vxlan;
import it.unimi.dsi.fastutil.ints.Int2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.ints.IntOpenHashSet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Packets of segmented VMs between gateways: plain VXLAN from and to the one UDP port, under the VNI of the network and of the place where the VM is. They are in one flow with
 * the sealed datagrams and the signals among them, so what was sent first comes first.
 *
 * <p>Out: 1 is the VM in question segmented; 2 which segment; 3 {@link WanPort#sendPlain}. In: {@link Outside} asks whether a datagram in the open is of a segment, and goes
 * on with what {@link #decapsulate} makes of it as if it had come by the overlay.
 *
 * <p>Locking: forwarder's thread.
 */
final class SegmentPath implements Bypass {
    private static final Logger LOG = LoggerFactory.getLogger(SegmentPath.class);
    private static final int NONE = 0;

    private final ForwardingTable table;
    private final WanPort wan;
    private final Inside inside;
    private final Counters counters;
    private final Segment segment = new Segment();
    private final MemorySegment frame = Arena.ofAuto().allocate(LanPort.VNET_BYTES + WanPort.frameBytes(), 64);
    /** By VNI of a segment, ours and our peers'. */
    private final Int2ObjectOpenHashMap<VirtualNetwork> networks = new Int2ObjectOpenHashMap<>();

    SegmentPath(ForwardingTable table, WanPort wan, Inside inside, Counters counters) {
        this.counters = counters;
        this.inside = inside;
        this.table = table;
        this.wan = wan;
    }

    /** The forwarding table has changed. */
    void tableChanged() {
        networks.clear();
        IntOpenHashSet taken = new IntOpenHashSet();
        table.networks().forEach(network -> taken.add(network.vni));
        for (VirtualNetwork network : table.networks()) {
            put(network.segmentVni, network, taken);
            for (Peer peer : table.peers()) {
                put(peer.segment(network), network, taken);
            }
        }
    }

    private void put(int vni, VirtualNetwork network, IntOpenHashSet taken) {
        if (vni != NONE && taken.add(vni)) {
            networks.put(vni, network);
        } else if (vni != NONE) {
            networks.remove(vni);
            LOG.warn(
                    "segment {} of network {} is used twice, and carries nothing: give each network at each gateway a VNI of its own",
                    vni,
                    network.name);
        }
    }

    // --- out

    @Override
    public boolean carries(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt) {
        return vni(peer, network, s, frameAt) != NONE;
    }

    @Override
    public String explain(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt, long epoch) {
        return "segment: in the open in VXLAN (RFC 7348), VNI " + vni(peer, network, s, frameAt) + ", to "
                + peer.address + "; epoch " + epoch + " in the inner frame's source address";
    }

    @Override
    public int mtuBytes(Peer peer) {
        return peer.underlayMtuBytes - segment.addedBytes(peer.isV6());
    }

    @Override
    public boolean send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn) {
        VirtualNetwork network = table.network(vni);
        int to = network == null ? NONE : vni(peer, network, run.memory(), run.frameAt());
        if (to == NONE || run.longestIpBytes() > mtuBytes(peer)) {
            return false;
        }
        wan.sendPlain(peer, run, segment, to, vni, epoch, passedOn);
        return true;
    }

    /** Of the segment that carries the packet; of a VM's the one of the place where it is. */
    private int vni(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt) {
        if (network.segmentVni == NONE || peer.segment(network) == NONE || peer.via != null) {
            return NONE;
        }
        long ip = frameAt + Ethernet.HEADER_BYTES;
        boolean v6 = Ethernet.type(s, frameAt) == EtherType.IPV6;
        VmEntry to = v6
                ? network.vmByAddress.get(true, Ipv6.destinationHigh(s, ip), Ipv6.destinationLow(s, ip))
                : network.vmByAddress.get(false, 0, Ipv4.destination(s, ip));
        if (to != null) {
            return to.isSegmented(network) ? peer.segment(network) : NONE;
        }
        VmEntry from = v6
                ? network.vmByAddress.get(true, Ipv6.sourceHigh(s, ip), Ipv6.sourceLow(s, ip))
                : network.vmByAddress.get(false, 0, Ipv4.source(s, ip));
        return from != null && from.isSegmented(network) ? network.segmentVni : NONE;
    }

    // --- in

    /** Whether a datagram in the open from a gateway is of a segment that it and we have a part in. */
    boolean accepts(Peer peer, MemorySegment s, long at, int length) {
        return length >= Vxlan.HEADER_BYTES + Ethernet.HEADER_BYTES
                && segment.accepts(Vxlan.flags(s, at))
                && isBetween(peer, Vxlan.vni(s, at));
    }

    private boolean isBetween(Peer peer, int vni) {
        VirtualNetwork network = networks.get(vni);
        return network != null && (network.segmentVni == vni || peer.segment(network) == vni);
    }

    /** Of what was accepted; the network that it belongs to. */
    @Nullable
    VirtualNetwork network(int segmentVni) {
        return networks.get(segmentVni);
    }

    /**
     * A datagram from nobody we know: from an edge that is not ours, if it is of our segment. Its frame is taken as if it had come from a LAN.
     *
     * @return false: it is not
     */
    boolean fromEdge(DatagramBatch batch, int i, long nowNs) {
        MemorySegment s = batch.slab();
        long at = batch.offset(i);
        int length = batch.length(i) - Vxlan.HEADER_BYTES;
        if (length < Ethernet.HEADER_BYTES || batch.truncated(i) || !segment.accepts(Vxlan.flags(s, at))) {
            return false;
        }
        VirtualNetwork network = networks.get(Vxlan.vni(s, at));
        if (network == null || network.segmentVni != Vxlan.vni(s, at)) {
            return false;
        }
        for (int e = 0; e < network.edges.size(); e++) {
            Edge edge = network.edges.get(e);
            if (batch.isHost(i, edge.device().address())) {
                if (network.vmByMac.get(Ethernet.source(s, at + Vxlan.HEADER_BYTES)) != null) {
                    counters.drop(DropReason.SPOOFED); // no VM of ours speaks from there
                    return true;
                }
                MemorySegment.copy(s, at + Vxlan.HEADER_BYTES, frame, LanPort.VNET_BYTES, length);
                inside.fromEdge(edge, frame, LanPort.VNET_BYTES, length, nowNs);
                return true;
            }
        }
        return false;
    }

    DropReason decapsulate(MemorySegment s, long at, int length, Inbound result) {
        return segment.decapsulate(s, at, length, result);
    }
}
