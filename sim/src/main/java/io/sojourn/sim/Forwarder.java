// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.Signal;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.sim.VmPath.Item;
import io.sojourn.sim.VmPath.Queue;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A model of one gateway's packet path: what {@link io.sojourn.handoff.HandoffAction} promises, packet by packet, and
 * nothing else. VMs and gateways are indices.
 *
 * <pre>
 *   from the WAN or the LAN
 *     1 buffered here under its epoch?   keep, or give back
 *     2 held for its old path?           keep
 *     3 taken back here?                 keep, unless D returned it
 *     4 redirected?                      to D
 *     5 route here?                      to the guest's port
 *     6 route elsewhere                  there, under a higher epoch than it came with
 * </pre>
 */
final class Forwarder {
    /** Where packets leave. */
    interface Out {
        /** @param relayed it came from another gateway, not from a port or a host here */
        void wan(int to, Packet packet, long epoch, boolean relayed);

        void port(int vm, Packet packet);

        void host(Packet packet);

        void lost(Packet packet, Loss why);

        /** For the machine of this VM's handoff to this epoch. */
        void event(int vm, long epoch, HandoffEvent event);

        /** A signal that was waiting behind packets. */
        void signal(Signal signal, int from);

        void moved(int to, int vm, int gateway, long epoch);

        boolean mutant(Mutation mutation);
    }

    private static final long LATELY_NS = 2_000_000_000L;

    private final int self;
    private final GatewayId[] names;
    private final VmId[] vms;
    private final VmPath[] paths;
    private final Out out;
    private final int limit;

    Forwarder(int self, GatewayId[] names, VmId[] vms, int limit, Out out) {
        this.self = self;
        this.names = names;
        this.out = out;
        this.limit = limit;
        this.vms = vms;
        paths = new VmPath[vms.length];
        for (int vm = 0; vm < vms.length; vm++) {
            paths[vm] = new VmPath();
        }
    }

    /** The same state, leading on elsewhere; for the exhaustive search. */
    Forwarder copy(Out elsewhere) {
        Forwarder copy = new Forwarder(self, names, vms, limit, elsewhere);
        for (int vm = 0; vm < paths.length; vm++) {
            copy.paths[vm] = paths[vm].copy();
        }
        return copy;
    }

    /** All that tells this state from another one, as numbers. */
    void encode(LongConsumer to, ToIntFunction<Signal> signals) {
        for (VmPath path : paths) {
            path.encode(to, signals);
        }
    }

    // packets

    /** From a host on the LAN here. */
    void fromHost(Packet packet) {
        toVm(packet, self, 0, false);
    }

    /** From the guest, whose port is here. */
    void fromGuest(int vm, Packet packet) {
        VmPath path = paths[vm];
        if (path.routeTo != self) {
            out.lost(packet, Loss.NOT_ACTIVE);
            return;
        }
        Queue hold = find(path.outboundHolds, self);
        if (hold != null) {
            hold(hold, new Item(packet, null, self, path.routeEpoch, false), vm, self);
            return;
        }
        emit(packet, path.routeEpoch);
    }

    private void emit(Packet packet, long epoch) {
        FlowName flow = packet.flow.name;
        if (flow.targetVm() >= 0) {
            toVm(packet, self, 0, false);
        } else if (flow.hostAt() == self) {
            out.host(packet);
        } else {
            out.wan(flow.hostAt(), packet, epoch, false);
        }
    }

    void fromWan(Packet packet, int from, long epoch, boolean relayed) {
        FlowName flow = packet.flow.name;
        if (flow.sourceVm() >= 0 && !relayed) {
            Queue hold = find(paths[flow.sourceVm()].outboundHolds, from);
            if (hold != null) {
                hold(hold, new Item(packet, null, from, epoch, false), flow.sourceVm(), from);
                return;
            }
        }
        arrived(packet, from, epoch, relayed);
    }

    private void arrived(Packet packet, int from, long epoch, boolean relayed) {
        if (packet.flow.name.targetVm() >= 0) {
            toVm(packet, from, epoch, relayed);
        } else {
            out.host(packet);
        }
    }

