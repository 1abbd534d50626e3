// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Links;
import io.sojourn.linux.PeerAddress;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Threads;
import io.sojourn.mechanism.Mechanism;
import io.sojourn.mechanism.Overlay;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.seal.SealPrivateKey;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that owns ports, socket, table and handoff machines, so that none of them needs a lock and a handoff flips
 * between two packets. Others reach it by {@link #post} only.
 *
 * <p>A turn: commands, WAN, LANs, timers, flushes, streams, send. When a turn finds nothing it sleeps in the kernel until a
 * descriptor, a command or a time wakes it; it never spins.
 */
final class Forwarder implements Outside.Control, ForwardingTable.Changes, Inside.Sightings {
    private static final Logger LOG = LoggerFactory.getLogger(Forwarder.class);
    private static final long TICK_NS = 1_000_000_000L;
    /** Flows are on their way to or from here. */
    private static final long FLOWS_SOON_NS = 10_000_000;
    /** What was due and then had nothing to do, twice: it is not asked again before this has passed. */
    private static final long LEAST_SLEEP_NS = 100_000;
    /**
     * After so long without sleep ordinary threads get the processor for a moment. The kernel sees to it that they get 50 ms of each second from a real-time
     * one, and if it must, then all at once (kernel/sched/deadline.c, the fair server): one stall of 50 ms.
     */
    private static final long BREATHLESS_NS = 1_000_000;

    private static final long BREATH_NS = 60_000;

    private final Counters counters = new Counters();
    private final ConcurrentLinkedQueue<Runnable> commands = new ConcurrentLinkedQueue<>();
    private final Doorbell doorbell = new Doorbell();
    private final Timers timers = new Timers();
    private final Links links = new Links();
    private final Stations stations = new Stations();
    private final Mechanism mechanism = new Overlay();
    private final ForwardingTable table;
    private final WanPort wan;
    private final Sealing sealing;
    private final Offloads offloads;
    private final Stalls stalls = new Stalls(counters);
    private final LocalDelivery delivery;
    private final Inside inside;
    private final Shares shares = new Shares();
    private final Outside outside;
    private final Streams streams;
    private final PathProber prober;
    private final Handoffs handoffs;
    private final Claims claims;
    private final Map<String, GatewayConfig.Attachment> attachments = new HashMap<>();
    private final List<GatewayConfig.Edge> edges;
    private final List<LanPort> ports = new ArrayList<>();
    private final Bypasses bypasses;
    /** What native packets come by: those of {@link #bypasses}, the world. */
    private final List<UnderlayPort> underlays;

    /** Flows that are judged, or leave the networks. */
    private final FlowBook book;

    private final FlowPath world;
    private final FlowMoves flowMoves;

    /** Dealt with since the last sleep. */
    private int frames;

    private int idleTurns;
    private long sleptNs;
    private volatile boolean running = true;
    private @Nullable Thread thread;

    Forwarder(
            GatewayConfig config, SealPrivateKey key, Handoffs.Surroundings surroundings, Claims.Surroundings guests) {
        config.attachments().forEach(a -> attachments.put(a.network(), a));
        edges = config.edges();
        table = new ForwardingTable(config.gateway(), config.site(), this);
        table.onUnderlay(config.onUnderlay());
        try {
            wan = WanPort.bind(config.listen().toSocketAddress(), mechanism, counters);
        } catch (SyscallException e) {
            throw new GatewayException(
                    "cannot listen on " + config.listen() + " (" + e.getMessage()
                            + "); is another gateway running, and is the address on this host?",
                    e);
        }
        sealing = new Sealing(key, config.transport(), wan, counters);
        offloads = new Offloads(wan, counters);
        sealing.offloads(offloads);
        delivery = new LocalDelivery(table, counters);
        inside = new Inside(table, wan, delivery, counters, this);
        inside.sharedBy(shares);
        shares.limits(config.limits());
        Relays relays = new Relays(config.transport().relays(), table, wan, counters);
        outside = new Outside(table, wan, mechanism, sealing, delivery, counters, relays, this);
        streams = new Streams(wan, counters);
        handoffs = new Handoffs(this::post, table, wan, delivery, outside, timers, counters, surroundings);
        claims = new Claims(this, handoffs, table, timers, counters, guests);
        handoffs.claims(claims);
        prober = new PathProber(wan, table, counters, relays, handoffs::reachable);
        Witness witness = new Witness();
        witness.accounts(handoffs.accounts());
        wan.watchedBy(witness);
        outside.watchedBy(witness);
        delivery.watchedBy(witness);
        Bypasses.Surroundings around =
                new Bypasses.Surroundings(wan, inside, outside, handoffs, witness, links, stations);
        bypasses = new Bypasses(config, attachments, table, around, counters);
        underlays = new ArrayList<>(bypasses.underlays());
        if (!config.resolvers().isEmpty()) {
            List<InetSocketAddress> servers =
                    config.resolvers().stream().map(Locator::toSocketAddress).toList();
            inside.namedBy(new GuestNames(new Resolvers(servers), timers, counters, this::post));
            bypasses.answerNames();
        }
        book = new FlowBook(table, config.egress().flows());
        FlowGuard guard = new FlowGuard(book, counters);
        world = new FlowPath(table, book, guard, config.egress(), openWorld(config.egress()), inside, counters);
        UnderlayPort beyond = world.underlay();
        if (beyond != null) {
            underlays.add(beyond);
        }
        flowMoves = new FlowMoves(table, wan, book, world, counters);
        inside.outOf(world, guard);
        outside.outOf(world);
        delivery.guardedBy(guard);
        handoffs.joinedBy(flowMoves);
    }

    private PagePort.@Nullable Opened openWorld(GatewayConfig.Egress egress) {
        List<IpPrefix> prefixes = new ArrayList<>(egress.snat());
        prefixes.addAll(egress.floating());
        return egress.isNone() ? null : PagePort.openOutside(prefixes, links, stations);
    }

    void start() {
        thread = Thread.ofPlatform().name("forwarder").start(this::run);
    }

    /** Has the forwarder's thread do something soon; from any thread. */
    void post(Runnable command) {
        commands.add(command);
        wake();
    }

    /** Makes the forwarder look at its streams and commands; cheap when it has been told already. */
    void wake() {
        doorbell.ring();
    }

    /** Has the forwarder's thread compute something and waits for it. Not from the forwarder's own thread. */
    <T> T ask(Callable<T> question) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        post(() -> {
            try {
                answer.complete(question.call());
            } catch (Exception e) {
                answer.completeExceptionally(e);
            }
        });
        try {
            return answer.join();
        } catch (java.util.concurrent.CompletionException e) {
            if (e.getCause() instanceof GatewayException g) {
                throw g;
            }
            throw e;
        }
    }

    Counters counters() {
        return counters;
    }

    // --- for the forwarder's thread only

    ForwardingTable table() {
        return table;
    }

    Handoffs handoffs() {
        return handoffs;
    }

    Streams streams() {
        return streams;
    }

    PathProber prober() {
        return prober;
    }

    Explanation explanation() {
        return new Explanation(table, wan);
    }

    FlowBook flows() {
        return book;
    }

    void key(byte[] key) {
        flowMoves.datagrams().key(key);
        prober.key(key);
        handoffs.signals().key(key);
        bypasses.key(key);
    }

    Bypasses bypasses() {
        return bypasses;
    }

    /** What an operator says, at any time. */
    void offloads(GatewayConfig.Offloads use) {
        offloads.use(use);
        ports.forEach(port -> port.superFrames(use.tap() != GatewayConfig.Offload.OFF));
    }

    void table(TableUpdate update) {
        table.apply(update);
        bypasses.tableChanged();
        world.tableChanged();
        sealing.peers(table.peers());
        outside.reindexPeers();
    }

    private void run() {
        Threads.preciseTimers();
        rehearse();
        preferThisThread();
        watchPorts();
        long nextTickNs = System.nanoTime();
        stalls.sample(nextTickNs);
        while (running) {
            try {
                long now = System.nanoTime();
                int work = runCommands();
                long sealNs = sealing.tick(now);
                long ruledNs = System.nanoTime();
                stalls.ended("it was told something", now, ruledNs);
                boolean unread = packets(now);
                long carriedNs = System.nanoTime();
                stalls.ended("packets came", ruledNs, carriedNs);
                work += timers.run(now);
                work += delivery.flushDue(now);
                long probeNs = prober.tick(now);
                if (now - nextTickNs >= 0) {
                    ports.forEach(port -> port.neighbours.tick(now));
                    table.networks()
                            .forEach(network -> network.edges.forEach(
                                    edge -> edge.port().neighbours.tick(now)));
                    offloads.tick(table.peers(), now);
                    stalls.sample(now);
                    nextTickNs = now + TICK_NS;
                }
                long bypassesNs = bypasses.tick(now, nextTickNs);
                bypassesNs = flowMoves.tick(now) ? Math.min(bypassesNs, now + FLOWS_SOON_NS) : bypassesNs;
                work += streams.poll(now);
                wan.flush();
                stalls.ended("something was due", carriedNs, System.nanoTime());
                if (work == 0 && !unread) {
                    sleep(now, Math.min(Math.min(probeNs, sealNs), Math.min(nextTickNs, bypassesNs)));
                } else {
                    idleTurns = 0;
                    if (now - sleptNs > BREATHLESS_NS) {
                        long lyingDownNs = System.nanoTime();
                        doorbell.rest(BREATH_NS);
                        sleptNs = System.nanoTime();
                        stalls.ended("it overslept", lyingDownNs + BREATH_NS, sleptNs);
                    }
                }
            } catch (RuntimeException e) {
                // One bad packet or command must not end everybody's traffic.
                LOG.error("the forwarder goes on after an error; please report it", e);
            }
        }
        ports.forEach(LanPort::close);
        bypasses.close();
        world.close();
        wan.close();
    }

    /** Whether there may be more. */
    private boolean packets(long now) {
        boolean unread = false;
        int before = frames;
        if (doorbell.isWanWorthALook()) {
            frames += outside.poll(now);
            unread = outside.mayHaveMore();
        }
        world.at(now);
        for (int i = 0; i < underlays.size(); i++) {
            if (doorbell.isUnderlayWorthALook(i)) {
                UnderlayPort underlay = underlays.get(i);
                frames += underlay.poll();
                unread |= underlay.mayHaveMore();
            }
        }
        boolean backlog = false;
        for (int i = 0; i < ports.size(); i++) {
            if (doorbell.isPortWorthALook(i)) {
                frames += inside.poll(ports.get(i), now);
                backlog |= inside.mayHaveMore();
            }
        }
        shares.turn(backlog, now);
        unread |= backlog;
        doorbell.looked();
        idleTurns = frames > before ? 0 : idleTurns;
        return unread;
    }

    /** Whole moves of a VM that does not exist, by way of the code that will do it in earnest. */
    private void rehearse() {
        Handoffs stage = new Handoffs(
                this::post,
                table,
                wan,
                new LocalDelivery(table, new Counters()),
                outside,
                new Timers(),
                new Counters(),
                new Nowhere());
        WarmUp.rehearse(stage, table.self());
    }

    /** It sleeps whenever it has nothing to do, so it may go before whatever else this host computes; a guest above all. */
    private static void preferThisThread() {
        try {
            Threads.setRealtime(Threads.Rank.PACKETS);
            Threads.setCollectorFirst();
        } catch (SyscallException e) {
            LOG.info("the forwarder runs at ordinary priority: {}", e.getMessage());
        }
    }

    private void sleep(long now, long latestNs) {
        if (!commands.isEmpty()) {
            return;
        }
        bypasses.settle(now);
        long until = Math.min(latestNs, Math.min(delivery.nextFlushNs(), streams.nextDueNs(now))) - now;
        until = Math.min(until, timers.untilNextNs(now));
        if (until <= 0 && ++idleTurns > 1) {
            until = LEAST_SLEEP_NS;
        }
        if (until > 0) {
            long lyingDownNs = System.nanoTime();
            doorbell.sleep(until, frames, inside.takeSingle() + outside.takeSingle(), now);
            frames = 0;
            sleptNs = System.nanoTime();
            stalls.ended("it overslept", lyingDownNs + until, sleptNs);
        }
    }

    private int runCommands() {
        int ran = 0;
        for (Runnable command = commands.poll(); command != null; command = commands.poll()) {
            command.run();
            ran++;
        }
        return ran;
    }

    private void watchPorts() {
        doorbell.watch(wan.fd(), ports, underlays);
    }

    void stop() {
        running = false;
        wake();
        Thread t = thread;
        if (t != null) {
            try {
                t.join(2_000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    // --- ForwardingTable.Changes

    @Override
    public void willChange() {
        bypasses.willChange();
    }

    @Override
    public void networkAdded(VirtualNetwork network) {
        GatewayConfig.Attachment attachment = attachments.get(network.name);
        if (attachment == null) {
            return;
        }
        network.segmentVni = attachment.segmentVni();
        network.edges = edges.stream()
                .filter(edge -> edge.network().equals(network.name))
                .map(edge -> edge(network, edge))
                .toList();
        String bridge = attachment.bridge();
        try {
            network.port = LanPort.open(network, bridge, links, stations, counters);
            network.port.superFrames(offloads.use().tap() != GatewayConfig.Offload.OFF);
            ports.add(network.port);
            watchPorts();
            bypasses.lan(network.port);
            LOG.info("network {}: on bridge {}", network, bridge);
        } catch (GatewayException | SyscallException e) {
            LOG.error("{}", e.getMessage());
        }
    }

    private Edge edge(VirtualNetwork network, GatewayConfig.Edge edge) {
        EdgeDevice device =
                new EdgeDevice(wan, network, PeerAddress.of(edge.address().toSocketAddress()));
        LanPort port = new LanPort(network, device, counters);
        LOG.info(
                "network {}: hosts of site {} by VXLAN {} at {}",
                network,
                edge.site(),
                network.segmentVni,
                edge.address());
        return new Edge(edge.site(), device, port);
    }

    @Override
    public void networkRemoved(VirtualNetwork network) {
        LanPort port = network.port;
        if (port != null) {
            ports.remove(port);
            network.port = null;
            watchPorts();
            port.close();
        }
    }

    @Override
    public void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {
        handoffs.tableSays(vm, gateway, epoch);
    }

    @Override
    public void vmRemoved(VmEntry vm) {
        delivery.drop(vm);
    }

    // --- Inside.Sightings

    @Override
    public void sighted(VmEntry vm, Sign sign, long nowNs) {
        handoffs.sighted(vm, sign, nowNs);
        if (!vm.local && !vm.onMove) {
            claims.sighted(vm, sign, nowNs);
        }
    }

    @Override
    public void usurped(VmEntry vm, long nowNs) {
        claims.unauthorised(vm, "somebody else says by ARP that it has the VM's address", nowNs);
    }

    // --- Outside.Control

    @Override
    public void mapping(Peer from, byte[] datagram, long nowNs) {
        bypasses.mapping(from, datagram, nowNs);
    }

    @Override
    public void nodeState(Peer from, byte[] datagram, long nowNs) {
        bypasses.nodeState(from, datagram, nowNs);
    }

    @Override
    public void labelState(Peer from, byte[] datagram, long nowNs) {
        bypasses.labelState(from, datagram, nowNs);
    }

    @Override
    public void labelControl(Peer from, byte[] datagram, long nowNs) {
        bypasses.labelControl(from, datagram);
    }

    @Override
    public void flowState(Peer from, byte[] datagram, long nowNs) {
        flowMoves.datagrams().heard(from, datagram, nowNs);
    }

    @Override
    public void damaged(Peer at, long nowNs) {
        offloads.damageHeard(at, nowNs);
    }

    @Override
    public void signal(Peer from, byte[] datagram, long nowNs) {
        handoffs.signals().receive(from, datagram, nowNs);
    }

    @Override
    public void stream(Peer from, MemorySegment s, long at, int length, long nowNs) {
        streams.receive(from, s, at, length, nowNs);
    }

    @Override
    public void probe(Peer from, MemorySegment s, long at, int length) {
        prober.probed(from, s, at, length);
    }

    @Override
    public void probeReply(Peer from, MemorySegment s, long at, int length, long nowNs) {
        prober.answered(from, s, at, length, nowNs);
    }

    @Override
    public void late(VmEntry vm, Peer from, long nowNs) {
        handoffs.signals().late(vm, from, nowNs);
    }
}
