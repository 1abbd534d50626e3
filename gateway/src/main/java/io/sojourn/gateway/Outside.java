// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.VirtualNetwork.Subnet;
import io.sojourn.linux.DatagramBatch;
import io.sojourn.mechanism.Inbound;
import io.sojourn.mechanism.Mechanism;
import io.sojourn.seal.SealFormat;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.RelayDatagram;
import io.sojourn.wire.SojournDatagram;
import io.sojourn.wire.SplitDatagram;
import io.sojourn.wire.TtlDecrement;
import io.sojourn.wire.Vxlan;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * From the WAN inwards, {@link Inside} mirrored: 1 receive a batch; 2 who sent it; 3 what it is; 4 decapsulate, and
 * collect what belongs together; 5 parse; 6 look up who it is for; 7 deliver, keep, or send on.
 *
 * <p>Nothing of a datagram is looked at, but its first octet, before its sender is known to be a gateway of ours: by the seal, or where
 * plain was asked for by its address. Locking: forwarder's thread.
 */
final class Outside {
    /** Datagrams of Sojourn's own. */
    interface Control {
        void signal(Peer from, byte[] datagram, long nowNs);

        void stream(Peer from, MemorySegment s, long at, int length, long nowNs);

        void probe(Peer from, MemorySegment s, long at, int length);

        void probeReply(Peer from, MemorySegment s, long at, int length, long nowNs);

        /** Datagrams that we sent to a peer arrive damaged there. */
        void damaged(Peer at, long nowNs);

        /** A Mapping Update, or its answer. */
        default void mapping(Peer from, byte[] datagram, long nowNs) {}

        /** Flows of a VM that moves, or an answer. */
        default void flowState(Peer from, byte[] datagram, long nowNs) {}

        /** What another border knows of a node, or its answer. */
        default void nodeState(Peer from, byte[] datagram, long nowNs) {}

        /** Connections of a VM on its way here, or an answer. */
        default void labelState(Peer from, byte[] datagram, long nowNs) {}

        /** What was said about a connection where it was before. */
        default void labelControl(Peer from, byte[] datagram, long nowNs) {}

        /** A peer still sends here what belongs elsewhere. */
        void late(VmEntry vm, Peer from, long nowNs);
    }

    private final ForwardingTable table;
    private final WanPort wan;
    private final Mechanism mechanism;
    private final Sealing sealing;
    private final LocalDelivery delivery;
    private final Counters counters;
    private final Relays relays;
    private final Control control;
    private final ParsedFrame f = new ParsedFrame();
    private final Long2ObjectOpenHashMap<Peer> peerByKey = new Long2ObjectOpenHashMap<>();
    private final Inbound inbound = new Inbound();
    private final FrameRun run = new FrameRun();
    private final FrameRun one = new FrameRun();
    /** Who sent the run that is being collected; null: none is. */
    private @Nullable Peer runFrom;

    /** The last plain datagram of this batch, and who sent it. */
    private int single;

    private int plainAt;

    private @Nullable Peer plainFrom;

    private int runVni;
    private int runEpoch;
    private boolean runPassedOn;
    private long nowNs;
    private Witness witness = new Witness();
    private List<UnderlayPort> beside = List.of();
    private @Nullable SegmentPath segments;
    private @Nullable LocatorPath locators;
    private @Nullable LabelPath labels;
    private @Nullable FlowPath world;

    Outside(
            ForwardingTable table,
            WanPort wan,
            Mechanism mechanism,
            Sealing sealing,
            LocalDelivery delivery,
            Counters counters,
            Relays relays,
            Control control) {
        this.table = table;
        this.wan = wan;
        this.mechanism = mechanism;
        this.sealing = sealing;
        this.delivery = delivery;
        this.counters = counters;
        this.relays = relays;
        this.control = control;
    }

    void watchedBy(Witness w) {
        witness = w;
    }

    /** Signals are in order with what comes by these as well. */
    void inOrderWith(List<UnderlayPort> underlays) {
        beside = underlays;
    }

    /** Packets come by locators as well. */
    void locatedBy(LocatorPath path) {
        locators = path;
    }

    /** Packets come by labels as well. */
    void labelledBy(LabelPath path) {
        labels = path;
    }

    /** Packets go to hosts behind no gateway, and come from there, by that path. */
    void outOf(FlowPath path) {
        world = path;
    }

    /** Packets come in segments as well. */
    void segmentedBy(SegmentPath path) {
        segments = path;
    }

