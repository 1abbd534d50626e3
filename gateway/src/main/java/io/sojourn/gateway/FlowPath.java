// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowKey;
import io.sojourn.flow.FlowKey.Found;
import io.sojourn.flow.FlowRewriter;
import io.sojourn.flow.FlowState;
import io.sojourn.flow.FlowTable;
import io.sojourn.flow.FragmentTable;
import io.sojourn.flow.SnatPool;
import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.FloatingTable.Floating;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Packets between VMs and the world outside, hosts behind no gateway. Out: 1 which flow; 2 where does it leave: where it began, or here; 3 here: put the address and port that the world
 * knows in place of the VM's; 4 give it to the underlay's own routing; elsewhere: to that gateway. In: 1 which flow, or whose floating address; 2 put the VM's address and port in place; 3
 * on, as if a host of our own LAN had sent it, to wherever the VM is. docs/protocol/outsiders.md
 *
 * <p>Super-frames pass whole. Order: as called, and nothing waits here. Ownership: frames are rewritten where they stand. Locking: forwarder's thread; nothing is allocated for a packet.
 */
final class FlowPath implements UnderlayPort.Taker, AutoCloseable {
    /** What becomes of a packet to the world. */
    enum Way {
        /** It leaves here: {@link #send} it. */
        HERE,
        /** It leaves at {@link #next}. */
        ELSEWHERE,
        /** It is dropped, and counted. */
        DROPPED,
        /** Nobody knows a way. */
        NOWHERE
    }

    /** Of so many flows a processor's cache holds what a packet needs. */
    private static final int CACHED_FLOWS = 1_000;

    private final ForwardingTable table;
    private final FlowBook book;
    private final FlowGuard guard;
    private final Inside inside;
    private final Counters counters;
    /** Null: this gateway has no way to the world of its own. */
    private final @Nullable UnderlayPort underlay;

