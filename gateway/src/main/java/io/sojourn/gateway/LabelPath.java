// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.label.Boundary;
import io.sojourn.label.ControlMessage;
import io.sojourn.label.Flow;
import io.sojourn.label.Segment;
import io.sojourn.label.Token;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.TtlDecrement;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * TCP of VMs by labels (docs/protocol/label.md): native segments, under the addresses that the hosts have as long as these are at home where the hosts are, and under one of the site's after a move. Out:
 * 1 is it TCP, and of a VM that goes by labels; 2 has the connection a label, or are both addresses at home; 3 a SYN offers a label, all others get the ends that they have on the underlay; 4 natively. In: the
 * same backwards, and on into {@link Outside}. Whatever else goes by the overlay, as does what waits for a VM that is on its way.
 *
 * <p>Order: as called; only what another boundary cannot take waits, in {@link Flow}. Ownership: frames are rewritten where they stand. Locking: forwarder's thread.
 */
final class LabelPath implements Bypass, Boundary.Outbox {
    static final int FLOWS_MOST = 65_536;
    private static final long NS_PER_MS = 1_000_000;
    private static final long WAITING_TICK_NS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long IDLE_TICK_NS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final int DATAGRAM_BYTES =
            Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES + Udp.HEADER_BYTES + ControlMessage.BYTES;
    private static final int TTL = 64;

    /** A message to ourselves: both ends are here. */
    private record Own(byte[] message, IpAddress from) {}

    private final ForwardingTable table;
    private final WanPort wan;
    private final UnderlayPort underlay;
    private final Outside outside;
    private final Counters counters;
    private final Map<String, GatewayConfig.Attachment> attachments;
    private final Boundary boundary;
    private final LabelMoves moves;
    private final GuestServices services;
    private final LabelIntroductions introductions;
    private final List<LabelNetwork> networks = new ArrayList<>();
    private final ArrayDeque<Own> toOurselves = new ArrayDeque<>();

