// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.LocatorNetwork.Member;
import io.sojourn.ilnp.Correspondent;
import io.sojourn.ilnp.Handover;
import io.sojourn.ilnp.LocalNode;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.LocatorUpdate;
import io.sojourn.wire.SojournDatagram;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What ILNP does at the steps of a move. COPY, HOLD: the source's border sends what it knows of the VM's correspondents to the destination's. ACTIVATE: the destination's border speaks for the VM
 * from there on, and tells correspondents where it is, if the VM is visible. Then the source's forgets. Forwarder's thread.
 */
final class NodeMoves implements MovedState {
    private static final Logger LOG = LoggerFactory.getLogger(NodeMoves.class);
    private static final long AGAIN_NS = TimeUnit.MILLISECONDS.toNanos(200);
    /** States of VMs that never came are forgotten. */
    private static final long KEPT_NS = TimeUnit.MINUTES.toNanos(30);

    private record Node(VmId vm, long nid) {}

    /** From a locator to a locator. */
    private record Way(long from, long to) {}

    /** It has come ahead of its node. */
    private record Ahead(long epoch, byte[] state, long sinceNs) {}

    private static final class Leaving {
        final VmEntry vm;
        final Peer to;
        final long epoch;
        final Map<Long, Integer> sent = new HashMap<>();
        long lookedNs;

        Leaving(VmEntry vm, Peer to, long epoch) {
            this.vm = vm;
            this.to = to;
            this.epoch = epoch;
        }
    }

    private final ForwardingTable table;
    private final Counters counters;
    private final LocatorPath path;
    private final NodeStates states;
    private final Rounds rounds = new Rounds();
    private final Map<Node, Ahead> ahead = new HashMap<>();
    private final Map<VmId, Leaving> leaving = new HashMap<>();

    NodeMoves(ForwardingTable table, WanPort wan, Counters counters, LocatorPath path) {
        this.table = table;
        this.counters = counters;
        this.path = path;
        this.states = new NodeStates(SojournDatagram.NODE_STATE, table, wan, counters, this::arrived);
    }

    NodeStates states() {
        return states;
    }

    private List<Member> members(VmEntry vm) {
        List<Member> members = new ArrayList<>();
        for (LocatorNetwork here : path.networks()) {
            here.members().stream()
                    .filter(member -> member.vm() == vm && vm.isIlnp(here.network))
                    .forEach(members::add);
        }
        return members;
    }

    private static @Nullable LocatorNetwork networkOf(Member member) {
        return member.nic().network().ilnp;
    }

    @Override
    public String mechanism() {
        return "ilnp";
    }

    // --- at the source

    @Override
    public void leaves(VmEntry vm, GatewayId to, long epoch, long nowNs) {
        Peer peer = table.peer(to);
        if (peer != null && !members(vm).isEmpty()) {
            Leaving begun = new Leaving(vm, peer, epoch);
            leaving.put(vm.id, begun);
            send(begun, nowNs);
            path.hurry();
        }
    }

    @Override
    public void held(VmEntry vm, long nowNs) {
        Leaving begun = leaving.get(vm.id);
        if (begun != null) {
            send(begun, nowNs);
            path.hurry();
        }
    }

    private void send(Leaving begun, long nowNs) {
        begun.lookedNs = nowNs;
        for (Member member : members(begun.vm)) {
            LocatorNetwork here = networkOf(member);
            LocalNode node = here == null
                    ? null
                    : here.border.node(new NodeIdentifier(member.nid())).orElse(null);
            if (here == null || node == null) {
                continue;
            }
            Integer before = begun.sent.put(member.nid(), node.cache().changes());
            if (before == null || before != node.cache().changes()) {
                byte[] state = here.border.export(node, nowNs / 1_000_000);
                states.send(begun.to, begun.vm.id, member.nid(), begun.epoch, state, nowNs);
            }
        }
    }

    /** Packets that went by way of a third site are followed by one with nothing in it. */
    @Override
    public void silent(VmEntry vm, long nowNs) {
        long nowMs = nowNs / 1_000_000;
        for (Member member : members(vm)) {
            LocatorNetwork here = networkOf(member);
            if (here == null) {
                continue;
            }
            here.border.node(new NodeIdentifier(member.nid())).ifPresent(node -> {
                Set<Way> ways = new HashSet<>();
                for (Correspondent c : node.cache().correspondents()) {
                    long to = c.destination(nowMs);
                    if (!here.site.leavesHere(c.ours())
                            && here.peerAt(c.ours()) != null
                            && here.peerAt(to) != null
                            && ways.add(new Way(c.ours(), to))) {
                        path.voice().follow(here, c.ours(), member.nid(), to, c.nidBits(), c.outbound());
                    }
                }
            });
        }
    }

    // --- at the destination