    /** A signal that came behind data: an end marker stays behind what is held of the data that it ends. */
    void signalFromWan(Signal signal, int from) {
        // What is held of a gateway came straight from it: only a marker that did as well can end that.
        if (signal.body() instanceof Signal.EndMarker(GatewayId origin, Signal.Direction direction)
                && origin.equals(names[from])) {
            for (VmPath path : paths) {
                for (List<Queue> holds : List.of(path.outboundHolds, path.holds)) {
                    Queue hold = find(holds, from);
                    if (hold != null && hold.items.stream().anyMatch(item -> ends(signal, direction, item))) {
                        hold.items.add(new Item(null, signal, from, 0, false));
                        return;
                    }
                }
            }
        }
        out.signal(signal, from);
    }

    private boolean ends(Signal marker, Signal.Direction direction, Item item) {
        if (item.packet() == null) {
            return false;
        }
        FlowName flow = item.packet().flow.name;
        int vm = direction == Signal.Direction.INBOUND ? flow.targetVm() : flow.sourceVm();
        return vm >= 0 && vms[vm].equals(marker.vm());
    }

    private void toVm(Packet packet, int from, long epoch, boolean relayed) {
        int vm = packet.flow.name.targetVm();
        VmPath path = paths[vm];
        if (from != self) {
            for (Queue buffer : path.buffers) {
                if (buffer.epoch == epoch && !buffer.active) {
                    if (buffer.returnTo >= 0) {
                        out.wan(buffer.returnTo, packet, epoch, true);
                    } else if (buffer.items.size() >= limit) {
                        out.lost(packet, Loss.FULL);
                    } else {
                        buffer.items.add(new Item(packet, null, from, epoch, relayed));
                    }
                    return;
                }
            }
        }
        Queue hold = find(path.holds, from);
        if (hold == null) {
            hold = relayed ? null : crossing(path, packet);
        } else if (from != self && epoch < hold.epoch) {
            hold = null;
        }
        if (hold != null) {
            hold(hold, new Item(packet, null, from, epoch, relayed), vm, hold.from);
            return;
        }
        dispatch(vm, packet, from, epoch);
    }

    /** A VM that has moved as well: what it sent from where it was may still be on its way round. */
    private @Nullable Queue crossing(VmPath target, Packet packet) {
        int source = packet.flow.name.sourceVm();
        if (source < 0 || target.holds.isEmpty() || out.mutant(Mutation.NO_CROSSING_HOLD)) {
            return null;
        }
        VmPath path = paths[source];
        Queue hold = path.cameFrom < 0 ? null : find(target.holds, path.cameFrom);
        if (hold != null && hold.sinceNs - path.movedNs < LATELY_NS) {
            return hold;
        }
        for (Queue other : target.holds) {
            if (other.items.stream()
                    .anyMatch(item ->
                            item.packet() != null && item.packet().flow.name.sourceVm() == source)) {
                return other;
            }
        }
        return null;
    }

    private void dispatch(int target, Packet packet, int from, long epoch) {
        // vm0 and vm1 have the same address, in two networks
        int vm = out.mutant(Mutation.NETWORK_IGNORED) && target < 2 && paths.length > 1 ? 0 : target;
        VmPath path = paths[vm];
        if (path.takenBack != null) {
            if (from == path.takenBack.from && epoch == path.takenBack.epoch) {
                out.port(vm, packet);
            } else if (path.takenBack.items.size() >= limit) {
                out.lost(packet, Loss.FULL);
            } else {
                path.takenBack.items.add(new Item(packet, null, from, epoch, false));
            }
            return;
        }
        if (path.redirectTo >= 0 && path.redirectEpoch > epoch && path.redirectEpoch >= path.routeEpoch) {
            passedOn(path, packet, path.redirectTo, path.redirectEpoch, from, vm);
            return;
        }
        if (path.routeTo == self) {
            if (epoch > path.routeEpoch && epoch != path.returnedEpoch && !out.mutant(Mutation.NO_EPOCH_CHECK)) {
                out.lost(packet, Loss.FUTURE_EPOCH);
            } else {
                out.port(vm, packet);
            }
        } else if (path.routeTo < 0) {
            out.lost(packet, Loss.NO_ROUTE);
        } else if (path.routeEpoch > epoch || out.mutant(Mutation.NO_EPOCH_CHECK)) {
            passedOn(path, packet, path.routeTo, path.routeEpoch, from, vm);
        } else {
            out.lost(packet, Loss.STALE_EPOCH);
        }
    }