    private final SnatPool pool;
    private final FloatingTable floatings;
    private final OutsiderPorts outsiders;
    private final FragmentTable fragments = new FragmentTable();
    private final FlowRewriter rewriter = new FlowRewriter();
    private final FlowKey key = new FlowKey();
    private final ParsedFrame f = new ParsedFrame();
    private final ParsedFrame out = new ParsedFrame();
    private final FrameRun one = new FrameRun();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes(), 64);
    private final int[] likely = new int[WanPort.AHEAD];
    private Found found = Found.NOTHING;
    private int flow;
    private @Nullable Peer next;
    private boolean used;
    /** The gateway with a way to the world that is nearest; null: there is none but ours. */
    private @Nullable Peer nearest;
    /** Of no meaning, but the compiler must not find that out. */
    private long touched;

    private long nowNs;

    FlowPath(
            ForwardingTable table,
            FlowBook book,
            FlowGuard guard,
            GatewayConfig.Egress egress,
            PagePort.@Nullable Opened port,
            Inside inside,
            Counters counters) {
        this.table = table;
        this.book = book;
        this.guard = guard;
        this.inside = inside;
        this.counters = counters;
        this.underlay = port == null ? null : new UnderlayPort(port, f, counters, this);
        this.pool = new SnatPool(egress.snat());
        this.floatings = new FloatingTable(egress.floating());
        this.outsiders = new OutsiderPorts(this, counters);
    }

    @Nullable
    UnderlayPort underlay() {
        return underlay;
    }

    @Override
    public void close() {
        if (underlay != null) {
            underlay.close();
        }
    }

    void tableChanged() {
        used = underlay != null;
        nearest = null;
        for (Peer peer : table.peers()) {
            used |= peer.egress;
            if (peer.egress && (nearest == null || peer.rttNs < nearest.rttNs)) {
                nearest = peer;
            }
        }
        floatings.rebuild(table);
        book.tableChanged();
    }

    /** Whether there is a way to the world at all, from any gateway. */
    boolean isUsed() {
        return used;
    }

    /** What comes from the world now comes at that time. */
    void at(long now) {
        nowNs = now;
    }

    /** The largest packet of a session that goes in one piece wherever its VM moves. */
    int leastMtuBytes(VirtualNetwork network) {
        int least = network.mtuBytes;
        for (Peer peer : table.peers()) {
            least = Math.min(least, PathFit.innerMtuBytes(peer, network));
        }
        return least;
    }

    // --- out

    /** Whether somebody outside all networks of ours could have the address. */
    static boolean isWorld(VirtualNetwork network, boolean v6, long high, long low) {
        VirtualNetwork.Subnet subnet = network.subnetOf(v6, high, low);
        return subnet == null || subnet.homeSite().isEmpty();
    }

    /**
     * Where a packet to the world goes.
     *
     * @param f the first of the run, parsed
     */
    Way leave(VirtualNetwork network, VmEntry sender, FrameRun run, ParsedFrame f, long now) {
        return leave(network, sender, run, f, false, false, now);
    }

    /**
     * @param fromPeer it has come from another gateway, which believes that it leaves here
     * @param passedOn it has come by two gateways, and goes to no third
     */
    private Way leave(
            VirtualNetwork network,
            VmEntry sender,
            FrameRun run,
            ParsedFrame f,
            boolean fromPeer,
            boolean passedOn,
            long now) {
        FlowTable flows = book.flows();
        int second = FlowBook.second(now);
        flow = find(flows, network, run, f, second);
        if (flow == FlowTable.NONE) {
            if (found != Found.FLOW) {
                return drop(found == Found.LATER_FRAGMENT ? DropReason.NO_FIRST_FRAGMENT : DropReason.NO_FLOW, run);
            }
            Peer before = awaited(sender, now);
            if (before != null && !fromPeer) {
                next = before;
                return Way.ELSEWHERE;
            }
            int owner = FlowTable.HERE;
            if (!pool.has(f.isV6()) && floatings.oneToOne(network, key) == null) {
                if (nearest == null || fromPeer) {
                    return Way.NOWHERE;
                }
                owner = book.owner(nearest.id);
            }
            flow = flows.add(key, book.vm(sender), sender.boundEpoch, owner, true, FlowState.NEW, second);
            if (flow == FlowTable.NONE) {
                return drop(DropReason.FLOW_TABLE_FULL, run);
            }
            counters.add(Kind.FLOWS_BEGUN);
        }
        if (found == Found.FLOW) {
            flows.saw(flow, true, run.tcpFlags(f), second);
        }
        int owner = flows.owner(flow);
        if (owner != FlowTable.HERE) {
            next = book.peer(owner);
            return next == null || passedOn ? drop(DropReason.NO_ROUTE, run) : Way.ELSEWHERE;
        }
        return flows.isTranslated(flow) || translate(flows, network) ? Way.HERE : drop(DropReason.NO_PORT, run);
    }

    private int find(FlowTable flows, VirtualNetwork network, FrameRun run, ParsedFrame f, int second) {
        MemorySegment s = run.memory();
        found = key.of(s, f, network.vni, true);
        if (found == Found.NOTHING || found == Found.LATER_FRAGMENT && !fragments.later(s, f, key, second)) {
            return FlowTable.NONE;
        }
        if (f.isFragment() && f.fragmentOffset() == 0) {
            fragments.first(s, f, key, second);
        }
        return flows.find(key);
    }

    /** The VM has just come, and not all that was known of its flows: who knows them; null: we do. */
    private @Nullable Peer awaited(VmEntry vm, long now) {
        return now - vm.flowsAwaitedUntilNs < 0 && vm.flowsAwaitedFrom != null ? table.peer(vm.flowsAwaitedFrom) : null;
    }

    private boolean translate(FlowTable flows, VirtualNetwork network) {
        flows.key(flow, key);
        Floating own = floatings.oneToOne(network, key);
        if (own != null) {
            int port = key.localPort();
            key.local(FlowKey.OUTSIDE, own.address().high(), own.address().low(), port);
            if (flows.findOuter(key) == FlowTable.NONE) {
                flows.translate(flow, own.address().high(), own.address().low(), port);
                return true;
            }
            flows.key(flow, key);
        }
        if (!pool.allocate(flows, key)) {
            return false;
        }
        flows.translate(flow, pool.high(), pool.low(), pool.port());
        return true;
    }

    private Way drop(DropReason reason, FrameRun run) {
        for (int i = 0; i < run.count(); i++) {
            counters.drop(reason);
        }
        return Way.DROPPED;
    }

    /** Of {@link Way#ELSEWHERE}. */
    Peer next() {
        Peer peer = next;
        if (peer == null) {
            throw new IllegalStateException("the last packet leaves here, or nowhere");
        }
        return peer;
    }

    /** Of {@link Way#HERE}: the run of which was asked last leaves. */
    void send(FrameRun run) {
        if (run.isInOnePiece()) {
            write(run);
        } else {
            for (int i = 0; i < run.count(); i++) {
                write(one.frame(scratch, 0, run.copySegment(i, scratch, 0), false));
            }
        }
        counters.add(Kind.WORLD_OUT, run.count());
    }

    private void write(FrameRun run) {
        if (underlay != null && outwards(run.memory(), run.frameAt(), run.frameLength(), run.isPartial())) {
            underlay.send(run);
        }
    }

    private boolean outwards(MemorySegment s, long at, int length, boolean partial) {
        FlowTable flows = book.flows();
        if (out.parse(s, at, length).isDrop()) {
            return false;
        }
        rewriter.rewrite(
                s,
                out,
                found,
                true,
                partial,
                flows.localHigh(flow),
                flows.localLow(flow),
                flows.localPort(flow),
                flows.outerHigh(flow),
                flows.outerLow(flow),
                flows.outerPort(flow));
        return true;
    }

    /** An ICMP error of ours to somebody outside, about what he sent: it comes from the address that he knows. */
    void error(VirtualNetwork network, MemorySegment s, long at, int length) {
        FrameRun run = one.frame(s, at, length, false);
        if (out.parse(s, at, length).isDrop()) {
            return;
        }
        flow = find(book.flows(), network, run, out, FlowBook.second(nowNs));
        if (found != Found.QUOTED || flow == FlowTable.NONE || !book.flows().isTranslated(flow)) {
            return;
        }
        FlowTable flows = book.flows();
        long fromHigh = out.sourceHigh();
        long fromLow = out.sourceLow();
        outwards(s, at, length, false);
        rewriter.rewrite(
                s, out, found, true, false, fromHigh, fromLow, 0, flows.outerHigh(flow), flows.outerLow(flow), 0);
        if (underlay != null) {
            underlay.send(run);
        }
    }

    // --- between gateways

    /** From a gateway comes what a VM sends to the world: it leaves here, or goes on to where it does. */
    void fromPeer(
            VirtualNetwork network,
            VmEntry sender,
            boolean passedOn,
            FrameRun run,
            ParsedFrame f,
            WanPort wan,
            long now) {
        nowNs = now;
        // The gateway at the VM has judged it, unless it knows too little yet, and asks us to.
        if (sender.guarded() && !guard.passes(sender, network, run, f, true, now)) {
            drop(DropReason.FILTERED, run);
            return;
        }
        switch (leave(network, sender, run, f, true, passedOn, now)) {
            case HERE -> send(run);
            case ELSEWHERE -> wan.passOn(next(), run, network.vni, 0);
            case NOWHERE -> drop(DropReason.NO_ROUTE, run);
            case DROPPED -> {}
        }
    }

    /** From a gateway comes a packet to a VM. If it is of somebody outside, the answers go back the same way. @return false: it is dropped */
    boolean knows(Peer peer, VirtualNetwork network, VmEntry vm, FrameRun run, ParsedFrame f, long now) {
        return !isWorld(network, f.isV6(), f.sourceHigh(), f.sourceLow())
                || network.vmByAddress.find(f.isV6(), f.sourceHigh(), f.sourceLow()) != VmTable.NONE
                || cameBy(peer, network, vm, run, f, now);
    }

    private boolean cameBy(Peer peer, VirtualNetwork network, VmEntry vm, FrameRun run, ParsedFrame f, long now) {
        FlowTable flows = book.flows();
        int second = FlowBook.second(now);
        Found what = key.of(run.memory(), f, network.vni, false);
        if (what != Found.FLOW) {
            return true; // it belongs to what is judged by its first packet or fragment
        }
        int known = flows.find(key);
        if (known == FlowTable.NONE) {
            if (!vm.rules.allows(key, true)) {
                return vm.onMove; // its flows may not be here yet; the guard sees it again when it is delivered
            }
            known = flows.add(key, book.vm(vm), vm.boundEpoch, book.owner(peer.id), false, FlowState.NEW, second);
            if (known == FlowTable.NONE) {
                drop(DropReason.FLOW_TABLE_FULL, run);
                return false;
            }
        }
        flows.saw(known, false, run.tcpFlags(f), second);
        return true;
    }

    // --- in

    @Override
    public DropReason take() {
        if (!f.isIp() || f.isMulticastDestination()) {
            return f.isIp() ? DropReason.MULTICAST : DropReason.UNKNOWN_ETHER_TYPE;
        }
        UnderlayPort port = underlay;
        if (port == null) {
            return DropReason.NO_FLOW;
        }
        MemorySegment s = port.memory();
        int second = FlowBook.second(nowNs);
        found = key.of(s, f, FlowKey.OUTSIDE, false);
        if (found == Found.NOTHING) {
            return DropReason.NO_FLOW;
        }
        if (found == Found.LATER_FRAGMENT && !fragments.later(s, f, key, second)) {
            return DropReason.NO_FIRST_FRAGMENT;
        }
        if (f.isFragment() && f.fragmentOffset() == 0) {
            fragments.first(s, f, key, second);
        }
        FlowTable flows = book.flows();
        flow = flows.findOuter(key);
        if (flow == FlowTable.NONE) {
            DropReason bad = enter(flows, second);
            if (bad.isDrop()) {
                return bad;
            }
        }
        VirtualNetwork network = table.network(flows.realm(flow));
        if (network == null) {
            return DropReason.UNKNOWN_NETWORK;
        }
        if (found == Found.FLOW) {
            flows.saw(flow, false, f.tcpFlags(), second);
        }
        rewriter.rewrite(
                s,
                f,
                found,
                false,
                port.isPartial(),
                flows.outerHigh(flow),
                flows.outerLow(flow),
                flows.outerPort(flow),
                flows.localHigh(flow),
                flows.localLow(flow),
                flows.localPort(flow));
        counters.add(Kind.WORLD_IN);
        int mtuBytes = f.isTcpSyn() ? leastMtuBytes(network) : network.mtuBytes;
        inside.fromWorld(outsiders.of(network), port, mtuBytes, nowNs);
        return DropReason.NONE;
    }

    /** A flow begins outside. */
    private DropReason enter(FlowTable flows, int second) {
        Floating floating = found == Found.FLOW ? floatings.of(key) : null;
        if (floating == null) {
            return DropReason.NO_FLOW;
        }
        int outerPort = key.localPort();
        int port = floating.inner(key.protocol(), outerPort);
        key.local(floating.network().vni, floating.to().high(), floating.to().low(), port);
        flow = flows.find(key);
        if (flow != FlowTable.NONE && flows.isTranslated(flow)) {
            return DropReason.NO_FLOW; // the same two ends have spoken by another address
        }
        if (flow == FlowTable.NONE) {
            VmEntry vm = floating.vm();
            if (!vm.rules.allows(key, true)) {
                return DropReason.FILTERED;
            }
            flow = flows.add(key, book.vm(vm), vm.boundEpoch, FlowTable.HERE, false, FlowState.NEW, second);
            if (flow == FlowTable.NONE) {
                return DropReason.FLOW_TABLE_FULL;
            }
            counters.add(Kind.FLOWS_BEGUN);
        }
        flows.translate(flow, floating.address().high(), floating.address().low(), outerPort);
        return DropReason.NONE;
    }

    // --- many at once

    @Override
    public void ahead(MemorySegment frames, long[] frameAt, int n) {
        ahead(FlowKey.OUTSIDE, false, frames, frameAt, n);
    }

    /** Frames that will be asked about: what is known of their flows is fetched for all of them at the same time. */
    void ahead(int realm, boolean fromLocal, MemorySegment s, long[] frameAt, int n) {
        FlowTable flows = book.peek();
        if (flows == null || flows.size() < CACHED_FLOWS) {
            return;
        }
        for (int i = 0; i < n; i++) {
            guess(realm, fromLocal, s, frameAt[i]);
            likely[i] = flows.likely(key);
        }
        long sum = 0;
        for (int i = 0; i < n; i++) {
            sum += flows.touch(likely[i]);
        }
        touched = sum;
    }

    /** The key that the packet has if it is TCP or UDP, and nothing stands between its headers. */
    private void guess(int realm, boolean fromLocal, MemorySegment s, long at) {
        long ip = at + Ethernet.HEADER_BYTES;
        boolean v6 = Ethernet.type(s, at) == EtherType.IPV6;
        long l4 = ip + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
        int protocol = v6 ? Ipv6.nextHeader(s, ip) : Ipv4.protocol(s, ip);
        long sourceHigh = v6 ? Ipv6.sourceHigh(s, ip) : 0;
        long sourceLow = v6 ? Ipv6.sourceLow(s, ip) : Ipv4.source(s, ip);
        long destinationHigh = v6 ? Ipv6.destinationHigh(s, ip) : 0;
        long destinationLow = v6 ? Ipv6.destinationLow(s, ip) : Ipv4.destination(s, ip);
        int sourcePort = IpProtocol.hasPorts(protocol) ? Udp.sourcePort(s, l4) : 0;
        int destinationPort = IpProtocol.hasPorts(protocol) ? Udp.destinationPort(s, l4) : 0;
        if (fromLocal) {
            key.set(
                    realm,
                    v6,
                    protocol,
                    sourceHigh,
                    sourceLow,
                    sourcePort,
                    destinationHigh,
                    destinationLow,
                    destinationPort);
        } else {
            key.set(
                    realm,
                    v6,
                    protocol,
                    destinationHigh,
                    destinationLow,
                    destinationPort,
                    sourceHigh,
                    sourceLow,
                    sourcePort);
        }
    }
}
