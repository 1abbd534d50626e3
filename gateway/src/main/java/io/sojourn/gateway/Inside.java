// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.VirtualNetwork.Subnet;
import io.sojourn.gateway.Whereabouts.Keeping;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Fragmenter;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IcmpEcho;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.MssClamp;
import io.sojourn.wire.NdFrames;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.TtlDecrement;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * From the LAN outwards. The way of a frame, or of a run that a station has not divided yet, in order: 1 read from the tap, straight
 * into the memory it will be sent from, a few at once; 2 parse;
 * 3 answer for neighbours that are elsewhere; 4 look up who it is for; 5 one hop less, fit to the path; 6 encapsulate; 7 send.
 *
 * <p>Order: packets leave in the order of arrival. Ownership: the memory is the {@link WanPort}'s. Locking: forwarder's thread.
 */
final class Inside {
    /** Who wants to know that a registered VM, not held to be here, has been seen on a LAN of ours. */
    interface Sightings {
        void sighted(VmEntry vm, Sign sign, long nowNs);

        /** Somebody else says that it has the VM's address. */
        void usurped(VmEntry vm, long nowNs);
    }

    private static final int BURST = 64;
    /** The same in frames as they are on a wire: each is sealed by itself, and the WAN waits meanwhile. */
    private static final int BURST_SEGMENTS = 128;
    /** Longer than the bridge takes to change its mind ({@link Stations}) and frames wait in our own tap. */
    private static final long GIVEN_BACK_NS = 200_000_000;