    /** What is between the VM and hosts of ours, and may still come by way of a third site. */
    private void awaitRounds(Member member, LocatorNetwork here, GatewayId source, long nowNs) {
        long nowMs = nowNs / 1_000_000;
        here.border.forEachKnowing(member.nid(), member.internal(), (host, vm) -> {
            long to = vm.destination(nowMs);
            if (isThird(here, to, source) && rounds.await(member.vm(), true, to, nowNs)) {
                path.voice().follow(here, vm.ours(), host.nid().bits(), to, member.nid(), vm.outbound());
            }
        });
        here.border
                .node(new NodeIdentifier(member.nid()))
                .ifPresent(node -> node.cache().forEach(c -> {
                    if (here.site.isOurs(c.destination(nowMs)) && isThird(here, c.ours(), source)) {
                        rounds.await(member.vm(), false, c.ours(), nowNs);
                    }
                }));
    }

    private static boolean isThird(LocatorNetwork here, long locator, GatewayId source) {
        PeerLocators whose = here.peerAt(locator);
        return whose != null && !whose.peer().id.equals(source);
    }

    /** A packet with nothing in it has come, by way of that locator: to a VM from a host of ours, or from a VM to one. */
    void cameRound(VmEntry vm, boolean toVm, long locator) {
        rounds.came(vm, toVm, locator, System.nanoTime());
    }

    /** What the VM sent from its old place to hosts of ours may still come by way of a third site. */
    boolean awaitsOwn(VmEntry vm) {
        return rounds.isAwaited(vm, false);
    }

    /** Puts off what lets packets between the VM and our own LAN go. @return false: there is no reason to */
    boolean putOff(VmEntry vm, boolean toVm, Runnable release) {
        return rounds.putOff(vm, toVm, release);
    }

    private void arrived(GatewayId from, VmId id, long nid, long epoch, byte[] state, long nowNs) {
        VmEntry vm = table.vm(id);
        if (vm == null) {
            return;
        }
        ahead.put(new Node(id, nid), new Ahead(epoch, state, nowNs));
        if (vm.gateway.equals(table.self()) && vm.epoch.number() == epoch) {
            adopt(vm, epoch, nowNs); // the guest was faster
        }
    }

    @Override
    public void activated(VmEntry vm, GatewayId source, long epoch, long nowNs) {
        leaving.remove(vm.id);
        adopt(vm, epoch, nowNs);
        for (Member member : members(vm)) {
            LocatorNetwork here = networkOf(member);
            if (here != null) {
                awaitRounds(member, here, source, nowNs);
            }
        }
    }

    private void adopt(VmEntry vm, long epoch, long nowNs) {
        for (Member member : members(vm)) {
            LocatorNetwork here = networkOf(member);
            Ahead state = ahead.remove(new Node(vm.id, member.nid()));
            if (here == null) {
                continue;
            }
            long nowMs = nowNs / 1_000_000;
            boolean known = state != null
                    && state.epoch() == epoch
                    && here.border
                            .adopt(
                                    state.state(),
                                    new Locator64(member.internal()),
                                    here.transparency(member),
                                    Handover.SOFT,
                                    nowMs)
                            .isPresent();
            here.speakFor(member);
            int correspondents = here.border
                    .node(new NodeIdentifier(member.nid()))
                    .map(node -> node.cache().count())
                    .orElse(0);
            LOG.info(
                    "VM {}: node {} is here, {}, {} correspondents{}",
                    vm.id,
                    new NodeIdentifier(member.nid()),
                    here.transparency(member).name().toLowerCase(Locale.ROOT),
                    correspondents,
                    known ? "" : "; what the other border knew of it has not come");
        }
        path.keepSoon();
    }

    /** An update has been understood. */
    void heard(LocatorNetwork here, MemorySegment s, long ip) {
        boolean answer =
                LocatorUpdate.operation(s, ip + here.border.headers().upperOffset()) == LocatorUpdate.ACKNOWLEDGEMENT;
        if (answer) {
            counters.add(Kind.LOCATOR_UPDATES_CONFIRMED);
        }
    }

    // --- time

    /** Nodes of VMs that are elsewhere are not ours to speak for. */
    void tableChanged() {
        for (LocatorNetwork here : path.networks()) {
            for (Member member : here.members()) {
                if (!member.vm().gateway.equals(table.self())) {
                    here.leave(member);
                }
            }
        }
    }

    /** Whether there is something to be called soon for. */
    boolean tick(long nowNs) {
        states.tick(nowNs);
        leaving.values().removeIf(begun -> !begun.vm.onMove || !begun.vm.gateway.equals(table.self()));
        for (Leaving begun : leaving.values()) {
            if (begun.vm.local && nowNs - begun.lookedNs > AGAIN_NS) {
                send(begun, nowNs);
            }
        }
        ahead.values().removeIf(state -> nowNs - state.sinceNs() > KEPT_NS);
        return rounds.tick(nowNs) | states.isWaiting() | !leaving.isEmpty();
    }
}
