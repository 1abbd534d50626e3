// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.HandoffPlan;
import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.Companion;
import io.sojourn.ilnp.Handover;
import io.sojourn.ilnp.IlccTiming;
import io.sojourn.ilnp.Nonce;
import io.sojourn.ilnp.SiteLocators;
import io.sojourn.ilnp.Transparency;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.Ipv6;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A gateway's ILNP, VMs visible: the production borders, one a network, with a model around them of what the product's path of located packets does.
 *
 * <pre>
 *   out  by its binding's epoch, from a VM or host here   border, then natively; from another site's locator by way of that site
 *        else                                             the overlay, as ever: it has to wait for the VM, and is known by its epoch
 *   in   for somebody here, or who is being waited for    border, then on as if a peer had sent it
 *        for a VM that has left                           after it by the overlay, as it came
 *        from our locator, of a VM that has left          natively, on its behalf
 * </pre>
 *
 * What is known of a VM goes ahead of it, again and again until it has come; and to disk, which outlives the process, when it has come and once a second.
 */
final class SimLocators {
    static final int NETWORKS = 2;
    private static final long AGAIN_NS = 50 * Scenario.MS;
    private static final long KEEP_MS = 1_000;

    private record Saved(long epoch, byte[] octets, long savedMs) {}

    /** @param changes of the source's cache when it was written */
    private record Ahead(long epoch, byte[] octets, int changes) {}

    /** A gateway of our realm; it has one locator. */
    private record At(long locator) implements Companion {
        @Override
        public boolean has(long other) {
            return other == locator;
        }

        @Override
        public boolean hasLost(long other) {
            return false;
        }
    }

    private final World world;
    private final int self;
    private final SimGateway gateway;
    /** On disk, by network and identifier. */
    private final Map<List<Long>, Saved> disk = new LinkedHashMap<>();

    /** What the last process has left there, and nobody has asked for yet. */
    private final Map<List<Long>, Saved> found = new LinkedHashMap<>();

    private final LocatorBorder[] borders = new LocatorBorder[NETWORKS];
    /** What came ahead of VMs. */
    private final Map<Integer, Ahead> ahead = new LinkedHashMap<>();
    /** Of VMs that leave: the changes of their caches that were sent last. */
    private final Map<Integer, Integer> leaving = new LinkedHashMap<>();

    private long keptMs;
    private long keptChanges;

    SimLocators(World world, SimGateway gateway) {
        this.world = world;
        this.self = gateway.index;
        this.gateway = gateway;
        start();
    }

    private void start() {
        for (int network = 0; network < NETWORKS; network++) {
            Locator64 locator = new Locator64(LocatorPackets.locator(network, self));
            SiteLocators site = new SiteLocators(300, List.of(new SiteLocators.Uplink(locator, 10)));
            int of = network;
            borders[network] = new LocatorBorder(
                    world,
                    new BorderRouter(site, IlccTiming.DEFAULT, () -> Nonce.ofShort(world.random.nextInt())),
                    located -> spoken(of, located));
        }
    }

    void kill() {
        if (changes() != keptChanges) {
            world.monitor.forgets();
        }
        for (LocatorBorder border : borders) {
            border.die();
        }
        ahead.clear();
        leaving.clear();
        found.clear();
        if (!world.mutator.is(Mutation.NODES_UNREAD)) {
            found.putAll(disk);
        }
        keptChanges = 0;
        start();
    }

    private boolean isHere(int vm) {
        return gateway.forwarder().routeTo(vm) == self;
    }

    // --- who is spoken for

    private void speakForVm(int vm) {
        speakFor(
                world.networkOf(vm),
                LocatorPackets.vmNid(vm),
                LocatorPackets.VMS_INSIDE,
                gateway.forwarder().routeEpoch(vm));
    }

    private void speakForHost(int network) {
        speakFor(network, LocatorPackets.hostNid(self), LocatorPackets.hostsInside(self), 0);
    }

    private void speakFor(int network, long nid, long inside, long epoch) {
        LocatorBorder border = borders[network];
        if (border.router.isHere(nid, inside)) {
            return;
        }
        Saved saved = found.remove(List.of((long) network, nid));
        long nowMs = border.nowMs();
        boolean known = saved != null
                && saved.epoch() == epoch
                && border.router
                        .restore(
                                saved.octets(),
                                new Locator64(inside),
                                Transparency.VISIBLE,
                                nowMs - saved.savedMs(),
                                nowMs)
                        .isPresent();
        if (!known) {
            border.router.attach(new NodeIdentifier(nid), new Locator64(inside), Transparency.VISIBLE);
        }
        border.goOn();
    }