    /** The table's peers have changed. */
    void reindexPeers() {
        peerByKey.clear();
        table.peers().forEach(peer -> peerByKey.put(peer.address.key(), peer));
    }

    /** The last {@link #poll} may have left some unread. */
    boolean mayHaveMore() {
        return wan.mayHaveMore();
    }

    /** How many packets of their own have come since this was asked last, and no TCP. */
    int takeSingle() {
        int taken = single;
        single = 0;
        return taken;
    }

    /** Receives one batch; the number of datagrams. */
    int poll(long now) {
        nowNs = now;
        int n = wan.receive();
        DatagramBatch in = wan.in();
        plainAt = -1;
        for (int i = 0; i < n; i++) {
            datagram(in, i);
        }
        endRun();
        return n;
    }

    private void datagram(DatagramBatch in, int i) {
        if (in.length(i) > 0 && SealFormat.isSealed(BigEndian.u8(in.slab(), in.offset(i)))) {
            Peer sender = sealing.open(in, i);
            if (sender != null) {
                opened(sender, in, i);
            }
            return;
        }
        Peer peer = plainAt >= 0 && plainAt == i - 1 && in.isSameSlot(plainAt, i) ? plainFrom : peerOf(in, i);
        plainAt = i;
        plainFrom = peer;
        if (peer == null) {
            if (segments == null || !segments.fromEdge(in, i, nowNs)) {
                counters.drop(DropReason.UNKNOWN_PEER);
            }
        } else if (segments != null && segments.accepts(peer, in.slab(), in.offset(i), in.length(i))) {
            segmentFrame(segments, peer, in, i);
        } else if (!peer.plain) {
            counters.drop(DropReason.UNSEALED);
        } else {
            opened(peer, in, i);
        }
    }

    private @Nullable Peer peerOf(DatagramBatch in, int i) {
        Peer peer = peerByKey.get(in.peerKey(i));
        return peer != null && in.isPeer(i, peer.address) ? peer : null;
    }

    private void opened(Peer peer, DatagramBatch in, int i) {
        MemorySegment s = in.slab();
        long at = in.offset(i);
        int length = in.length(i);
        if (in.truncated(i)) {
            counters.drop(DropReason.TOO_SHORT);
            return;
        }
        if (SojournDatagram.isDirectProbe(s, at, length)) {
            peer.directFrom = in.peer(i);
        }
        opened(peer, s, at, length);
    }

    private void opened(Peer peer, MemorySegment s, long at, int length) {
        if (length < Vxlan.HEADER_BYTES) {
            counters.drop(DropReason.TOO_SHORT);
            return;
        }
        if (mechanism.accepts(Vxlan.flags(s, at))) {
            counters.add(Kind.WAN_IN);
            frame(peer, s, at, length);
            return;
        }
        endRun(); // signals are in order with the frames around them
        ownDatagram(peer, s, at, length);
    }