    private final ForwardingTable table;
    private final WanPort wan;
    private final LocalDelivery delivery;
    private final Counters counters;
    private final Sightings sightings;
    private final ErrorAnswers errors;
    private final ParsedFrame f = new ParsedFrame();
    private final Fragmenter fragmenter = new Fragmenter();
    private final FrameRun run = new FrameRun();
    private final ReadAhead ahead;
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes());
    private final MemorySegment whole = Arena.ofAuto().allocate(WanPort.frameBytes());
    private Shares shares = new Shares();
    private @Nullable LocatorPath locators;
    private @Nullable LabelPath labels;
    private @Nullable FlowPath world;
    private @Nullable FlowGuard guard;
    private @Nullable GuestNames names;
    private @Nullable KernelPath kernelPath;
    private int single;
    private long nowNs;

    Inside(ForwardingTable table, WanPort wan, LocalDelivery delivery, Counters counters, Sightings sightings) {
        this.table = table;
        this.wan = wan;
        this.ahead = new ReadAhead(wan);
        this.delivery = delivery;
        this.counters = counters;
        this.sightings = sightings;
        this.errors = new ErrorAnswers(counters);
    }

    /** Packets to hosts that are no members may go by locators. */
    void locatedBy(LocatorPath path) {
        locators = path;
    }

    /** The same by labels; guests may ask for addresses. */
    void labelledBy(LabelPath path) {
        labels = path;
    }

    /** Packets to hosts behind no gateway go by that path, and VMs' by what their rules allow. */
    void outOf(FlowPath path, FlowGuard by) {
        world = path;
        guard = by;
    }

    /** Guests may ask for names. */
    void namedBy(GuestNames service) {
        names = service;
    }

    /** Streams may go by the kernel. */
    void offersTo(KernelPath kernel) {
        kernelPath = kernel;
    }

    /** Who says how much a station may send. */
    void sharedBy(Shares s) {
        shares = s;
    }

    /** Reads at most a burst from one port; the number of frames read. */
    int poll(LanPort port, long now) {
        nowNs = now;
        int read = 0;
        int segments = 0;
        do {
            int n = ahead.read(port);
            if (n > 1) {
                ahead.touch(port.network, n);
                FlowPath flows = world;
                if (flows != null) {
                    flows.ahead(port.network.vni, true, wan.frames(), ahead.places(), n);
                }
            }
            for (int i = 0; i < n; i++) {
                frame(port, wan.frames(), ahead.at(i), ahead.bytes(i));
                segments += run.count();
            }
            ahead.release();
            read += n;
        } while (ahead.mayHaveMore() && read < BURST && segments < BURST_SEGMENTS);
        return read;
    }

    /** The last {@link #poll} ended before it had found nothing more to read. */
    boolean mayHaveMore() {
        return ahead.mayHaveMore();
    }

    /** How many packets of their own have come since this was asked last, and no TCP. */
    int takeSingle() {
        int taken = single;
        single = 0;
        return taken;
    }

    /** One frame, in its place in {@link WanPort#frames}, behind its virtio_net_hdr. */
    void frame(LanPort port, MemorySegment s, long at, int length) {
        MemorySegment frame = s;
        long frameAt = at;
        DropReason bad = take(s, at, length);
        counters.add(Kind.LAN_IN, run.count());
        if (bad.isDrop()) {
            counters.drop(bad);
            return;
        }
        single += run.count() == 1 && f.isIp() && f.protocol() != IpProtocol.TCP ? 1 : 0;
        VmEntry sender = port.network.vmByMac.get(f.sourceMac());
        if (sender != null && f.isIp()) {
            sender.pace.said();
        }
        if (sender != null && (sender.watched || !sender.local)) {
            VmEntry.Nic nic = sender.nicIn(port.network, f.sourceMac());
            // Signals that follow from it are built in the very place where the frame stands.
            setAside();
            frame = whole;
            frameAt = 0;
            sightings.sighted(sender, nic == null ? Sign.NONE : Sign.of(f, nic), nowNs);
            if (!sender.local && !sender.onMove) {
                // It is bound elsewhere: whatever speaks here in its name is not heard.
                counters.drop(DropReason.SPOOFED);
                return;
            }
        }
        DropReason over = shares.judge(
                sender == null ? port.shareOf(f.sourceMac()) : sender.share,
                sender != null,
                run.count(),
                run.frameLength(),
                run.count() > 1 && f.protocol() == IpProtocol.TCP,
                nowNs);
        if (over.isDrop()) {
            counters.drop(over);
            return;
        }
        FlowGuard judge = guard;
        if (judge != null
                && sender != null
                && sender.guarded()
                && f.isIp()
                && !judge.passes(sender, port.network, run, f, true, nowNs)) {
            counters.drop(DropReason.FILTERED);
            return;
        }
        VmEntry target = port.network.vmByMac.get(f.destinationMac());
        if (target != null && target.local && (target.captured || nowNs - target.givenBackNs < GIVEN_BACK_NS)) {
            if (target.captured) {
                haveAnsweredByWayOfUs(port, sender);
            }
            delivery.pass(ownLan(port), target, table.self(), 0, sender, run);
            return;
        }
        switch (f.family()) {
            case ARP -> arp(port, sender);
            case IPV4 -> ip(port, frame, frameAt, sender);
            case IPV6 -> {
                if (f.ndKind() == NeighborDiscovery.Kind.NONE) {
                    ip(port, frame, frameAt, sender);
                } else {
                    neighborDiscovery(port, sender);
                }
            }
            case RARP -> {} // an announcement: seen above, and meant for switches
            case OTHER -> counters.drop(DropReason.UNKNOWN_ETHER_TYPE);
        }
    }

    /**
     * A responder that turns frames round answers each the way that it came. What went the long way round just before came from us; if this one came from the station
     * itself, the bridge would bring its answer at once, and first. Only of stations that an answer by way of us reaches.
     */
    private void haveAnsweredByWayOfUs(LanPort port, @Nullable VmEntry sender) {
        if (f.isIp()
                && f.ndKind() == NeighborDiscovery.Kind.NONE
                && (sender != null || port.neighbours.isAt(f.isV6(), f.sourceHigh(), f.sourceLow(), f.sourceMac()))) {
            Ethernet.putSource(run.memory(), run.frameAt(), LanPort.ANYCAST_MAC);
        }
    }

    /** Parses the frame and makes it the run, by what the virtio_net_hdr before it says. */
    private DropReason take(MemorySegment s, long at, int length) {
        long header = at - LanPort.VNET_BYTES;
        int type = VirtioNetHeader.gsoType(s, header);
        int segmentBytes = VirtioNetHeader.gsoSize(s, header);
        boolean partial = (VirtioNetHeader.flags(s, header) & VirtioNetHeader.NEEDS_CHECKSUM) != 0;
        run.frame(s, at, length, partial);
        if (run.isPartialInVain() && type == VirtioNetHeader.GSO_NONE) {
            // Neither TCP nor UDP, or not directly behind IP: the peers' rule covers those only.
            if (!VirtioNetHeader.complete(s, at, length, header)) {
                return DropReason.BAD_TRANSPORT_LENGTH;
            }
            partial = false;
        }
        DropReason bad = f.parse(s, at, length);
        if (bad.isDrop()) {
            return bad;
        }
        if (type == VirtioNetHeader.GSO_NONE) {
            run.frame(s, at, f.unpaddedLength(), partial);
            return DropReason.NONE;
        }
        return run.whole(s, f, segmentBytes) ? DropReason.NONE : DropReason.BAD_TRANSPORT_LENGTH;
    }

    /** RFC 826, and RFC 1027 (proxy ARP) for what is elsewhere. */
    private void arp(LanPort port, @Nullable VmEntry sender) {
        if (f.isDuplicateAddressProbe()) {
            return; // an answer would make the asker give up an address that is its own
        }
        boolean ours = f.arpSenderMac() == LanPort.ANYCAST_MAC;
        if (!ours && sender == null) {
            VmEntry named = port.network.vmByAddress.get(false, 0, f.arpSenderIp());
            if (named != null) {
                sightings.usurped(named, nowNs);
                return;
            }
        }
        if (!ours && sender == null && isLocalSubnet(port, false, 0, f.arpSenderIp())) {
            port.neighbours.learn(false, 0, f.arpSenderIp(), f.arpSenderMac(), nowNs);
        }
        if (!f.isArpRequest() || f.isGratuitous() || !answersFor(port, false, 0, f.arpTargetIp())) {
            return;
        }
        int length =
                ArpFrames.reply(scratch, 0, LanPort.ANYCAST_MAC, f.arpTargetIp(), f.arpSenderMac(), f.arpSenderIp());
        port.write(scratch, 0, length);
        counters.add(Kind.ARP_ANSWERED);
    }

    /** RFC 4861 section 7.2, as a proxy for what is elsewhere. */
    private void neighborDiscovery(LanPort port, @Nullable VmEntry sender) {
        switch (f.ndKind()) {
            case NEIGHBOR_SOLICITATION -> {
                if (f.isDuplicateAddressProbe()) {
                    return;
                }
                if (sender == null
                        && f.ndLinkLayer() != ParsedFrame.NO_MAC
                        && isLocalSubnet(port, true, f.sourceHigh(), f.sourceLow())) {
                    port.neighbours.learn(true, f.sourceHigh(), f.sourceLow(), f.ndLinkLayer(), nowNs);
                }
                if (answersFor(port, true, f.ndTargetHigh(), f.ndTargetLow())) {
                    advertise(port);
                }
            }
            case NEIGHBOR_ADVERTISEMENT -> {
                if (sender != null) {
                    sender.router = (f.ndFlags() & NeighborDiscovery.ROUTER) != 0;
                } else if (f.ndLinkLayer() != ParsedFrame.NO_MAC
                        && f.ndLinkLayer() != LanPort.ANYCAST_MAC
                        && isLocalSubnet(port, true, f.ndTargetHigh(), f.ndTargetLow())) {
                    port.neighbours.learn(true, f.ndTargetHigh(), f.ndTargetLow(), f.ndLinkLayer(), nowNs);
                }
            }
            case ROUTER_SOLICITATION -> {
                LabelPath labelled = labels;
                if (labelled != null && sender != null && GuestServices.serves(port.network)) {
                    labelled.services().solicited(port, sender, f.sourceMac());
                } else {
                    counters.drop(DropReason.LINK_LOCAL);
                }
            }
            case ROUTER_ADVERTISEMENT, REDIRECT, NONE -> counters.drop(DropReason.LINK_LOCAL);
        }
    }

    private void advertise(LanPort port) {
        int length = NdFrames.advertisement(
                scratch,
                0,
                f.sourceMac(),
                LanPort.ANYCAST_MAC,
                f.ndTargetHigh(),
                f.ndTargetLow(),
                f.sourceHigh(),
                f.sourceLow(),
                f.ndTargetHigh(),
                f.ndTargetLow(),
                routerFlag(port) | NeighborDiscovery.SOLICITED | NeighborDiscovery.OVERRIDE);
        port.write(scratch, 0, length);
        counters.add(Kind.ND_ANSWERED);
    }

    /** The R bit of an answer speaks of the target: of us where that is our own address, of the VM where it is the VM's. */
    private int routerFlag(LanPort port) {
        VmEntry vm = port.network.vmByAddress.get(true, f.ndTargetHigh(), f.ndTargetLow());
        boolean isRouter = vm == null
                ? port.network.isGatewayAddress(true, f.ndTargetHigh(), f.ndTargetLow())
                        || GuestServices.isRouter(port.network, true, f.ndTargetHigh(), f.ndTargetLow())
                : vm.router;
        return isRouter ? NeighborDiscovery.ROUTER : 0;
    }

    /** True for the anycast addresses, for VMs that are elsewhere, and for subnets whose hosts are at another site. */
    private boolean answersFor(LanPort port, boolean isV6, long high, long low) {
        VirtualNetwork network = port.network;
        if (network.isGatewayAddress(isV6, high, low) || GuestServices.isRouter(network, isV6, high, low)) {
            return true;
        }
        VmEntry vm = network.vmByAddress.get(isV6, high, low);
        if (vm != null) {
            return !vm.local || port != network.port;
        }
        Subnet subnet = network.subnetOf(isV6, high, low);
        return subnet != null && !subnet.homeSite().isEmpty() && !isLocalSubnet(port, isV6, high, low);
    }

    private boolean isLocalSubnet(LanPort port, boolean isV6, long high, long low) {
        Subnet subnet = port.network.subnetOf(isV6, high, low);
        if (subnet == null) {
            return false;
        }
        return port == port.network.port
                ? table.isHere(subnet)
                : isBeyond(port, port.network.edgeTo(subnet.homeSite()));
    }

    private static boolean isBeyond(LanPort port, @Nullable Edge edge) {
        return edge != null && edge.port() == port;
    }

    private void ip(LanPort port, MemorySegment s, long at, @Nullable VmEntry sender) {
        VirtualNetwork network = port.network;
        boolean v6 = f.isV6();
        long high = f.destinationHigh();
        long low = f.destinationLow();
        if (sender != null && GuestServices.serves(network) && GuestServices.isDhcp(f) && isToDhcp(port, s, sender)) {
            return;
        }
        if (Ethernet.isGroup(f.destinationMac()) || f.isMulticastDestination()) {
            counters.drop(DropReason.MULTICAST);
            return;
        }
        boolean toUs = f.destinationMac() == LanPort.ANYCAST_MAC;
        // To a router that is a VM and has gone, or has not come yet: the bridge brings it to nobody, and we stand in
        // for it.
        boolean forUs = toUs || isElsewhere(network, f.destinationMac());
        if (network.isGatewayAddress(v6, high, low)) {
            GuestNames named = names;
            if (toUs && (named == null || sender == null || !named.take(port, s, f, sender))) {
                answerEcho(port, s);
            }
            return;
        }
        if (!toUs && !strayed(network, sender)) {
            counters.drop(DropReason.NOT_FOR_US);
            return;
        }
        int slot = network.vmByAddress.find(v6, high, low);
        if (slot != VmTable.NONE) {
            toVm(port, network.vmByAddress, slot, s, at, forUs, sender);
            return;
        }
        Subnet subnet = network.subnetOf(v6, high, low);
        if (subnet == null || subnet.homeSite().isEmpty()) {
            LocatorPath located = locators;
            LabelPath labelled = labels;
            if ((located == null || !located.toOutsider(network, run))
                    && (labelled == null || !labelled.toOutsider(network, run, f))) {
                toWorld(port, sender, s, at);
            }
        } else if (!table.isOwnSite(subnet.homeSite())) {
            Edge edge = network.edgeTo(subnet.homeSite());
            if (edge == null) {
                toPeer(port, table.gatewayOf(subnet.homeSite()), 0, LanPort.ANYCAST_MAC, s, at);
            } else {
                toEdge(port, edge, s);
            }
        } else if (forUs && oneHopLess(port, s)) {
            counters.add(Kind.HAIRPINNED);
            if (subnet.onUnderlay()) {
                wan.sendUnderlay(run);
            } else if (!heldOutbound(port, sender)) {
                ownLan(port).neighbours.deliver(v6, high, low, run, nowNs);
            }
        }
    }

    private boolean isToDhcp(LanPort port, MemorySegment s, VmEntry sender) {
        LabelPath labelled = labels;
        return labelled != null && labelled.services().dhcp(port, s, f, sender);
    }

    private void toWorld(LanPort port, @Nullable VmEntry sender, MemorySegment s, long at) {
        FlowPath path = world;
        if (path == null
                || sender == null
                || port.network.vmByAddress.get(f.isV6(), f.sourceHigh(), f.sourceLow()) != sender) {
            refuse(port, s);
            return;
        }
        switch (path.leave(port.network, sender, run, f, nowNs)) {
            case HERE -> {
                if (oneHopLess(port, s)) {
                    clampMss(s, path.leastMtuBytes(port.network));
                    path.send(run);
                }
            }
            case ELSEWHERE -> toPeer(port, path.next(), 0, LanPort.ANYCAST_MAC, s, at);
            case NOWHERE -> refuse(port, s);
            case DROPPED -> {}
        }
    }

    /** From somebody outside comes a packet that is addressed to a VM of the port's network by now: on, as if from a host of our own. */
    void fromWorld(LanPort port, UnderlayPort from, int mtuBytes, long now) {
        nowNs = now;
        MemorySegment s = from.memory();
        long at = from.frameAt();
        if (!from.describe(run)) {
            counters.drop(DropReason.BAD_TRANSPORT_LENGTH);
            return;
        }
        Ethernet.putDestination(s, at, LanPort.ANYCAST_MAC);
        Ethernet.putSource(s, at, LanPort.ANYCAST_MAC);
        DropReason bad = f.parse(s, at, run.frameLength());
        if (bad.isDrop()) {
            counters.drop(bad);
            return;
        }
        clampMss(s, mtuBytes);
        ip(port, s, at, null);
        if (run.count() > 1) {
            wan.flush(); // the next one is read to where its payload stands
        }
    }

    /** Whoever is here is on our own LAN, wherever a frame to it came from. */
    private static LanPort ownLan(LanPort port) {
        LanPort own = port.network.port;
        return own == null ? port : own;
    }

    /** A VM that has just arrived speaks to somebody here, and what it said from its old place is still on the way. */
    private boolean heldOutbound(LanPort port, @Nullable VmEntry sender) {
        if (sender == null || sender.outboundHolds.isEmpty()) {
            return false;
        }
        Hold hold = sender.outboundHolds.get(table.self());
        if (hold == null || !hold.isFor(f.isV6())) {
            return false;
        }
        VmEntry other =
                f.isIp() ? port.network.vmByAddress.get(f.isV6(), f.destinationHigh(), f.destinationLow()) : null;
        delivery.hold(sender, hold, run, 0, other);
        return true;
    }

    /**
     * A frame that is not addressed to the gateway and yet is its business: for the MAC of a VM that has left, or from a VM
     * of ours to a neighbour that it had before it came here. A VM is ours to its last frame: between HOLD and pause it still
     * speaks here, though what is for it goes elsewhere already.
     */
    private boolean strayed(VirtualNetwork network, @Nullable VmEntry sender) {
        if (sender != null && (sender.local || sender.watched)) {
            return true;
        }
        return isElsewhere(network, f.destinationMac());
    }

    private static boolean isElsewhere(VirtualNetwork network, long mac) {
        VmEntry vm = network.vmByMac.get(mac);
        return vm != null && !vm.local;
    }

    private void toVm(
            LanPort port, VmTable vms, int slot, MemorySegment s, long at, boolean forUs, @Nullable VmEntry sender) {
        long mac = vms.mac(slot);
        long hop = vms.nextHop(slot);
        if (hop != NextHop.NONE) {
            toPeer(port, table.peerOf(hop), NextHop.epoch(hop), mac, s, at);
            return;
        }
        VmEntry vm = vms.vm(slot);
        if (vm.keeping == Keeping.ALL || vm.keeping == Keeping.WAITING) {
            delivery.keep(vm, run, mac);
        } else if (!vm.local) {
            if (vm.routeEpoch > vm.boundEpoch) {
                vm.counts.redirected += run.count();
            }
            toPeer(port, vm.route, vm.routeEpoch, mac, s, at);
        } else if (!forUs) {
            counters.drop(DropReason.NOT_FOR_US); // the bridge brings it to its own port
        } else if (oneHopLess(port, s)) {
            clampMss(s, port.network.mtuBytes);
            counters.add(Kind.HAIRPINNED);
            if (!heldOutbound(port, sender)) {
                delivery.deliver(ownLan(port), vm, table.self(), 0, sender, run, mac);
            }
        }
    }

    private boolean oneHopLess(LanPort port, MemorySegment s) {
        boolean alive = f.isV6() ? TtlDecrement.ipv6(s, f.l3At()) : TtlDecrement.ipv4(s, f.l3At());
        if (!alive) {
            counters.drop(DropReason.TTL_EXPIRED);
            errors.timeExceeded(port, s, f, nowNs);
        }
        return alive;
    }

    private void clampMss(MemorySegment s, int mtuBytes) {
        if (f.isTcpSyn() && MssClamp.clamp(s, f, MssClamp.bound(mtuBytes, f.isV6()), run.isPartial())) {
            counters.add(Kind.MSS_CLAMPED);
        }
    }

    private void toPeer(LanPort port, @Nullable Peer peer, long epoch, long mac, MemorySegment s, long at) {
        if (peer == null) {
            refuse(port, s);
            return;
        }
        if (!oneHopLess(port, s)) {
            return;
        }
        int mtu = wan.innerMtuBytes(peer, port.network, s, at);
        clampMss(s, mtu);
        Ethernet.putDestination(s, at, mac);
        Ethernet.putSource(s, at, LanPort.ANYCAST_MAC);
        if (run.longestIpBytes() <= PathFit.longestBytes(mtu, f.isV6())) {
            wan.send(peer, run, port.network.vni, epoch);
            if (kernelPath != null && shares.isOpen()) {
                kernelPath.sent(port, peer, f, run, mtu, nowNs);
            }
            if (run.count() > 1 && s.equals(whole)) {
                wan.flush(); // the next frame that is set aside must find its payload gone
            }
        } else if (f.dontFragment()) {
            counters.drop(DropReason.TOO_BIG);
            errors.tooBig(port, s, f, PathFit.longestBytes(mtu, f.isV6()), nowNs);
        } else {
            inPieces(peer, port.network, epoch, mtu);
        }
    }

    /** To a host on a LAN of the network that lies beyond VXLAN: nothing is fragmented for it, which no station of today asks for. */
    private void toEdge(LanPort port, Edge edge, MemorySegment s) {
        int mtu = edge.device().mtuBytes();
        if (!oneHopLess(port, s)) {
            return;
        }
        clampMss(s, mtu);
        if (run.longestIpBytes() > mtu) {
            counters.drop(DropReason.TOO_BIG);
            if (f.dontFragment()) {
                errors.tooBig(port, s, f, mtu, nowNs);
            }
            return;
        }
        edge.port().neighbours.deliver(f.isV6(), f.destinationHigh(), f.destinationLow(), run, nowNs);
    }

    /** A frame from beyond an edge, complete, in memory of our own behind room for a virtio_net_hdr. */
    void fromEdge(Edge edge, MemorySegment s, long at, int length, long now) {
        nowNs = now;
        VirtioNetHeader.write(s, at - LanPort.VNET_BYTES, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
        frame(edge.port(), s, at, length);
    }

    /** Moves the run out of the place that is sent from next, into memory of our own. */
    private void setAside() {
        MemorySegment.copy(run.memory(), run.frameAt(), whole, 0, run.frameLength());
        f.parse(whole, 0, run.frameLength());
        if (run.count() == 1) {
            run.frame(whole, 0, run.frameLength(), run.isPartial());
        } else {
            run.whole(whole, f, run.segmentBytes());
        }
    }

    /** The frame stands in the place that would be sent: each of the run's is copied aside first. */
    private void inPieces(Peer peer, VirtualNetwork network, long epoch, int mtuBytes) {
        setAside();
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, scratch, 0);
            if (!f.parse(scratch, 0, length).isDrop()) {
                PathFit.fragment(fragmenter, scratch, wan, peer, network, epoch, f, mtuBytes, counters);
            }
        }
    }

    private void refuse(LanPort port, MemorySegment s) {
        counters.drop(DropReason.NO_ROUTE);
        errors.unreachable(port, s, f, nowNs);
    }

    private void answerEcho(LanPort port, MemorySegment s) {
        if (!f.isEchoRequest() || f.unpaddedLength() > scratch.byteSize()) {
            counters.drop(DropReason.NOT_FOR_US);
            return;
        }
        int length = IcmpEcho.reply(scratch, 0, s, f, LanPort.ANYCAST_MAC);
        if (length > 0) {
            port.write(scratch, 0, length);
        }
    }
}