    private void passedOn(VmPath path, Packet packet, int to, long epoch, int from, int vm) {
        if (from != self) {
            path.lastForwardedNs = nowNs;
            if (path.tombstone
                    && to == path.routeTo
                    && epoch == path.routeEpoch) { // never of a redirect: D is not active yet
                out.moved(from, vm, to, epoch);
            }
        }
        out.wan(to, packet, epoch, from != self);
    }

    private void hold(Queue hold, Item item, int vm, int from) {
        if (hold.items.size() >= limit) {
            if (item.packet() != null) {
                out.lost(item.packet(), Loss.FULL);
            }
            return;
        }
        hold.items.add(item);
        if (!hold.started) {
            hold.started = true;
            out.event(vm, hold.epoch, new HandoffEvent.HoldStarted(names[from]));
        }
    }

    private static @Nullable Queue find(List<Queue> queues, int from) {
        for (Queue queue : queues) {
            if (queue.from == from) {
                return queue;
            }
        }
        return null;
    }

    // actions

    private long nowNs;

    void clock(long localNs) {
        nowNs = localNs;
    }

    void redirectOn(int vm, int to, long epoch) {
        VmPath path = paths[vm];
        path.redirectTo = to;
        path.redirectEpoch = epoch;
        Queue kept = path.takenBack;
        path.takenBack = null;
        if (kept != null) {
            for (Item item : kept.items) {
                replay(vm, item);
            }
        }
    }

    void redirectOff(int vm, int from, long epoch) {
        VmPath path = paths[vm];
        path.redirectTo = -1;
        path.returnedEpoch = epoch;
        path.takenBack = new Queue(epoch, from);
    }

    void forwardLate(int vm, int to, long epoch) {
        paths[vm].redirectTo = to;
        paths[vm].redirectEpoch = epoch;
    }

    void startBuffering(int vm, long epoch) {
        paths[vm].buffers.removeIf(b -> b.epoch == epoch);
        paths[vm].buffers.add(new Queue(epoch, -1));
    }

    void flushBuffer(int vm, long epoch) {
        for (Queue buffer : paths[vm].buffers) {
            if (buffer.epoch == epoch) {
                while (!buffer.items.isEmpty()) {
                    replay(vm, buffer.items.remove());
                }
            }
        }
    }

    void deliverLive(int vm, long epoch) {
        VmPath path = paths[vm];
        for (Queue buffer : path.buffers) {
            if (buffer.epoch == epoch) {
                buffer.active = true;
            }
        }
        Queue kept = path.takenBack;
        path.takenBack = null;
        if (kept != null) {
            for (Item item : kept.items) {
                replay(vm, item);
            }
        }
    }

    /** Says how many packets went back. */
    long returnBuffer(int vm, int to, long epoch) {
        for (Queue buffer : paths[vm].buffers) {
            if (buffer.epoch == epoch) {
                long count = buffer.items.size();
                for (Item item : buffer.items) {
                    if (item.packet() != null) {
                        out.wan(to, item.packet(), epoch, true);
                    }
                }
                buffer.items.clear();
                buffer.returnTo = to;
                return count;
            }
        }
        return 0;
    }

    void dropBuffer(int vm, long epoch) {
        for (Queue buffer : paths[vm].buffers) {
            if (buffer.epoch == epoch) {
                lose(buffer, Loss.BUFFER_DROPPED);
            }
        }
    }

    void holdFrom(int vm, int from, long epoch) {
        if (find(paths[vm].holds, from) == null) {
            Queue hold = new Queue(epoch, from);
            hold.sinceNs = nowNs;
            paths[vm].holds.add(hold);
        }
    }

    void releaseHold(int vm, int from) {
        Queue hold = find(paths[vm].holds, from);
        if (hold != null) {
            paths[vm].holds.remove(hold);
            for (Item item : hold.items) {
                Queue next = item.packet() == null || item.relayed() ? null : crossing(paths[vm], item.packet());
                if (next == null) {
                    replay(vm, item);
                } else {
                    hold(next, item, vm, next.from);
                }
            }
        }
    }

    void holdOutbound(int vm, int from, long epoch) {
        if (find(paths[vm].outboundHolds, from) == null) {
            paths[vm].outboundHolds.add(new Queue(epoch, from));
        }
    }

    void releaseOutbound(int vm, int from) {
        Queue hold = find(paths[vm].outboundHolds, from);
        if (hold == null) {
            return;
        }
        paths[vm].outboundHolds.remove(hold);
        for (Item item : hold.items) {
            if (item.signal() != null) {
                signalFromWan(item.signal(), item.from());
            } else if (item.packet() != null && item.from() == self) {
                emit(item.packet(), item.epoch());
            } else if (item.packet() != null) {
                arrived(item.packet(), item.from(), item.epoch(), item.relayed());
            }
        }
    }

