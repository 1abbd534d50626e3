// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.LocatorNetwork.Member;
import io.sojourn.gateway.Whereabouts.Keeping;
import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.Transparency;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.NonceOption;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.TtlDecrement;
import io.sojourn.wire.Vxlan;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Packets of VMs by ILNP (docs/protocol/ilnp.md): as they are, but for their locators. Out: 1 who are they from and to, and does the one in question go by ILNP; 2 by which locator does
 * the correspondent know it; 3 the border rewrites both; 4 natively, or, if only another site may send from that locator, by the overlay to there. In: the same backwards, and on into {@link
 * Outside}. What is for a VM that has left goes after it by the overlay as it came, so that the one border that speaks for the VM hears all that is said to it.
 *
 * <p>A packet that waits for a VM is known by its epoch, and locators have none: it goes by the overlay, too. Order: as called, and nothing waits here. Ownership: frames are rewritten
 * where they stand. Locking: forwarder's thread.
 */
final class LocatorPath implements Bypass {
    private static final long NS_PER_MS = 1_000_000;
    private static final long WAITING_TICK_NS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long IDLE_TICK_NS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final long KEEP_NS = TimeUnit.SECONDS.toNanos(1);
    private static final long PRUNE_NS = TimeUnit.SECONDS.toNanos(10);

    private final ForwardingTable table;
    private final WanPort wan;
    private final UnderlayPort underlay;
    private final Outside outside;
    private final Counters counters;
    private final Map<String, GatewayConfig.Attachment> attachments;
    private final NodeMoves moves;
    private final LocatorVoice voice;
    private final NodeFile kept;
    private final List<LocatorNetwork> networks = new ArrayList<>();
    /** By locator of ours. */
    private final Long2ObjectOpenHashMap<LocatorNetwork> own = new Long2ObjectOpenHashMap<>();