    /** A VM that is bound elsewhere is not ours to speak for. */
    void leave(int vm) {
        borders[world.networkOf(vm)].router.detach(new NodeIdentifier(LocatorPackets.vmNid(vm)));
    }

    private long changes() {
        long changes = 0;
        for (LocatorBorder border : borders) {
            changes += border.router.changes();
        }
        return changes;
    }

    private void keep() {
        if (borders[0].nowMs() - keptMs >= KEEP_MS && changes() != keptChanges) {
            keepNow();
        }
    }

    private void keepNow() {
        long nowMs = borders[0].nowMs();
        keptMs = nowMs;
        keptChanges = changes();
        disk.clear();
        disk.putAll(found);
        for (int network = 0; network < NETWORKS; network++) {
            int of = network;
            BorderRouter router = borders[network].router;
            router.forEachNode(node -> disk.put(
                    List.of((long) of, node.nid().bits()),
                    new Saved(epochOf(of, node.nid().bits()), router.export(node, nowMs), nowMs)));
        }
    }

    /** 0: a host's. */
    private long epochOf(int network, long nid) {
        for (int vm = 0; vm < world.vms.length; vm++) {
            if (world.networkOf(vm) == network && LocatorPackets.vmNid(vm) == nid) {
                return gateway.forwarder().routeEpoch(vm);
            }
        }
        return 0;
    }

    // --- out

    /** @return false: it is not for this way, and goes by the overlay */
    boolean send(int to, Packet packet, long epoch, boolean relayed) {
        keep();
        FlowName flow = packet.flow.name;
        boolean toOutsider = to > world.names.length;
        if (relayed && !toOutsider || flow.sourceVm() >= 0 && !isHere(flow.sourceVm())) {
            return false;
        }
        if (flow.targetVm() >= 0 && epoch != gateway.forwarder().routeEpoch(flow.targetVm())) {
            return false;
        }
        if (flow.sourceVm() >= 0) {
            speakForVm(flow.sourceVm());
        } else {
            speakForHost(flow.network());
        }
        if (flow.targetVm() >= 0) {
            leave(flow.targetVm());
        }
        LocatorBorder border = borders[flow.network()];
        Companion at = toOutsider ? null : new At(LocatorPackets.locator(flow.network(), to));
        Way way = border.out(inside(packet), at, !toOutsider);
        if (way != Way.DIRECT && way != Way.RELAY) {
            world.monitor.violate(2, packet + " does not leave gateway " + self + ": " + border.reason());
            return true;
        }
        packet.direct = way == Way.DIRECT;
        byte[] octets = border.octets();
        border.nonce().ifPresent(nonce -> spoken(flow.network(), Located.natively(null, nonce)));
        leaves(packet, octets);
        return true;
    }

    private byte[] inside(Packet packet) {
        FlowName flow = packet.flow.name;
        long[] from = flow.sourceVm() >= 0 ? vm(flow.sourceVm()) : host(flow);
        long[] to = flow.targetVm() >= 0 ? vm(flow.targetVm()) : host(flow);
        return LocatorPackets.inside(packet, from[0], from[1], to[0], to[1]);
    }

    private static long[] vm(int vm) {
        return new long[] {LocatorPackets.VMS_INSIDE, LocatorPackets.vmNid(vm)};
    }

    private long[] host(FlowName flow) {
        int outsider = flow.hostAt() - world.names.length - 1;
        return outsider >= 0
                ? new long[] {LocatorPackets.outsider(flow.network(), outsider), LocatorPackets.outsiderNid(outsider)}
                : new long[] {LocatorPackets.hostsInside(flow.hostAt()), LocatorPackets.hostNid(flow.hostAt())};
    }

    private void spoken(int network, Located located) {
        leaves(located.packet(), located.octets());
    }