    private void ownDatagram(Peer peer, MemorySegment s, long at, int length) {
        switch (SojournDatagram.type(s, at, length)) {
            case SojournDatagram.SIGNAL -> {
                // What was sent before the signal and travelled beside it is before it.
                beside.forEach(UnderlayPort::drain);
                control.signal(peer, s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), nowNs);
            }
            case SojournDatagram.STREAM_DATA, SojournDatagram.STREAM_ACK -> control.stream(peer, s, at, length, nowNs);
            case SojournDatagram.PATH_PROBE -> control.probe(peer, s, at, length);
            case SojournDatagram.PATH_PROBE_REPLY -> control.probeReply(peer, s, at, length, nowNs);
            case SojournDatagram.RELAY -> relays.handOn(peer, s, at, length);
            case SojournDatagram.RELAYED -> relayed(peer, s, at, length);
            case SojournDatagram.SPLIT -> half(peer, s, at, length);
            case SojournDatagram.MAPPING ->
                control.mapping(peer, s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), nowNs);
            case SojournDatagram.NODE_STATE ->
                control.nodeState(peer, s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), nowNs);
            case SojournDatagram.LABEL_STATE ->
                control.labelState(peer, s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), nowNs);
            case SojournDatagram.LABEL_CONTROL ->
                control.labelControl(peer, s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), nowNs);
            case SojournDatagram.FLOW_STATE ->
                control.flowState(peer, s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), nowNs);
            case SojournDatagram.DAMAGE -> control.damaged(peer, nowNs);
            default -> counters.drop(DropReason.UNKNOWN_DATAGRAM);
        }
    }

    /** What a relay has handed on is opened and looked at as if it had come straight. */
    private void relayed(Peer via, MemorySegment s, long at, int length) {
        long sealedAt = at + RelayDatagram.FROM_HEADER_BYTES;
        int sealed = length - RelayDatagram.FROM_HEADER_BYTES;
        Peer of = length <= RelayDatagram.FROM_HEADER_BYTES ? null : table.peer(RelayDatagram.number(s, at));
        if (of == null || of.seal == null || !SealFormat.isSealed(BigEndian.u8(s, sealedAt))) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return;
        }
        Peer sender = sealing.openRelayed(via, of, s, sealedAt, sealed);
        if (sender == null) {
            return;
        }
        int type = SojournDatagram.type(s, sealedAt, sealing.openedLength());
        if (sender != of || type == SojournDatagram.RELAY || type == SojournDatagram.RELAYED) {
            counters.drop(DropReason.MALFORMED_CONTROL); // one relay, not several
            return;
        }
        Relays.heard(sender, via, s, at, nowNs);
        opened(sender, s, sealedAt, sealing.openedLength());
    }

    /** The whole is looked at as if it had come now, and at once: its memory is taken for others. */
    private void half(Peer peer, MemorySegment s, long at, int length) {
        if (!SplitDatagram.isWellFormed(s, at, length)) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return;
        }
        Halves halves = peer.halves == null ? new Halves() : peer.halves;
        peer.halves = halves;
        long whole = halves.take(s, at);
        int wholeLength = SplitDatagram.wholeBytes(s, at);
        if (whole < 0) {
            return;
        }
        if (SojournDatagram.type(halves.memory(), whole, wholeLength) == SojournDatagram.SPLIT) {
            counters.drop(DropReason.MALFORMED_CONTROL); // halves of halves are nobody's
            return;
        }
        opened(peer, halves.memory(), whole, wholeLength);
        endRun();
    }

    private void frame(Peer peer, MemorySegment s, long datagramAt, int datagramLength) {
        collect(peer, s, mechanism.decapsulate(s, datagramAt, datagramLength, inbound), inbound.vni());
    }

    private void segmentFrame(SegmentPath by, Peer peer, DatagramBatch in, int i) {
        MemorySegment s = in.slab();
        DropReason bad =
                in.truncated(i) ? DropReason.TOO_SHORT : by.decapsulate(s, in.offset(i), in.length(i), inbound);
        VirtualNetwork network = by.network(inbound.vni());
        counters.add(Kind.WAN_IN);
        collect(peer, s, bad, network == null ? 0 : network.vni);
    }

    /** A frame joins the run if it would take the same way, which is decided when the run ends. */
    private void collect(Peer peer, MemorySegment s, DropReason bad, int vni) {
        if (bad.isDrop()) {
            endRun();
            counters.drop(bad);
            return;
        }
        if (runFrom == peer
                && runVni == vni
                && runEpoch == inbound.epoch()
                && runPassedOn == inbound.isPassedOn()
                && run.join(s, inbound.frameAt(), inbound.frameLength(), inbound.isPartialChecksum())) {
            return;
        }
        endRun();
        runFrom = peer;
        runVni = vni;
        runEpoch = inbound.epoch();
        runPassedOn = inbound.isPassedOn();
        run.begin(s, inbound.frameAt(), inbound.frameLength(), inbound.isPartialChecksum());
    }

    /** Decides for all frames of the run at once. */
    private void endRun() {
        Peer peer = runFrom;
        if (peer == null) {
            return;
        }
        runFrom = null;
        VirtualNetwork network = table.network(runVni);
        if (network == null) {
            drop(DropReason.UNKNOWN_NETWORK, run);
            return;
        }
        arrived(peer, network, runEpoch, runPassedOn, run);
    }

    /**
     * Frames have come from another gateway, whichever way they travelled. No run may be under way.
     *
     * @param peer null: from somebody on the way
     * @param epoch low 24 bits of that by which they were sent; 0: none
     */
    void arrived(@Nullable Peer peer, VirtualNetwork network, int epoch, boolean passedOn, FrameRun run) {
        DropReason bad = f.parse(run.memory(), run.frameAt(), run.frameLength());
        if (!bad.isDrop() && (!f.isIp() || f.isMulticastDestination())) {
            bad = f.isIp() ? DropReason.MULTICAST : DropReason.UNKNOWN_ETHER_TYPE;
        }
        if (!bad.isDrop() && run.isPartialInVain()) {
            bad = DropReason.BAD_TRANSPORT_LENGTH;
        }
        if (bad.isDrop()) {
            drop(bad, run);
            return;
        }
        run.trim(f.unpaddedLength());
        single += run.count() == 1 && f.protocol() != IpProtocol.TCP ? 1 : 0;
        LocatorPath located = locators;
        if (located != null && peer != null && located.takes(peer, network, epoch, run, f)) {
            return;
        }
        LabelPath labelled = labels;
        if (labelled != null && peer != null && labelled.takes(network, run, f)) {
            return;
        }
        if (peer != null) {
            witness.fromWan(peer, network.vni, epoch, run);
        }
        VmEntry source = network.vmByAddress.get(f.isV6(), f.sourceHigh(), f.sourceLow());
        if (source != null && peer != null && !passedOn && !source.outboundHolds.isEmpty()) {
            Hold hold = source.outboundHolds.get(peer.id);
            if (hold != null) {
                VmEntry other = network.vmByAddress.get(f.isV6(), f.destinationHigh(), f.destinationLow());
                delivery.hold(source, hold, run, epoch, other);
                return;
            }
        }
        inward(peer, network, epoch, passedOn, passedOn ? null : source, run);
    }

    /** What a VM sent waits until what it sent before, from where it was, has come. */
    void hold(VmEntry source, Hold hold, FrameRun frames) {
        delivery.hold(source, hold, frames, 0, null);
    }

    private void drop(DropReason reason, FrameRun run) {
        for (int i = 0; i < run.count(); i++) {
            counters.drop(reason);
        }
    }

    /** What was held of a VM's own packets goes on, as if it came now. */
    void resume(HoldBuffer held, @Nullable Peer from, VmEntry source, VirtualNetwork network) {
        for (; !held.isEmpty(); held.remove()) {
            DropReason bad = f.parse(held.frames(), held.frameAt(), held.frameLength());
            if (bad.isDrop()) {
                counters.drop(bad);
            } else {
                FrameRun frame = one.frame(held.frames(), held.frameAt(), f.unpaddedLength(), false);
                LocatorPath located = locators;
                if (located == null || from == null || !located.takes(from, network, held.frameEpoch(), frame, f)) {
                    inward(from, network, held.frameEpoch(), false, source, frame);
                }
            }
        }
    }

    private void inward(
            @Nullable Peer peer,
            VirtualNetwork network,
            int epoch,
            boolean passedOn,
            @Nullable VmEntry source,
            FrameRun run) {
        int slot = network.vmByAddress.find(f.isV6(), f.destinationHigh(), f.destinationLow());
        if (slot != VmTable.NONE) {
            toVm(peer, network, network.vmByAddress.vm(slot), network.vmByAddress.mac(slot), epoch, source, run);
            return;
        }
        Subnet subnet = network.subnetOf(f.isV6(), f.destinationHigh(), f.destinationLow());
        LanPort port = network.port;
        if (toWorld(peer, network, subnet, passedOn, run)) {
            return;
        }
        if (subnet == null || port == null) {
            drop(DropReason.NO_ROUTE, run);
        } else if (!table.isHere(subnet)) {
            relay(network, subnet, passedOn, run);
        } else if (!network.isGatewayAddress(f.isV6(), f.destinationHigh(), f.destinationLow())) {
            if (subnet.onUnderlay()) {
                wan.sendUnderlay(run);
            } else {
                port.neighbours.deliver(f.isV6(), f.destinationHigh(), f.destinationLow(), run, nowNs);
            }
        } else {
            drop(DropReason.NOT_FOR_US, run);
        }
    }

    /** Whether anything has to do with the world outside, or with policies. */
    boolean isWorldUsed() {
        FlowPath path = world;
        return path != null && path.isUsed();
    }

    private boolean toWorld(
            @Nullable Peer peer, VirtualNetwork network, @Nullable Subnet subnet, boolean passedOn, FrameRun run) {
        FlowPath path = world;
        VmEntry sender = path == null || subnet != null && !subnet.homeSite().isEmpty()
                ? null
                : network.vmByAddress.get(f.isV6(), f.sourceHigh(), f.sourceLow());
        if (path == null || sender == null || peer == null) {
            return false;
        }
        path.fromPeer(network, sender, passedOn, run, f, wan, nowNs);
        return true;
    }

    private void toVm(
            @Nullable Peer peer,
            VirtualNetwork network,
            VmEntry vm,
            long mac,
            int epoch,
            @Nullable VmEntry source,
            FrameRun run) {
        FlowPath path = world;
        if (path != null && path.isUsed() && peer != null && !path.knows(peer, network, vm, run, f, nowNs)) {
            return;
        }
        Peer returnTo = vm.returnTo;
        if (returnTo != null && isEpoch(epoch, vm.returnEpoch)) {
            wan.passOn(returnTo, run, network.vni, vm.returnEpoch);
            vm.counts.returned += run.count();
            return;
        }
        boolean marked = isEpoch(epoch, vm.markedEpoch);
        boolean returned = marked && peer != null && peer.id.equals(vm.returnsFrom);
        LanPort port = network.port;
        switch (vm.keeping) {
            case MARKED -> {
                if (marked) {
                    delivery.keep(vm, run, mac);
                    return;
                }
            }
            case WAITING -> {
                delivery.keep(vm, run, mac);
                return;
            }
            case ALL -> {
                if (!returned) {
                    delivery.keep(vm, run, mac);
                } else if (port != null) {
                    int nowhere = (int) Math.min(vm.readInVain, run.count());
                    int twice = (int) Math.min(vm.rescuedHere, run.count() - nowhere);
                    vm.readInVain -= nowhere;
                    vm.rescuedHere -= twice;
                    Ethernet.putDestination(run.memory(), run.frameAt(), mac);
                    Ethernet.putSource(run.memory(), run.frameAt(), LanPort.ANYCAST_MAC);
                    delivery.writeBut(port, vm, run, nowhere, nowhere + twice);
                }
                return;
            }
            case NOTHING, BEHIND -> {}
        }
        if (!vm.local) {
            relay(peer, network, vm, epoch, run);
        } else if (port == null) {
            drop(DropReason.NO_ROUTE, run);
        } else if (epoch != 0 && !returned && Vxlan.compareEpochs(epoch, vm.boundEpoch) > 0) {
            // Sent by a binding that is not ours, or not any more: of a move that came to nothing.
            drop(DropReason.FUTURE_EPOCH, run);
        } else {
            delivery.deliver(port, vm, peer == null ? table.self() : peer.id, epoch, source, run, mac);
        }
    }

    private static boolean isEpoch(int epoch, long number) {
        return epoch != 0 && Vxlan.compareEpochs(epoch, number) == 0;
    }

    /** It came here over an old path: on to where the VM is now, under a higher epoch than it came with, so that it cannot circle; and the sender learns. */
    private void relay(@Nullable Peer peer, VirtualNetwork network, VmEntry vm, int epoch, FrameRun run) {
        Peer to = vm.route;
        if (to == null) {
            drop(DropReason.NO_ROUTE, run);
            return;
        }
        if (epoch != 0 && Vxlan.compareEpochs(epoch, vm.routeEpoch) >= 0) {
            drop(DropReason.STALE_EPOCH, run);
            return;
        }
        if (!oneHopLess(run.memory())) {
            drop(DropReason.TTL_EXPIRED, run);
            return;
        }
        vm.lastForwardedNs = nowNs;
        vm.counts.forwardedLate += run.count();
        counters.add(Kind.RELAYED, run.count());
        wan.passOn(to, run, network.vni, vm.routeEpoch);
        if (peer != null) {
            control.late(vm, peer, nowNs);
        }
    }

    /** Hosts that were here, or are said to be elsewhere by a newer table than the sender's: once on to their home, so that it cannot circle. */
    private void relay(VirtualNetwork network, Subnet subnet, boolean passedOn, FrameRun run) {
        Peer home = passedOn ? null : table.gatewayOf(subnet.homeSite());
        if (home == null) {
            drop(DropReason.NO_ROUTE, run);
        } else if (!oneHopLess(run.memory())) {
            drop(DropReason.TTL_EXPIRED, run);
        } else {
            counters.add(Kind.RELAYED, run.count());
            wan.passOn(home, run, network.vni, 0);
        }
    }

    private boolean oneHopLess(MemorySegment s) {
        return f.isV6() ? TtlDecrement.ipv6(s, f.l3At()) : TtlDecrement.ipv4(s, f.l3At());
    }
}