    private final ParsedFrame f = new ParsedFrame();
    private final FrameRun one = new FrameRun();
    private final FrameRun arriving = new FrameRun();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes(), 64);
    private Witness witness = new Witness();
    private Set<IpPrefix> down = Set.of();
    private long nextTickNs;
    private long nextPruneNs;
    private long nextKeepNs;
    private long keptChanges;

    // What carries() found out about the last packet.
    private @Nullable VirtualNetwork lastNetwork;
    private @Nullable Member lastTo;
    private @Nullable PeerLocators lastAt;
    private @Nullable Peer lastRelay;

    LocatorPath(
            ForwardingTable table,
            WanPort wan,
            PagePort.Opened port,
            Map<String, GatewayConfig.Attachment> attachments,
            Outside outside,
            Counters counters,
            NodeFile kept) {
        this.kept = kept;
        this.table = table;
        this.wan = wan;
        this.underlay = new UnderlayPort(port, f, counters, this::take);
        this.attachments = attachments;
        this.outside = outside;
        this.counters = counters;
        this.voice = new LocatorVoice(wan, underlay, counters);
        this.moves = new NodeMoves(table, wan, counters, this);
    }

    void watchedBy(Witness w) {
        witness = w;
    }

    UnderlayPort underlay() {
        return underlay;
    }

    LocatorVoice voice() {
        return voice;
    }

    NodeMoves moves() {
        return moves;
    }

    List<LocatorNetwork> networks() {
        return networks;
    }

    /** The forwarding table has changed. */
    void tableChanged() {
        networks.removeIf(known -> table.network(known.network.name) != known.network);
        own.clear();
        for (VirtualNetwork network : table.networks()) {
            GatewayConfig.Attachment attachment = attachments.get(network.name);
            if (network.ilnp == null
                    && attachment != null
                    && !attachment.locators().isEmpty()) {
                network.ilnp = new LocatorNetwork(network, attachment, kept);
                networks.add(network.ilnp);
            }
        }
        for (LocatorNetwork known : networks) {
            known.rebuild(table);
            GatewayConfig.Attachment attachment = attachments.get(known.network.name);
            if (attachment != null) {
                attachment
                        .locatorsHere()
                        .forEach(locator -> own.put(locator.address().high(), known));
            }
        }
        moves.tableChanged();
        follow();
    }

    /** Locators of ours whose uplink has failed. */
    void uplinks(List<IpPrefix> lost) {
        down = Set.copyOf(lost);
        follow();
    }

    private void follow() {
        networks.forEach(here -> here.follow(down, nowMs()));
        hurry();
    }

    private boolean isHere(VmEntry vm) {
        return vm.gateway.equals(table.self());
    }

    private static long ms(long nowNs) {
        return nowNs / NS_PER_MS;
    }

    private static long nowMs() {
        return ms(System.nanoTime());
    }

    // --- out

    @Override
    public boolean carries(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt) {
        LocatorNetwork here = network.ilnp;
        if (here == null || Ethernet.type(s, frameAt) != EtherType.IPV6) {
            return false;
        }
        PeerLocators at = here.of(peer);
        if (at == null) {
            return false;
        }
        long ip = frameAt + Ethernet.HEADER_BYTES;
        Member from = member(here, Ipv6.sourceHigh(s, ip), Ipv6.sourceLow(s, ip));
        Member to = member(here, Ipv6.destinationHigh(s, ip), Ipv6.destinationLow(s, ip));
        Member asked = to == null ? from : to;
        if (asked == null || !asked.vm().isIlnp(network) || to == null && Ipv6.destinationHigh(s, ip) != at.hosts()) {
            return false;
        }
        if (from == null
                ? Ipv6.sourceHigh(s, ip) != here.hosts() || !here.speakForHost(Ipv6.sourceLow(s, ip))
                : !isHere(from.vm())) {
            return false;
        }
        if (from != null) {
            here.speakFor(from);
        }
        if (to != null && !isHere(to.vm())) {
            here.leave(to);
        }
        lastRelay =
                relay(here, from, Ipv6.sourceLow(s, ip), Ipv6.destinationLow(s, ip), Ipv6.destinationHigh(s, ip), true);
        lastNetwork = network;
        lastTo = to;
        lastAt = at;
        return true;
    }

    private static @Nullable Member member(LocatorNetwork here, long high, long low) {
        Member member = here.vm(low);
        return member != null && member.internal() == high ? member : null;
    }

    /** By way of whom the packet has to go, since it must come from a locator of theirs; null: of nobody. */
    private static @Nullable Peer relay(
            LocatorNetwork here, @Nullable Member from, long nid, long correspondent, long knownAs, boolean inRealm) {
        long ours = here.border.knownBy(nid, correspondent, knownAs);
        if (here.isBehind()) {
            ours = here.site.first();
        }
        if (ours == 0
                || from == null
                || here.site.leavesHere(ours)
                || inRealm && !here.isBehind() && here.transparency(from) == Transparency.VISIBLE) {
            return null;
        }
        PeerLocators whose = here.peerAt(ours);
        return whose == null ? null : whose.peer();
    }

    @Override
    public String explain(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt, long epoch) {
        LocatorNetwork here = network.ilnp;
        if (!carries(peer, network, s, frameAt) || here == null) {
            return "";
        }
        PeerLocators at = lastAt;
        Peer relay = lastRelay;
        long ip = frameAt + Ethernet.HEADER_BYTES;
        long known = here.border.destination(
                Ipv6.sourceLow(s, ip), Ipv6.destinationLow(s, ip), Ipv6.destinationHigh(s, ip), nowMs());
        long to = known != 0 || at == null ? known : at.locator();
        String way = relay == null
                ? "natively, by the host's own routing"
                : "by the overlay to " + relay.id + ", natively from there";
        return "ilnp: to locator " + new Locator64(to) + ", " + way;
    }

    @Override
    public int mtuBytes(Peer peer) {
        Peer relay = lastRelay;
        VirtualNetwork network = lastNetwork;
        return relay == null || network == null ? peer.underlayMtuBytes : PathFit.innerMtuBytes(relay, network);
    }

    /** It is rewritten where it stands. */
    @Override
    public boolean send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn) {
        VirtualNetwork network = passedOn ? null : table.network(vni);
        if (network == null || network.ilnp == null || !carries(peer, network, run.memory(), run.frameAt())) {
            return false;
        }
        LocatorNetwork here = network.ilnp;
        Member to = lastTo;
        if (to != null && epoch != to.vm().boundEpoch) {
            return false; // it has to wait for the VM, and is known by its epoch
        }
        boolean follows = to == null || here.transparency(to) == Transparency.VISIBLE;
        if (lastRelay == null && (follows || isSentTo(here, peer, run))) {
            witness.toWanBeside(peer, vni, epoch, run.memory(), run.frameAt(), run.frameLength(), run.count());
        }
        outAll(here, run, lastAt, follows, lastRelay);
        return true;
    }

    /** Whether it goes to the peer itself, and not by way of another. */
    private static boolean isSentTo(LocatorNetwork here, Peer peer, FrameRun run) {
        MemorySegment s = run.memory();
        long ip = run.frameAt() + Ethernet.HEADER_BYTES;
        long to = here.border.destination(
                Ipv6.sourceLow(s, ip), Ipv6.destinationLow(s, ip), Ipv6.destinationHigh(s, ip), nowMs());
        PeerLocators whose = here.peerAt(to);
        return to == 0 || whose != null && whose.peer() == peer;
    }

    private void outAll(
            LocatorNetwork here, FrameRun run, @Nullable PeerLocators at, boolean follows, @Nullable Peer relay) {
        if (run.isInOnePiece()) {
            out(here, run, at, follows, relay);
        } else {
            for (int i = 0; i < run.count(); i++) {
                out(here, one.frame(scratch, 0, run.copySegment(i, scratch, 0), false), at, follows, relay);
            }
        }
    }

    private void out(
            LocatorNetwork here, FrameRun run, @Nullable PeerLocators at, boolean follows, @Nullable Peer relay) {
        MemorySegment s = run.memory();
        long ip = run.frameAt() + Ethernet.HEADER_BYTES;
        long now = nowMs();
        Way way = here.border.outbound(
                s, ip, run.frameLength() - Ethernet.HEADER_BYTES, run.isPartial(), at, follows, now);
        switch (way) {
            case DIRECT -> {
                voice.nonce(here, s, ip, now);
                underlay.send(run);
                counters.add(Kind.NATIVE_OUT, run.count());
            }
            case RELAY -> {
                PeerLocators whose = here.peerAt(Ipv6.sourceHigh(s, ip));
                Peer by = whose == null ? relay : whose.peer();
                if (by == null) {
                    counters.drop(DropReason.NO_ROUTE);
                } else {
                    voice.nonce(here, s, ip, now);
                    passOn(by, again(run), here, 0);
                }
            }
            case DROP -> drop(here.border.reason(), run.count());
            case DELIVER, CONSUMED, HAIRPIN -> drop(DropReason.HAIRPIN, run.count());
        }
    }

    /** A run of several keeps what it has found out about its headers, which have changed since. */
    private FrameRun again(FrameRun run) {
        boolean parsed = run.count() > 1
                && !f.parse(run.memory(), run.frameAt(), run.frameLength()).isDrop();
        return parsed && arriving.whole(run.memory(), f, run.segmentBytes()) ? arriving : run;
    }

    private void passOn(Peer to, FrameRun run, LocatorNetwork here, long epoch) {
        wan.passOn(to, run, here.network.vni, epoch);
        if (run.count() > 1) {
            wan.flush(); // its payload is gone when the next one comes
        }
    }

    private void drop(DropReason reason, int times) {
        for (int i = 0; i < times; i++) {
            counters.drop(reason);
        }
    }

    /** A VM's packet to somebody who is no member; false: it is not for us to send. */
    boolean toOutsider(VirtualNetwork network, FrameRun run) {
        LocatorNetwork here = network.ilnp;
        MemorySegment s = run.memory();
        long ip = run.frameAt() + Ethernet.HEADER_BYTES;
        if (here == null || Ethernet.type(s, run.frameAt()) != EtherType.IPV6) {
            return false;
        }
        Member from = member(here, Ipv6.sourceHigh(s, ip), Ipv6.sourceLow(s, ip));
        if (from == null
                || !from.vm().isIlnp(network)
                || !isHere(from.vm())
                || !here.admits(Ipv6.destinationHigh(s, ip), Ipv6.destinationLow(s, ip))
                || !TtlDecrement.ipv6(s, ip)) {
            return false;
        }
        here.speakFor(from);
        outAll(here, run, null, false, null);
        return true;
    }

    // --- in

    private DropReason take() {
        if (!f.isV6() || f.isMulticastDestination()) {
            return f.isIp() ? DropReason.MULTICAST : DropReason.UNKNOWN_ETHER_TYPE;
        }
        LocatorNetwork here = own.get(f.destinationHigh());
        if (here == null) {
            return DropReason.NOT_FOR_US;
        }
        Member to = here.vm(f.destinationLow());
        if (to != null && !isHere(to.vm())) {
            here.leave(to);
            if (!underlay.describe(arriving)) {
                return DropReason.BAD_TRANSPORT_LENGTH;
            }
            return after(here, to, arriving, 0);
        }
        return inward(
                here,
                underlay.memory(),
                underlay.frameAt(),
                f.unpaddedLength(),
                underlay.segmentBytes(),
                underlay.isPartial(),
                null,
                0);
    }

    /** After the VM, as it came. */
    private DropReason after(LocatorNetwork here, Member to, FrameRun run, int epoch) {
        VmEntry vm = to.vm();
        Peer next = vm.route;
        if (next == null) {
            return DropReason.NO_ROUTE;
        }
        if (epoch != 0 && Vxlan.compareEpochs(epoch, vm.routeEpoch) >= 0) {
            return DropReason.STALE_EPOCH;
        }
        if (!TtlDecrement.ipv6(run.memory(), run.frameAt() + Ethernet.HEADER_BYTES)) {
            return DropReason.TTL_EXPIRED;
        }
        counters.add(Kind.RELAYED, run.count());
        Ethernet.putDestination(run.memory(), run.frameAt(), to.nic().mac());
        passOn(next, run, here, vm.routeEpoch);
        return DropReason.NONE;
    }

    /**
     * For somebody here, from the underlay or from a site that was sent it by a locator of its own. {@code f} describes it.
     *
     * @param segmentBytes 0: it is one frame
     * @param via whom it was passed on by; null: nobody
     * @param epoch by which it came; 0: none
     */
    private DropReason inward(
            LocatorNetwork here,
            MemorySegment s,
            long frameAt,
            int length,
            int segmentBytes,
            boolean partial,
            @Nullable Peer via,
            int epoch) {
        long at = frameAt;
        long nid = f.destinationLow();
        Member to = here.vm(nid);
        PeerLocators from = here.peerAt(f.sourceHigh());
        if (to != null) {
            here.speakFor(to);
        } else if (from == null && own.get(f.sourceHigh()) != here || !here.speakForHost(nid)) {
            return DropReason.NO_NEIGHBOR;
        }
        boolean isOwn = own.get(f.sourceHigh()) == here; // it went the long way round, and the VM has come to meet it
        boolean inRealm = from != null || isOwn;
        if (!inRealm && !here.admits(f.sourceHigh(), f.sourceLow())) {
            return DropReason.UNKNOWN_PEER;
        }
        Member source = inRealm ? here.vm(f.sourceLow()) : null;
        long hosts = from == null ? here.hosts() : from.hosts();
        long knownAs = source == null ? hosts : source.internal();
        if (inRealm && knownAs == 0) {
            return DropReason.UNKNOWN_PEER;
        }
        boolean vouched = isOwn || source == null || from != null && isSoonOrLatelyAt(source.vm(), from.peer());
        Way way = here.border.inbound(
                s,
                at + Ethernet.HEADER_BYTES,
                length - Ethernet.HEADER_BYTES,
                partial,
                via != null,
                inRealm,
                knownAs,
                vouched,
                nowMs(),
                here.outbox(this));
        boolean isUpdate = here.border.headers().isLocatorUpdate(s, at + Ethernet.HEADER_BYTES);
        if (here.border.headers().protocol() == IpProtocol.NO_NEXT_HEADER) {
            if (to != null && isOwn) {
                cameRound(to.vm(), f.destinationHigh(), via, epoch);
            } else if (to == null && source != null) {
                moves.cameRound(source.vm(), false, f.sourceHigh());
            }
        }
        if (way != Way.DELIVER && via != null) {
            // Its sender has counted it, and it gets no further.
            witness.fromWan(via, here.network.vni, epoch, one.frame(s, frameAt, length, partial));
        }
        if (way == Way.CONSUMED) {
            if (isUpdate) {
                moves.heard(here, s, at + Ethernet.HEADER_BYTES);
            }
            nextTickNs = 0;
            return DropReason.NONE;
        }
        if (way != Way.DELIVER) {
            if (isUpdate) {
                voice.refused(here.border.reason());
            }
            return here.border.reason();
        }
        int bytes = length;
        if (here.border.headers().nonceBytes() != 0 && here.border.headers().isNonceAlone()) {
            long moved = NonceOption.remove(s, at, at + Ethernet.HEADER_BYTES, here.border.headers());
            bytes -= (int) (moved - at);
            at = moved;
        }
        DropReason bad = f.parse(s, at, bytes);
        if (bad.isDrop()) {
            return bad;
        }
        FrameRun run = arriving;
        if (segmentBytes == 0) {
            run.frame(s, at, f.unpaddedLength(), partial);
        } else if (!run.whole(s, f, segmentBytes)) {
            return DropReason.BAD_TRANSPORT_LENGTH;
        }
        Ethernet.putDestination(
                s, at, to == null ? LanPort.ANYCAST_MAC : to.nic().mac());
        Ethernet.putSource(s, at, LanPort.ANYCAST_MAC);
        Peer peer = from == null ? null : from.peer();
        if (via == null) {
            counters.add(Kind.NATIVE_IN, run.count());
            int bound = to == null ? 0 : (int) (to.vm().epoch.number() & 0xFF_FFFF);
            outside.arrived(peer, here.network, bound, false, run);
        } else {
            outside.arrived(via, here.network, epoch, true, run);
        }
        return DropReason.NONE;
    }

    /** Not before what has come the same way, and waits. */
    private void cameRound(VmEntry vm, long locator, @Nullable Peer via, int epoch) {
        Hold hold = via == null ? null : vm.holdOf(via.id, epoch, null);
        if (hold == null) {
            moves.cameRound(vm, true, locator);
        } else {
            hold.then(() -> moves.cameRound(vm, true, locator));
        }
    }

    /** The realm says so: it is bound there, was until just now, or is moving. */
    private static boolean isSoonOrLatelyAt(VmEntry vm, Peer peer) {
        return vm.gateway.equals(peer.id) || peer.id.equals(vm.cameFrom) || vm.onMove;
    }

    /**
     * Takes what has come by the overlay under addresses of the underlay: for a VM here, by the locator of a site that it was at; from a VM that was here, and is still known by our locator; or
     * for one that has gone on.
     *
     * @param parsed of the run's first frame
     * @return false: it is nothing of the kind
     */
    boolean takes(Peer peer, VirtualNetwork network, int epoch, FrameRun run, ParsedFrame parsed) {
        LocatorNetwork here = network.ilnp;
        if (here == null || !parsed.isV6()) {
            return false;
        }
        boolean toUs = own.get(parsed.destinationHigh()) == here;
        boolean fromUs = own.get(parsed.sourceHigh()) == here;
        if (!toUs && !fromUs && here.peerAt(parsed.destinationHigh()) == null) {
            return false;
        }
        Member to = here.vm(parsed.destinationLow());
        if (run.isInOnePiece()) {
            taken(here, peer, epoch, run, fromUs, to);
        } else {
            for (int i = 0; i < run.count(); i++) {
                int length = run.copySegment(i, scratch, 0);
                taken(here, peer, epoch, one.frame(scratch, 0, length, false), fromUs, to);
            }
        }
        return true;
    }

    private void taken(LocatorNetwork here, Peer peer, int epoch, FrameRun run, boolean fromUs, @Nullable Member to) {
        DropReason bad = f.parse(run.memory(), run.frameAt(), run.frameLength());
        if (!bad.isDrop()) {
            if (to != null && (isHere(to.vm()) || to.vm().keeping == Keeping.MARKED)) {
                int segmentBytes = run.count() > 1 ? run.segmentBytes() : 0;
                bad = inward(
                        here,
                        run.memory(),
                        run.frameAt(),
                        run.frameLength(),
                        segmentBytes,
                        run.isPartial(),
                        peer,
                        epoch);
            } else if (fromUs) {
                bad = outFor(here, peer, run);
            } else {
                bad = to == null ? DropReason.NO_NEIGHBOR : after(here, to, run, epoch);
            }
        }
        if (bad.isDrop()) {
            drop(bad, run.count());
        }
    }

    /** From our locator on behalf of a VM that is, or was until just now, at the peer's. */
    private DropReason outFor(LocatorNetwork here, Peer peer, FrameRun run) {
        Member from = here.vm(f.sourceLow());
        // It may run there before we have heard of it, or be here again before all has come that it sent from there.
        if (from == null || !isSoonOrLatelyAt(from.vm(), peer)) {
            return DropReason.SPOOFED;
        }
        if (!here.site.works(f.sourceHigh())) {
            return DropReason.NO_ROUTE;
        }
        Hold hold = from.vm().outboundHolds.get(peer.id);
        if (hold != null) {
            outside.hold(from.vm(), hold, run);
            return DropReason.NONE;
        }
        if (!TtlDecrement.ipv6(run.memory(), run.frameAt() + Ethernet.HEADER_BYTES)) {
            return DropReason.TTL_EXPIRED;
        }
        underlay.send(run);
        counters.add(Kind.RELAYED, run.count());
        counters.add(Kind.NATIVE_OUT, run.count());
        return DropReason.NONE;
    }

    // --- time, and what is said of locators

    /** Sends what is due; when it wants to be called again. */
    long tick(long nowNs) {
        if (nowNs - nextTickNs < 0) {
            return nextTickNs;
        }
        boolean waiting = moves.tick(nowNs);
        for (LocatorNetwork here : networks) {
            here.border.poll(ms(nowNs), here.outbox(this));
            waiting |= here.border.isTelling();
        }
        if (nowNs - nextPruneNs > 0) {
            nextPruneNs = nowNs + PRUNE_NS;
            networks.forEach(here -> here.border.prune(ms(nowNs)));
        }
        if (nowNs - nextKeepNs > 0) {
            nextKeepNs = nowNs + KEEP_NS;
            keep(ms(nowNs));
        }
        nextTickNs = nowNs + (waiting ? WAITING_TICK_NS : IDLE_TICK_NS);
        return nextTickNs;
    }

    private void keep(long nowMs) {
        long changes = 0;
        for (LocatorNetwork here : networks) {
            changes += here.border.changes();
        }
        if (changes != keptChanges) {
            keptChanges = changes;
            List<NodeFile.Saved> saved = new ArrayList<>();
            networks.forEach(here -> here.save(saved, nowMs));
            kept.keep(saved);
        }
    }

    /** Somebody has come of whom much is known: that is not to be lost with this process. */
    void keepSoon() {
        nextKeepNs = System.nanoTime();
        hurry();
    }

    /** Something is due at once. */
    void hurry() {
        nextTickNs = 0;
    }
}