    /** Natively if its source is at home here, else by way of the site that it belongs to. */
    private void leaves(@Nullable Packet packet, byte[] octets) {
        long source = Ipv6.sourceHigh(MemorySegment.ofArray(octets), 0);
        int owner = LocatorPackets.gatewayOf(source);
        if (owner == self) {
            natively(packet, octets);
        } else if (owner < 0) {
            world.monitor.leavesFrom(false, "gateway " + self, Located.natively(packet, octets));
        } else {
            world.wan.located(self, owner, new Located(packet, octets, 0, false));
        }
    }

    private void natively(@Nullable Packet packet, byte[] octets) {
        MemorySegment s = MemorySegment.ofArray(octets);
        Located located = Located.natively(packet, octets);
        world.monitor.leavesFrom(LocatorPackets.gatewayOf(Ipv6.sourceHigh(s, 0)) == self, "gateway " + self, located);
        long to = Ipv6.destinationHigh(s, 0);
        int gatewayTo = LocatorPackets.gatewayOf(to);
        world.wan.located(self, gatewayTo >= 0 ? gatewayTo : world.partyOf(LocatorPackets.outsiderOf(to)), located);
    }

    // --- in

    void arrived(int from, Located located) {
        keep();
        byte[] octets = located.octets();
        MemorySegment s = MemorySegment.ofArray(octets);
        long to = Ipv6.destinationHigh(s, 0);
        long source = Ipv6.sourceHigh(s, 0);
        boolean toUs = LocatorPackets.gatewayOf(to) == self;
        boolean fromUs = LocatorPackets.gatewayOf(source) == self;
        int network = LocatorPackets.networkOf(LocatorPackets.gatewayOf(to) >= 0 ? to : source);
        int vm = world.vmOf(network, Ipv6.destinationLow(s, 0));
        if (located.natively()) {
            if (vm >= 0 && !isHere(vm)) {
                leave(vm);
                after(vm, located);
            } else if (toUs) {
                inward(network, vm, located, -1);
            } else {
                lost(located, Loss.NO_ROUTE);
            }
        } else if (vm >= 0 && (isHere(vm) || gateway.forwarder().isWaitedFor(vm))) {
            inward(network, vm, located, from);
        } else if (fromUs) {
            outFor(world.vmOf(network, Ipv6.sourceLow(s, 0)), located, from);
        } else if (vm >= 0) {
            after(vm, located);
        } else {
            lost(located, Loss.NO_ROUTE);
        }
    }

    private void lost(Located located, Loss why) {
        if (located.packet() != null) {
            world.monitor.lost(located.packet(), why, self);
        }
    }

    /** After the VM, as it came. */
    private void after(int vm, Located located) {
        Forwarder forwarder = gateway.forwarder();
        long epoch = forwarder.routeEpoch(vm);
        if (forwarder.routeTo(vm) < 0) {
            lost(located, Loss.NO_ROUTE);
        } else if (located.epoch() >= epoch) {
            lost(located, Loss.STALE_EPOCH);
        } else {
            world.wan.located(
                    self, forwarder.routeTo(vm), new Located(located.packet(), located.octets(), epoch, false));
        }
    }

    /** From our locator on behalf of a VM that is, or was until just now, where it comes from. */
    private void outFor(int vm, Located located, int from) {
        boolean deaf = world.mutator.is(Mutation.OLD_SITE_DEAF) && vm >= 0 && isHere(vm);
        if (vm < 0 || !gateway.isSoonOrLatelyAt(vm, from) || deaf) {
            lost(located, Loss.NOT_BELIEVED);
        } else {
            natively(located.packet(), located.octets());
        }
    }

    /** @param via by whom it was passed on; -1: nobody */
    private void inward(int network, int vm, Located located, int via) {
        MemorySegment s = MemorySegment.ofArray(located.octets());
        if (vm >= 0) {
            speakForVm(vm);
        } else {
            speakForHost(network);
        }
        int peer = LocatorPackets.gatewayOf(Ipv6.sourceHigh(s, 0));
        int sender = world.vmOf(network, Ipv6.sourceLow(s, 0));
        long knownAs = peer < 0 ? 0 : sender >= 0 ? LocatorPackets.VMS_INSIDE : LocatorPackets.hostsInside(peer);
        boolean vouched = peer >= 0 && (sender < 0 || gateway.isSoonOrLatelyAt(sender, peer));
        LocatorBorder border = borders[network];
        Way way = border.in(located.octets(), via >= 0, peer >= 0, knownAs, vouched);
        Packet packet = located.packet();
        if (packet == null || way == Way.CONSUMED) {
            return;
        }
        if (way != Way.DELIVER) {
            if (world.monitor.logging()) {
                world.monitor.say("border of gateway " + self + " drops " + packet + ": " + border.reason());
            }
            lost(located, Loss.NOT_BELIEVED);
            return;
        }
        byte[] said = packet.flow.name.hostAt() > world.names.length && vm >= 0
                ? LocatorPackets.inside(
                        packet,
                        host(packet.flow.name)[0],
                        host(packet.flow.name)[1],
                        LocatorPackets.VMS_INSIDE,
                        LocatorPackets.vmNid(vm))
                : inside(packet);
        world.monitor.unchanged(Arrays.equals(border.octets(), said), packet);
        letIn(packet, peer, via, vm, located.epoch());
    }

