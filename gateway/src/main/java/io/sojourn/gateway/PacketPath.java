// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Whereabouts.Keeping;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.Signal.EndMarker;
import io.sojourn.linux.PacketSocket;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Fragmenter;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What handoffs ask of the packet path; the words are those of {@link io.sojourn.handoff.HandoffAction}. Each change belongs to the epoch of the move that asks for it: what
 * a later move of the VM has set here, an earlier one that is still ending leaves alone.
 *
 * <p>Forwarder's thread only.
 */
final class PacketPath {
    /** What may wait for the guest to read its port's queue. */
    private static final long WAITING_BYTES = 64L << 20;

    private final ForwardingTable table;
    private final WanPort wan;
    private final LocalDelivery delivery;
    private final Outside outside;
    private final Counters counters;
    private final ParsedFrame f = new ParsedFrame();
    private final Fragmenter fragmenter = new Fragmenter();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes());
    /** End markers that had waited behind packets, which are on their way now. */
    private final Consumer<Hold.Marker> markers;

    PacketPath(
            ForwardingTable table,
            WanPort wan,
            LocalDelivery delivery,
            Outside outside,
            Counters counters,
            Consumer<Hold.Marker> markers) {
        this.table = table;
        this.wan = wan;
        this.delivery = delivery;
        this.outside = outside;
        this.counters = counters;
        this.markers = markers;
    }

    /** Whether the move to this epoch may set how packets go; if so, no earlier one may any more. */
    private boolean takes(VmEntry vm, Epoch move) {
        if (move.number() < vm.pathEpoch) {
            return false;
        }
        vm.pathEpoch = move.number();
        table.unsettle(vm);
        return true;
    }

    // --- at the source

    /** @param unread frames wait in the guest's port, which must not be overtaken by those that come now: these wait for {@link #letGo} */
    void redirectOn(VmEntry vm, Epoch move, GatewayId to, Epoch epoch, boolean unread) {
        if (!takes(vm, move)) {
            return;
        }
        vm.route = table.peer(to);
        vm.routeEpoch = epoch.number();
        vm.local = false;
        LocalDelivery.capture(vm);
        if (unread) {
            vm.keeping = Keeping.WAITING;
            keepIn(vm, WAITING_BYTES);
        } else {
            vm.keeping = Keeping.NOTHING;
            sendKept(vm, vm.route, epoch.number());
        }
    }

    /** The guest's port is empty, or what was in it has gone before. */
    void letGo(VmEntry vm, Epoch move) {
        if (vm.keeping == Keeping.WAITING && takes(vm, move)) {
            vm.keeping = Keeping.NOTHING;
            sendKept(vm, vm.route, vm.routeEpoch);
        }
    }

    /** A frame that the guest has left unread goes before all that is redirected. */
    void rescue(VmEntry vm, Peer to, MemorySegment frame, long epoch, boolean isNowhereElse) {
        VmEntry.Nic nic = vm.nicWithMac(Ethernet.destination(frame, 0));
        if (nic != null) {
            wan.sendCopy(to, frame, 0, (int) frame.byteSize(), nic.network().vni, epoch);
            if (isNowhereElse) {
                vm.readInVain++;
            } else {
                vm.rescuedHere++;
            }
            vm.counts.rescued++;
            counters.add(Counters.Kind.RESCUED);
        } else {
            counters.drop(DropReason.NO_ROUTE);
        }
    }

    void redirectOff(VmEntry vm, Epoch move, GatewayId from, Epoch epoch, long boundBytes) {
        if (takes(vm, move)) {
            vm.keeping = Keeping.ALL;
            vm.returnsFrom = from;
            vm.markedEpoch = epoch.number();
            keepIn(vm, boundBytes);
        }
    }

    void forwardLate(VmEntry vm, Epoch move, GatewayId to, Epoch epoch) {
        if (takes(vm, move)) {
            vm.route = table.peer(to);
            vm.routeEpoch = epoch.number();
            letGo(vm, move);
        }
    }

    // --- at the destination

    void startBuffering(VmEntry vm, Epoch move, Epoch epoch, long boundBytes) {
        if (!takes(vm, move)) {
            return;
        }
        if (vm.markedEpoch != epoch.number()) {
            delivery.drop(vm); // of a move before, which has forgotten it
        }
        vm.markedEpoch = epoch.number();
        vm.keeping = Keeping.MARKED;
        // The incoming guest's port is on the bridge already, and nobody reads it: what is flooded there would wait in
        // its
        // queue and reach the guest a second time.
        LocalDelivery.capture(vm);
        keepIn(vm, boundBytes);
    }

    /** The guest is about to be resumed here. */
    void lead(VmEntry vm, Epoch move) {
        if (vm.keeping == Keeping.MARKED && takes(vm, move)) {
            delivery.lead(vm);
        }
    }

    void flushBuffer(VmEntry vm, Epoch move, long nowNs) {
        if (takes(vm, move)) {
            delivery.startFlush(vm, nowNs);
        }
    }

    void deliverLive(VmEntry vm, Epoch move, long nowNs) {
        if (!takes(vm, move)) {
            return;
        }
        vm.local = true;
        vm.gateway = table.self();
        vm.returnTo = null;
        vm.readInVain = 0;
        vm.rescuedHere = 0;
        KeptFrames kept = vm.kept;
        if (kept == null || kept.isEmpty()) {
            vm.keeping = Keeping.NOTHING;
            delivery.drop(vm);
            delivery.giveBackSoon(vm, nowNs);
        } else {
            vm.keeping = Keeping.BEHIND;
            delivery.startFlush(vm, nowNs);
        }
    }

    /** How many packets went back. */
    long returnBuffer(VmEntry vm, Epoch move, GatewayId to, Epoch epoch) {
        if (!takes(vm, move)) {
            return 0;
        }
        vm.keeping = Keeping.NOTHING;
        vm.returnTo = table.peer(to);
        vm.returnEpoch = epoch.number();
        long sent = sendKept(vm, vm.returnTo, epoch.number());
        vm.counts.returned += sent;
        return sent;
    }

    void dropBuffer(VmEntry vm, Epoch move) {
        if (takes(vm, move)) {
            delivery.drop(vm);
            vm.keeping = Keeping.NOTHING;
        }
    }

    // --- holds

    void holdFrom(VmEntry vm, Epoch move, GatewayId from, long boundBytes, Runnable atFirst) {
        hold(vm.holds, move, from, boundBytes, atFirst);
    }

    void holdOutbound(VmEntry vm, Epoch move, GatewayId from, long boundBytes, Runnable atFirst) {
        hold(vm.outboundHolds, move, from, boundBytes, atFirst);
    }

    private static void hold(
            Map<GatewayId, Hold> holds, Epoch move, GatewayId from, long boundBytes, Runnable atFirst) {
        Hold held = holds.get(from);
        if (held == null) {
            holds.put(from, new Hold(move.number(), boundBytes, atFirst));
        } else if (held.epoch() < move.number()) {
            held.pass(move.number(), atFirst);
        }
    }

    void releaseHold(VmEntry vm, Epoch move, GatewayId from) {
        Hold hold = vm.holds.get(from);
        if (hold != null && hold.epoch() <= move.number()) {
            vm.holds.remove(from);
            delivered(vm, hold);
            delivery.giveBackSoon(vm, System.nanoTime());
        }
    }

    /** To the guest, or after it, if it has left since. */
    private void delivered(VmEntry vm, Hold hold) {
        if (vm.local) {
            delivery.release(vm, hold);
        } else if (vm.keeping == Keeping.WAITING || vm.keeping == Keeping.ALL) {
            delivery.keepHeld(vm, hold);
        } else {
            send(hold.buffer, vm, vm.route, vm.routeEpoch);
        }
        end(hold);
    }

    void releaseOutbound(VmEntry vm, Epoch move, GatewayId from) {
        Hold hold = vm.outboundHolds.get(from);
        if (hold == null || hold.epoch() > move.number()) {
            return;
        }
        vm.outboundHolds.remove(from);
        // Our own LAN's are held under our own name; they go out as if any peer had brought them.
        Peer peer = table.peer(from);
        if (peer != null || from.equals(table.self())) {
            for (VmEntry.Nic nic : vm.nics) {
                outside.resume(hold.buffer, peer, vm, nic.network());
            }
        }
        end(hold);
    }

    private void end(Hold hold) {
        delivery.drop(hold.buffer);
        hold.markers().forEach(markers);
        hold.after().forEach(Runnable::run);
    }

    /**
     * Lets an end marker wait if packets that it ends are held here, to come after them.
     *
     * @param moving the VMs for which something may be held
     * @return whether it waits
     */
    boolean waits(Signal signal, GatewayId from, Collection<VmEntry> moving) {
        // What is held of a gateway came straight from it: only a marker that did as well can end that.
        if (!(signal.body() instanceof EndMarker(GatewayId origin, Direction direction)) || !origin.equals(from)) {
            return false;
        }
        boolean inbound = direction == Direction.INBOUND;
        VmEntry vm = table.vm(signal.vm());
        for (VmEntry held : moving) {
            Hold to = held.holds.get(from);
            Hold by = held.outboundHolds.get(from);
            Hold hold = ends(by, held, vm, !inbound) ? by : ends(to, held, vm, inbound) ? to : null;
            if (hold != null) {
                hold.behind(signal, from);
                return true;
            }
        }
        return false;
    }

    /** @param own the marker is about the VM itself that the hold is of, and not about those at the other ends */
    private static boolean ends(@Nullable Hold hold, VmEntry held, @Nullable VmEntry vm, boolean own) {
        if (hold == null || vm == null) {
            return false;
        }
        return own ? held == vm && !hold.buffer.isEmpty() : hold.concerns(vm);
    }

    // --- the end of a move

    void deleteState(VmEntry vm, Epoch move) {
        if (vm.local || !takes(vm, move)) {
            return;
        }
        delivery.drop(vm);
        vm.keeping = Keeping.NOTHING;
        LocalDelivery.release(vm);
    }

    /** Nothing that this move held is held any longer. */
    void finish(VmEntry vm, Epoch move) {
        letGo(vm, move);
        for (GatewayId gateway : List.copyOf(vm.holds.keySet())) {
            releaseHold(vm, move, gateway);
        }
        for (GatewayId gateway : List.copyOf(vm.outboundHolds.keySet())) {
            releaseOutbound(vm, move, gateway);
        }
        delivery.giveBackSoon(vm, System.nanoTime()); // the last hold may have gone to the guest a millisecond ago
    }

    // --- ways to the guest's ports

    /** Opens the ways to the guest's ports that need no bridge; a port that is not known is reached through the bridge. */
    static void openDirect(VmEntry vm, List<Integer> ports) {
        if (ports.isEmpty()) {
            return;
        }
        closeDirect(vm);
        vm.guestPorts = List.copyOf(ports);
        for (int i = 0; i < vm.nics.size() && i < ports.size(); i++) {
            if (ports.get(i) >= 0) {
                // It only sends: a filter that passes nothing spares the kernel a copy of every frame.
                vm.direct.put(vm.nics.get(i).mac(), PacketSocket.open(ports.get(i), 0, Set.of()));
            }
        }
    }

    static void closeDirect(VmEntry vm) {
        Later.close(List.copyOf(vm.direct.values()));
        vm.direct.clear();
        vm.guestPorts = List.of();
    }

    // --- what is kept

    private static void keepIn(VmEntry vm, long boundBytes) {
        if (vm.kept == null) {
            vm.kept = new KeptFrames(boundBytes);
        }
    }

    /** Sends what is kept to a peer, in order, and frees the buffer; how many packets it was. */
    private long sendKept(VmEntry vm, @Nullable Peer to, long epoch) {
        KeptFrames kept = vm.kept;
        long sent = kept == null ? 0 : send(kept, vm, to, epoch);
        delivery.drop(vm);
        return sent;
    }

    private long send(KeptFrames kept, VmEntry vm, @Nullable Peer to, long epoch) {
        long sent = 0;
        for (; !kept.isEmpty() && to != null; kept.remove()) {
            sent += sendOldest(kept.next(), vm, to, epoch);
        }
        return sent;
    }

    private void send(HoldBuffer frames, VmEntry vm, @Nullable Peer to, long epoch) {
        for (; !frames.isEmpty() && to != null; frames.remove()) {
            sendOldest(frames, vm, to, epoch);
        }
    }

    /** How many that were: 0 or 1. */
    private int sendOldest(HoldBuffer frames, VmEntry vm, Peer to, long epoch) {
        VmEntry.Nic nic = vm.nicWithMac(Ethernet.destination(frames.frames(), frames.frameAt()));
        if (nic == null) {
            counters.drop(DropReason.NO_ROUTE);
            return 0;
        }
        send(frames, nic.network(), to, epoch);
        return 1;
    }

    private void send(HoldBuffer frames, VirtualNetwork network, Peer to, long epoch) {
        int length = frames.frameLength();
        int mtuBytes = wan.innerMtuBytes(to, network, frames.frames(), frames.frameAt());
        if (length - Ethernet.HEADER_BYTES <= mtuBytes) {
            wan.sendCopy(to, frames.frames(), frames.frameAt(), length, network.vni, epoch);
            return;
        }
        MemorySegment.copy(frames.frames(), frames.frameAt(), scratch, 0, length);
        if (f.parse(scratch, 0, length).isDrop() || f.dontFragment()) {
            counters.drop(DropReason.TOO_BIG);
        } else {
            PathFit.fragment(fragmenter, scratch, wan, to, network, epoch, f, mtuBytes, counters);
        }
    }
}