    private void replay(int vm, Item item) {
        if (item.packet() != null) {
            dispatch(vm, item.packet(), item.from(), item.epoch());
        } else if (item.signal() != null) {
            signalFromWan(item.signal(), item.from());
        }
    }

    /** True if the route was newer than what was known. */
    boolean installRoute(int vm, int to, long epoch) {
        VmPath path = paths[vm];
        if (epoch <= path.routeEpoch && !out.mutant(Mutation.NO_EPOCH_CHECK)) {
            return false;
        }
        if (path.routeTo != to) {
            path.cameFrom = path.routeTo;
            path.movedNs = nowNs;
        }
        path.routeTo = to;
        path.routeEpoch = epoch;
        if (to == self) {
            path.tombstone = false;
        }
        return true;
    }

    /** Only a mutant does that. */
    void forget(int vm) {
        paths[vm].routeTo = -1;
        paths[vm].redirectTo = -1;
    }

    void tombstone(int vm) {
        paths[vm].tombstone = true;
    }

    void deleteState(int vm, long epoch) {
        VmPath path = paths[vm];
        boolean any = out.mutant(Mutation.RELEASE_BY_ADDRESS);
        path.buffers.removeIf(b -> {
            if (b.epoch != epoch && !any) {
                return false;
            }
            lose(b, Loss.BUFFER_DROPPED);
            return true;
        });
        if (path.returnedEpoch == epoch || any) {
            path.returnedEpoch = -1;
        }
        if (any) {
            path.routeTo = -1;
            path.redirectTo = -1;
        }
        // the redirect's own epoch is the one that it led to; the route has taken its place by now
        if (path.redirectTo >= 0 && path.redirectEpoch <= path.routeEpoch && path.routeTo != self) {
            path.redirectTo = -1;
        }
    }

    /** What comes for it under a new epoch is kept here. */
    boolean isWaitedFor(int vm) {
        return paths[vm].buffers.stream().anyMatch(buffer -> !buffer.active);
    }

    /** Where it was bound before; -1: nowhere. */
    int cameFrom(int vm) {
        return paths[vm].cameFrom;
    }

    // what is left

    int routeTo(int vm) {
        return paths[vm].routeTo;
    }

    long routeEpoch(int vm) {
        return paths[vm].routeEpoch;
    }

    long lastForwardedNs(int vm) {
        return paths[vm].lastForwardedNs;
    }

    /** What a killed process takes with it. */
    void die() {
        for (VmPath path : paths) {
            path.buffers.forEach(q -> lose(q, Loss.DEAD_GATEWAY));
            path.holds.forEach(q -> lose(q, Loss.DEAD_GATEWAY));
            path.outboundHolds.forEach(q -> lose(q, Loss.DEAD_GATEWAY));
            if (path.takenBack != null) {
                lose(path.takenBack, Loss.DEAD_GATEWAY);
            }
        }
    }

    private void lose(Queue queue, Loss why) {
        for (Item item : queue.items) {
            if (item.packet() != null) {
                out.lost(item.packet(), why);
            }
        }
        queue.items.clear();
    }

    /** What must not be left when no handoff is under way; empty if all is well. */
    String leftovers(int vm) {
        VmPath path = paths[vm];
        StringBuilder left = new StringBuilder();
        if (path.takenBack != null) {
            left.append(" taken back under ").append(path.takenBack.epoch);
        }
        if (!path.holds.isEmpty()) {
            left.append(" hold from ").append(names[path.holds.getFirst().from]);
        }
        if (!path.outboundHolds.isEmpty()) {
            left.append(" outbound hold from ").append(names[path.outboundHolds.getFirst().from]);
        }
        for (Queue buffer : path.buffers) {
            if (!buffer.active || !buffer.items.isEmpty()) {
                left.append(" buffer under ").append(buffer.epoch);
            }
        }
        if (path.redirectTo >= 0 && path.routeTo == self && path.redirectEpoch > path.routeEpoch) {
            left.append(" redirect to ")
                    .append(names[path.redirectTo])
                    .append(" under ")
                    .append(path.redirectEpoch);
        }
        return left.toString();
    }
}