    /** @param peer whose locator it came from; -1: an outsider's */
    private void letIn(Packet packet, int peer, int via, int vm, long epoch) {
        Forwarder forwarder = gateway.forwarder();
        if (via >= 0) {
            forwarder.fromWan(packet, via, epoch, true);
        } else if (peer >= 0) {
            forwarder.fromWan(packet, peer, vm >= 0 ? forwarder.routeEpoch(vm) : 0, false);
        } else {
            forwarder.fromHost(packet);
        }
    }

    // --- what goes with a VM

    /** Its copy begins, or it is about to stop. */
    void leaves(HandoffPlan plan) {
        int vm = world.vm(plan);
        LocatorBorder border = borders[world.networkOf(vm)];
        border.router.node(new NodeIdentifier(LocatorPackets.vmNid(vm))).ifPresent(node -> {
            int changes = node.cache().changes();
            Integer before = leaving.put(vm, changes);
            if (before == null || before != changes) {
                byte[] octets = border.router.export(node, border.nowMs());
                carry(world.index(plan.destination()), vm, plan.epoch().number(), octets, changes, gateway.life());
            }
        });
    }

    private void carry(int to, int vm, long epoch, byte[] octets, int changes, int life) {
        if (world.mutator.is(Mutation.NODE_STATE_LEFT)
                || !gateway.isUp()
                || gateway.life() != life
                || !Integer.valueOf(changes).equals(leaving.get(vm))) {
            return; // newer ones are on their way, or nobody is left to send them
        }
        world.wan.state(self, to, () -> {
            SimLocators there = world.gateway(to).locators();
            there.ahead(vm, epoch, octets, changes);
            world.wan.state(to, self, () -> leaving.remove(vm, changes));
        });
        world.timeline.in(AGAIN_NS, () -> carry(to, vm, epoch, octets, changes, life));
    }

    private void ahead(int vm, long epoch, byte[] octets, int changes) {
        Ahead before = ahead.get(vm);
        if (before == null || before.epoch() < epoch || before.epoch() == epoch && before.changes() <= changes) {
            ahead.put(vm, new Ahead(epoch, octets, changes));
        }
        if (isHere(vm) && gateway.forwarder().routeEpoch(vm) == epoch) {
            adopt(vm, epoch); // the guest was faster
        }
    }

    /** The VM runs here. */
    void activated(HandoffPlan plan) {
        int vm = world.vm(plan);
        long epoch = plan.epoch().number();
        Ahead state = ahead.get(vm);
        int changes = state == null || state.epoch() != epoch ? -1 : state.changes();
        if (world.gateway(world.index(plan.source())).locators().sentMore(vm, changes)) {
            world.monitor.forgets();
        }
        leaving.remove(vm);
        adopt(vm, epoch);
        speakForVm(vm);
        keepNow();
    }

    /** Something has not come, and nobody is known to have it. */
    private boolean sentMore(int vm, int changes) {
        Integer sent = leaving.get(vm);
        return sent != null && sent != changes;
    }

    private void adopt(int vm, long epoch) {
        Ahead state = ahead.remove(vm);
        LocatorBorder border = borders[world.networkOf(vm)];
        if (state != null && state.epoch() == epoch) {
            border.router.adopt(
                    state.octets(),
                    new Locator64(LocatorPackets.VMS_INSIDE),
                    Transparency.VISIBLE,
                    Handover.SOFT,
                    border.nowMs());
            border.goOn();
        }
    }
}