    private final ParsedFrame f = new ParsedFrame();
    private final Segment segment = new Segment();
    private final FrameRun one = new FrameRun();
    private final FrameRun arriving = new FrameRun();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes(), 64);
    private final MemorySegment datagram = Arena.ofAuto().allocate(DATAGRAM_BYTES, 64);
    private Witness witness = new Witness();
    private long nextTickNs;

    // What carries() found out about the last packet.
    private @Nullable Flow lastFlow;
    private @Nullable VmEntry lastTo;
    private @Nullable VirtualNetwork lastNetwork;
    private boolean isTcpOfLabels;

    LabelPath(
            ForwardingTable table,
            WanPort wan,
            PagePort.Opened port,
            Map<String, GatewayConfig.Attachment> attachments,
            Outside outside,
            Counters counters) {
        this.table = table;
        this.wan = wan;
        this.underlay = new UnderlayPort(port, f, counters, this::take);
        this.attachments = attachments;
        this.outside = outside;
        this.counters = counters;
        SecureRandom random = new SecureRandom();
        this.boundary = new Boundary(FLOWS_MOST, () -> new Token(random.nextLong(), random.nextInt()), this);
        this.moves = new LabelMoves(table, wan, counters, this);
        this.services = new GuestServices(counters);
        this.introductions = new LabelIntroductions(table, wan, counters, this);
    }

    void watchedBy(Witness w) {
        witness = w;
    }

    UnderlayPort underlay() {
        return underlay;
    }

    LabelMoves moves() {
        return moves;
    }

    LabelIntroductions introductions() {
        return introductions;
    }

    GuestServices services() {
        return services;
    }

    List<LabelNetwork> networks() {
        return networks;
    }

    Boundary boundary() {
        return boundary;
    }

    void key(byte[] key) {
        boundary.realmKey(key);
        moves.key(key);
        introductions.key(key);
    }

    /** The forwarding table has changed. */
    void tableChanged() {
        networks.removeIf(known -> table.network(known.network.name) != known.network);
        for (VirtualNetwork network : table.networks()) {
            GatewayConfig.Attachment attachment = attachments.get(network.name);
            if (network.label == null
                    && attachment != null
                    && !attachment.routed().isEmpty()) {
                network.label = new LabelNetwork(network, attachment);
                networks.add(network.label);
            }
        }
        networks.forEach(known -> known.rebuild(table));
    }

    private boolean isHere(VmEntry vm) {
        return vm.gateway.equals(table.self());
    }

    static long nowMs() {
        return System.nanoTime() / NS_PER_MS;
    }

    // --- out

    @Override
    public boolean carries(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt) {
        LabelNetwork here = network.label;
        isTcpOfLabels = false;
        if (here == null) {
            return false;
        }
        int type = Ethernet.type(s, frameAt);
        boolean v6 = type == EtherType.IPV6;
        if (!v6 && type != EtherType.IPV4) {
            return false;
        }
        long ip = frameAt + Ethernet.HEADER_BYTES;
        int length = v6 ? Ipv6.HEADER_BYTES + Ipv6.payloadLength(s, ip) : Ipv4.totalLength(s, ip);
        if (!segment.locate(s, ip, (int) Math.min(length, s.byteSize() - ip))) {
            return false;
        }
        VmEntry from = network.vmByAddress.get(v6, segment.sourceHigh(), segment.sourceLow());
        VmEntry to = network.vmByAddress.get(v6, segment.destinationHigh(), segment.destinationLow());
        VmEntry asked = to == null ? from : to;
        if (asked == null || !asked.isLabelled(network) || from != null && !isHere(from)) {
            return false;
        }
        lastTo = to;
        lastNetwork = network;
        lastFlow = boundary.outbound(segment);
        Flow flow = lastFlow;
        isTcpOfLabels = true;
        if (flow != null && flow.isLabelled() && here.isOurs(flow.ownPlace().address())) {
            return true;
        }
        return here.isOurs(v6, segment.sourceHigh(), segment.sourceLow())
                && here.peerAt(v6, segment.destinationHigh(), segment.destinationLow()) == peer;
    }

    @Override
    public String explain(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt, long epoch) {
        if (!carries(peer, network, s, frameAt)) {
            return "";
        }
        Flow flow = lastFlow;
        return flow == null
                ? "label: TCP natively, as it is; all else by the overlay"
                : "label: TCP natively, as " + flow.ownPlace() + " > " + flow.peerPlace();
    }

    /** As much as the overlay carries: a connection may have to go by it for a while. */
    @Override
    public int mtuBytes(Peer peer) {
        VirtualNetwork network = lastNetwork;
        return network == null ? peer.underlayMtuBytes : PathFit.innerMtuBytes(peer, network);
    }

    /** It is rewritten where it stands. */
    @Override
    public boolean send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn) {
        VirtualNetwork network = table.network(vni);
        if (network == null || network.label == null || passedOn) {
            return false;
        }
        if (!carries(peer, network, run.memory(), run.frameAt())) {
            if (isTcpOfLabels) {
                counters.add(Kind.LABEL_TUNNELLED, run.count());
                introductions.unknown(peer, network, segment);
            }
            return false;
        }
        VmEntry to = lastTo;
        if (to != null && epoch != to.boundEpoch) {
            counters.add(Kind.LABEL_TUNNELLED, run.count());
            return false; // it has to wait for the VM, and is known by its epoch
        }
        Flow flow = lastFlow;
        if (isSentTo(network.label, peer, flow)) {
            witness.toWanBeside(peer, vni, epoch, run.memory(), run.frameAt(), run.frameLength(), run.count());
        }
        out(run, flow);
        return true;
    }

    /** Whether it goes to the peer itself, and not by way of another. */
    private static boolean isSentTo(@Nullable LabelNetwork here, Peer peer, @Nullable Flow flow) {
        if (flow == null || here == null) {
            return true;
        }
        IpAddress to = flow.peerPlace().address();
        return here.peerAt(to.isV6(), to.high(), to.low()) == peer;
    }

    /** {@code segment} describes it, or its first. */
    private void out(FrameRun run, @Nullable Flow flow) {
        long now = nowMs();
        boolean waits = flow != null && flow.isWaiting(now);
        if (run.isInOnePiece() && !waits && !segment.isSyn()) {
            outOne(run, flow, now);
            return;
        }
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, scratch, 0);
            if (!locate(scratch, 0, length)) {
                counters.drop(DropReason.BAD_TRANSPORT_LENGTH);
            } else if (flow != null && waits) {
                if (boundary.hold(flow, segment, scratch, 0, length)) {
                    counters.add(Kind.HELD);
                } else {
                    counters.drop(DropReason.BUFFER_FULL);
                }
            } else if (segment.isSyn()) {
                int longer = length + boundary.greet(segment, now);
                Flow known = locate(scratch, 0, longer) ? boundary.outbound(segment) : null;
                outOne(one.frame(scratch, 0, longer, false), known, now);
            } else {
                outOne(one.frame(scratch, 0, length, false), flow, now);
            }
        }
    }

    private boolean locate(MemorySegment s, long frameAt, int length) {
        return segment.locate(s, frameAt + Ethernet.HEADER_BYTES, length - Ethernet.HEADER_BYTES);
    }

    private void outOne(FrameRun run, @Nullable Flow flow, long now) {
        if (flow != null) {
            boundary.depart(flow, segment, run.isPartial(), now);
        }
        underlay.send(run);
        counters.add(Kind.NATIVE_OUT, run.count());
    }

    /** A VM's packet to somebody who is no member; false: it is not for us to send. */
    boolean toOutsider(VirtualNetwork network, FrameRun run, ParsedFrame parsed) {
        LabelNetwork here = network.label;
        boolean v6 = parsed.isV6();
        VmEntry from = here == null ? null : network.vmByAddress.get(v6, parsed.sourceHigh(), parsed.sourceLow());
        if (here == null
                || from == null
                || !from.isLabelled(network)
                || !isHere(from)
                || !here.admits(v6, parsed.destinationHigh(), parsed.destinationLow())) {
            return false;
        }
        long ip = parsed.l3At();
        if (!(v6 ? TtlDecrement.ipv6(run.memory(), ip) : TtlDecrement.ipv4(run.memory(), ip))) {
            counters.drop(DropReason.TTL_EXPIRED);
            return true;
        }
        Flow flow = locate(run.memory(), run.frameAt(), run.frameLength()) ? boundary.outbound(segment) : null;
        boolean tcp = parsed.protocol() == IpProtocol.TCP && !parsed.isFragment();
        if (flow != null && here.isOurs(flow.ownPlace().address()) || tcp && flow == null && isHome(here, parsed)) {
            out(run, flow);
        } else if (isHome(here, parsed)) {
            plain(run);
        } else {
            // It began elsewhere, and has no label: it goes on leaving where it began.
            Peer home = here.peerAt(v6, parsed.sourceHigh(), parsed.sourceLow());
            if (home == null) {
                counters.drop(DropReason.NO_ROUTE);
            } else {
                wan.passOn(home, run, network.vni, 0);
                counters.add(Kind.RELAYED, run.count());
            }
        }
        return true;
    }

    private static boolean isHome(LabelNetwork here, ParsedFrame parsed) {
        return here.isOurs(parsed.isV6(), parsed.sourceHigh(), parsed.sourceLow());
    }

    private void plain(FrameRun run) {
        underlay.sendEach(run, scratch);
    }

    @Override
    public void release(Flow flow, byte[] frame) {
        MemorySegment.copy(frame, 0, scratch, ValueLayout.JAVA_BYTE, 0, frame.length);
        if (locate(scratch, 0, frame.length)) {
            outOne(one.frame(scratch, 0, frame.length, false), flow, nowMs());
            counters.add(Kind.FLUSHED);
        }
    }

    // --- in

    private DropReason take() {
        if (!f.isIp() || f.isMulticastDestination()) {
            return f.isIp() ? DropReason.MULTICAST : DropReason.UNKNOWN_ETHER_TYPE;
        }
        boolean v6 = f.isV6();
        LabelNetwork here = own(v6, f.destinationHigh(), f.destinationLow());
        if (here == null) {
            return DropReason.NOT_FOR_US;
        }
        Peer peer = here.peerAt(v6, f.sourceHigh(), f.sourceLow());
        if (peer == null
                && !here.isOurs(v6, f.sourceHigh(), f.sourceLow())
                && !here.admits(v6, f.sourceHigh(), f.sourceLow())
                && !f.isIcmpError()) { // routers on the way speak from addresses of their own
            return DropReason.UNKNOWN_PEER;
        }
        MemorySegment s = underlay.memory();
        if (f.protocol() == IpProtocol.UDP && !f.isFragment() && f.destinationPort() == ControlMessage.PORT) {
            return control(s);
        }
        if (locate(s, underlay.frameAt(), f.unpaddedLength())) {
            long now = nowMs();
            if (segment.isSyn() && isHere(here.network, v6)) {
                boundary.meet(segment, underlay.isPartial(), peer != null, now);
            }
            Flow flow = boundary.inbound(segment);
            if (flow != null) {
                boundary.arrive(flow, segment, underlay.isPartial(), now);
                return again(here, peer);
            }
        } else if (boundary.arriveError(s, f)) {
            return again(here, peer);
        }
        return arrived(here, peer);
    }

    /** It has other ends than it came with. */
    private DropReason again(LabelNetwork here, @Nullable Peer peer) {
        DropReason bad = f.parse(underlay.memory(), underlay.frameAt(), f.unpaddedLength());
        return bad.isDrop() ? bad : arrived(here, peer);
    }

    private @Nullable LabelNetwork own(boolean v6, long high, long low) {
        for (int i = 0; i < networks.size(); i++) {
            if (networks.get(i).isOurs(v6, high, low)) {
                return networks.get(i);
            }
        }
        return null;
    }

    /** Whether it is for somebody here: a label is made with where he is. */
    private boolean isHere(VirtualNetwork network, boolean v6) {
        VmEntry vm = network.vmByAddress.get(v6, f.destinationHigh(), f.destinationLow());
        return vm == null || isHere(vm);
    }

    /** {@code f} describes what it is to the host now. */
    private DropReason arrived(LabelNetwork here, @Nullable Peer peer) {
        VirtualNetwork network = here.network;
        boolean v6 = f.isV6();
        int slot = network.vmByAddress.find(v6, f.destinationHigh(), f.destinationLow());
        if (slot == VmTable.NONE && network.isGatewayAddress(v6, f.destinationHigh(), f.destinationLow())) {
            return f.protocol() == IpProtocol.TCP ? DropReason.UNKNOWN_FLOW : DropReason.NOT_FOR_US;
        }
        if (!underlay.describe(arriving)) {
            return DropReason.BAD_TRANSPORT_LENGTH;
        }
        counters.add(Kind.NATIVE_IN, arriving.count());
        long mac = slot == VmTable.NONE ? LanPort.ANYCAST_MAC : network.vmByAddress.mac(slot);
        Ethernet.putDestination(underlay.memory(), underlay.frameAt(), mac);
        Ethernet.putSource(underlay.memory(), underlay.frameAt(), LanPort.ANYCAST_MAC);
        VmEntry vm = slot == VmTable.NONE ? null : network.vmByAddress.vm(slot);
        if (vm != null && !isHere(vm)) {
            return after(here, vm);
        }
        int bound = vm == null ? 0 : (int) (vm.epoch.number() & 0xFF_FFFF);
        outside.arrived(peer, network, bound, false, arriving);
        return DropReason.NONE;
    }

    /** After the VM, as its host knows it. */
    private DropReason after(LabelNetwork here, VmEntry vm) {
        Peer next = vm.route;
        if (next == null) {
            return DropReason.NO_ROUTE;
        }
        long ip = f.l3At();
        MemorySegment s = underlay.memory();
        if (!(f.isV6() ? TtlDecrement.ipv6(s, ip) : TtlDecrement.ipv4(s, ip))) {
            return DropReason.TTL_EXPIRED;
        }
        counters.add(Kind.RELAYED, arriving.count());
        wan.passOn(next, arriving, here.network.vni, vm.routeEpoch);
        if (arriving.count() > 1) {
            wan.flush(); // its payload is gone when the next one comes
        }
        return DropReason.NONE;
    }

    /** What a VM that has gone on says by way of its old site, to somebody who has no gateway. @return false: it is nothing of the kind */
    boolean takes(VirtualNetwork network, FrameRun run, ParsedFrame parsed) {
        LabelNetwork here = network.label;
        if (here == null
                || !here.isOurs(parsed.isV6(), parsed.sourceHigh(), parsed.sourceLow())
                || !here.admits(parsed.isV6(), parsed.destinationHigh(), parsed.destinationLow())
                || network.subnetOf(parsed.isV6(), parsed.destinationHigh(), parsed.destinationLow()) != null) {
            return false;
        }
        plain(run);
        return true;
    }

    // --- the control channel

    private DropReason control(MemorySegment s) {
        int length = f.l4Length() - Udp.HEADER_BYTES;
        if (length != ControlMessage.BYTES) {
            return DropReason.MALFORMED_CONTROL;
        }
        byte[] message = s.asSlice(f.l4At() + Udp.HEADER_BYTES, length).toArray(ValueLayout.JAVA_BYTE);
        return heard(message, new IpAddress(f.isV6(), f.sourceHigh(), f.sourceLow()));
    }

    /** From there, straight or by way of where the connection was before. */
    DropReason heard(byte[] message, IpAddress from) {
        if (moves.follows(message, from)) {
            return DropReason.NONE;
        }
        DropReason why = boundary.heard(message, from, nowMs());
        if (why == DropReason.UNKNOWN_LABEL && moves.keep(message, from)) {
            return DropReason.NONE;
        }
        nextTickNs = 0;
        counters.add(why.isDrop() ? Kind.LABEL_MESSAGES_REFUSED : Kind.LABEL_MESSAGES_IN);
        return why;
    }

    @Override
    public void control(IpAddress from, IpAddress to, byte[] message) {
        if (own(to.isV6(), to.high(), to.low()) != null) {
            toOurselves.add(new Own(message, from));
            return;
        }
        Ethernet.write(datagram, 0, underlay.mac(), LanPort.ANYCAST_MAC, from.isV6() ? EtherType.IPV6 : EtherType.IPV4);
        int bytes = LabelDatagram.write(datagram, Ethernet.HEADER_BYTES, from, to, message, TTL);
        underlay.send(one.frame(datagram, 0, Ethernet.HEADER_BYTES + bytes, false));
        counters.add(Kind.LABEL_MESSAGES_OUT);
        nextTickNs = 0;
    }

    /** Where a host with that address is found on the underlay while it is here; empty: nowhere. */
    Optional<IpAddress> placeOf(IpAddress own) {
        for (LabelNetwork here : networks) {
            if (here.isOurs(own)) {
                return Optional.of(own);
            }
        }
        for (LabelNetwork here : networks) {
            if (here.network.vmByAddress.get(own.isV6(), own.high(), own.low()) != null) {
                return here.standIn(own.isV6());
            }
        }
        return Optional.empty();
    }

    /** Sends what is due; when it wants to be called again. */
    long tick(long nowNs) {
        for (Own own = toOurselves.poll(); own != null; own = toOurselves.poll()) {
            DropReason why = heard(own.message(), own.from());
            if (why.isDrop()) {
                counters.drop(why);
            }
        }
        if (nowNs - nextTickNs < 0) {
            return nextTickNs;
        }
        services.tick(nowNs);
        introductions.tick();
        boolean waiting = moves.tick(nowNs) | boundary.tick(nowNs / NS_PER_MS);
        nextTickNs = nowNs + (waiting ? WAITING_TICK_NS : IDLE_TICK_NS);
        return toOurselves.isEmpty() ? nextTickNs : nowNs;
    }

    void hurry() {
        nextTickNs = 0;
    }
}
