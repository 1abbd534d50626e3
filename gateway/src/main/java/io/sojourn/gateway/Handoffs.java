// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.VmEntry.Hold;
import io.sojourn.gateway.VmEntry.Keeping;
import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.Counter;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.Late;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timer;
import io.sojourn.handoff.Timing;
import io.sojourn.linux.PacketSocket;
import io.sojourn.linux.TapQueue;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Role;
import io.sojourn.rpc.TimelineEntry;
import io.sojourn.wire.Ethernet;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out what the handoff machines ask for, and tells them what happens. All of it on the forwarder's thread, between two
 * packets: a flip is one field.
 */
final class Handoffs {
    /** What lies beyond the forwarder's thread. */
    interface Surroundings {
        void report(MigrationReport.Builder report);

        void journal(JournalRecord entry);

        /** This gateway follows a binding that the controller may not know of yet. */
        void followed(Binding binding);

        /** A handoff's account was closed without the controller. */
        void closed(Accounts.Closed account);
    }

    private static final Logger LOG = LoggerFactory.getLogger(Handoffs.class);
    private static final long DRAIN_POLL_NS = TimeUnit.MICROSECONDS.toNanos(200);
    /** The watch on a guest's port must be read now and then, or its socket overflows. */
    private static final long WATCH_POLL_NS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final long DIRECT_FOR_NS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final long MOVED_EVERY_NS = TimeUnit.MILLISECONDS.toNanos(50);

    private record TimerKey(MigrationId migration, Timer timer) {}

    private record Tombstone(MigrationId migration, Binding now) {}

    private final Forwarder forwarder;
    private final ForwardingTable table;
    private final WanPort wan;
    private final LocalDelivery delivery;
    private final Outside outside;
    private final Timers timers;
    private final Counters counters;
    private final Surroundings surroundings;
    private final Accounts accounts;
    private final Map<MigrationId, Handoff> active = new LinkedHashMap<>();
    private final Map<VmId, Tombstone> tombstones = new HashMap<>();
    private final Map<VmId, Long> movedSaidNs = new HashMap<>();
    private @Nullable SignalCodec codec;
    private @Nullable Claims claims;
    /** Grows with every datagram, also across restarts: it starts at the time of day. */
    private long signalNumber = WallClock.nowUs();

    Handoffs(
            Forwarder forwarder,
            ForwardingTable table,
            WanPort wan,
            LocalDelivery delivery,
            Outside outside,
            Timers timers,
            Counters counters,
            Surroundings surroundings) {
        this.forwarder = forwarder;
        this.table = table;
        this.wan = wan;
        this.delivery = delivery;
        this.outside = outside;
        this.timers = timers;
        this.counters = counters;
        this.surroundings = surroundings;
        this.accounts = new Accounts(table, timers, counters, surroundings::closed);
    }

    void key(byte[] key) {
        codec = new SignalCodec(key);
    }

    void claims(Claims detector) {
        claims = detector;
    }

    Accounts accounts() {
        return accounts;
    }

    boolean hasKey() {
        return codec != null;
    }

    @Nullable
    Handoff find(MigrationId id) {
        return active.get(id);
    }

    boolean isMoving(VmId vm) {
        return active.values().stream().anyMatch(h -> h.vm.id.equals(vm));
    }

    /** Begins this gateway's part; {@code first} is what the machine wants done at once. */
    void begin(Handoff handoff, List<HandoffAction> first) {
        active.put(handoff.plan.migration(), handoff);
        handoff.vm.watched = true;
        handoff.vm.onMove = true;
        handoff.vm.highestEpoch =
                Math.max(handoff.vm.highestEpoch, handoff.plan.epoch().number());
        handoff.account = accounts.begin(handoff);
        handoff.vm.counts.reset();
        openDirect(handoff.vm, handoff.guest.ports());
        execute(handoff, first, System.nanoTime());
    }

    /** A guest is about to get a port here that nobody reads yet. True when there is something to undo. */
    boolean expect(VmEntry vm) {
        if (vm.local || vm.captured) {
            return false;
        }
        LocalDelivery.capture(vm);
        return true;
    }

    boolean expectNoMore(VmEntry vm) {
        if (vm.local || !vm.captured || isMoving(vm.id)) {
            return false;
        }
        LocalDelivery.release(vm);
        return true;
    }

    /** Opens the ways to the guest's ports that need no bridge; a port that is not known is reached through the bridge. */
    private static void openDirect(VmEntry vm, List<Integer> ports) {
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

    private static void closeDirect(VmEntry vm) {
        Later.close(List.copyOf(vm.direct.values()));
        vm.direct.clear();
        vm.guestPorts = List.of();
    }

    /** Something has happened to a migration; ignored when this gateway has no part in it (any more). */
    void event(MigrationId id, HandoffEvent event) {
        Handoff handoff = active.get(id);
        if (handoff != null) {
            apply(handoff, event);
        }
    }

    private void apply(Handoff handoff, HandoffEvent event) {
        long now = System.nanoTime();
        if (LOG.isDebugEnabled()) {
            LOG.debug("{} {}: {}", handoff.plan.vm(), handoff.plan.epoch(), event);
        }
        execute(handoff, handoff.apply(event, now), now);
    }

    // --- events

    /** The guest stopped here, by its hypervisor's clock. What it never read of its queue goes after it. */
    void guestStopped(MigrationId id, long atUs, long atNs) {
        Handoff handoff = active.get(id);
        if (handoff != null) {
            handoff.guestEventUs = atUs;
            rescueUnread(handoff);
            apply(handoff, new HandoffEvent.GuestStopped(atNs));
        }
    }

    void guestResumed(MigrationId id, long atUs, long atNs) {
        Handoff handoff = active.get(id);
        if (handoff != null) {
            handoff.guestEventUs = atUs;
            apply(handoff, new HandoffEvent.GuestResumed(atNs));
        }
    }

    void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {
        for (Handoff handoff : List.copyOf(active.values())) {
            if (handoff.vm == vm) {
                apply(handoff, new HandoffEvent.TableSaysBinding(gateway, epoch));
            }
        }
    }

    void reachable(Peer peer, boolean isReachable) {
        LOG.info("path to {}: {}", peer, isReachable ? "up" : "down");
        HandoffEvent event =
                isReachable ? new HandoffEvent.PeerReachable(peer.id) : new HandoffEvent.PeerUnreachable(peer.id);
        for (Handoff handoff : List.copyOf(active.values())) {
            apply(handoff, event);
        }
    }

    /** A frame of a VM came out of our LAN while a handoff watches, or while the table has it elsewhere. */
    void sighted(VmEntry vm, Sign sign, long nowNs) {
        boolean announcement = sign.isAnnouncement();
        for (Handoff handoff : active.values()) {
            if (handoff.vm == vm && handoff.role == Role.DESTINATION) {
                if (announcement && handoff.guest.attached()) {
                    return; // QEMU announces a guest that has arrived paused, too; its RESUME event is the proof
                }
                vm.watched = false; // the first is enough
                apply(handoff, announcement ? new HandoffEvent.Rarp() : new HandoffEvent.FirstFrame());
                return;
            }
        }
    }

    void late(VmEntry vm, Peer from, long nowNs) {
        Tombstone stone = tombstones.get(vm.id);
        Long said = movedSaidNs.get(vm.id);
        if (stone == null || isMoving(vm.id) || said != null && nowNs - said < MOVED_EVERY_NS) {
            return;
        }
        movedSaidNs.put(vm.id, nowNs);
        send(
                from.id,
                new Signal(
                        stone.migration,
                        vm.id,
                        stone.now.epoch(),
                        table.self(),
                        new Signal.Moved(stone.now.gateway(), stone.now.epoch())));
    }

    void signal(Peer from, byte[] datagram, long nowNs) {
        counters.add(Kind.SIGNALS_IN);
        SignalCodec c = codec;
        if (c == null || !(c.decode(datagram) instanceof SignalCodec.Accepted(Signal signal, long number))) {
            counters.add(Kind.SIGNALS_REJECTED);
            return;
        }
        wan.handoffUnderWay();
        Handoff handoff = active.get(signal.migration());
        if (LOG.isDebugEnabled()) {
            LOG.debug("from {}: {}", from, signal);
        }
        if (handoff != null) {
            apply(handoff, new HandoffEvent.SignalReceived(signal, from.id));
        } else {
            stranger(signal, nowNs);
        }
        signal.proves().ifPresent(proof -> {
            for (Handoff other : List.copyOf(active.values())) {
                if (other != handoff && other.plan.vm().equals(signal.vm())) {
                    apply(other, new HandoffEvent.TableSaysBinding(proof.gateway(), proof.epoch()));
                }
            }
        });
    }

    /** About a migration that this gateway does not know, or no more. */
    private void stranger(Signal signal, long nowNs) {
        VmEntry vm = table.vm(signal.vm());
        Claims detector = claims;
        if (vm != null && detector != null && signal.body() instanceof Signal.Claim) {
            detector.heard(signal, vm);
            return;
        }
        if (vm != null
                && signal.body() instanceof Signal.Announce announce
                && signal.epoch().isAfter(vm.epoch)
                && !isMoving(vm.id)
                && !announce.source().equals(table.self())
                && !signal.sender().equals(table.self())) {
            long rttNs = table.peers().stream().mapToLong(p -> p.rttNs).max().orElse(0);
            Step<CorrespondentHandoff.State> step =
                    CorrespondentHandoff.unarmed(signal, table.self(), Timing.forRtt(rttNs), nowNs);
            begin(Handoff.atCorrespondent(step.state(), vm).detected(), step.actions());
            return;
        }
        adoptProof(signal, vm);
        Optional<Binding> now = vm == null ? Optional.empty() : Optional.of(new Binding(vm.id, vm.gateway, vm.epoch));
        answer(Late.answer(signal, table.self(), now));
    }

    void answer(List<HandoffAction> answers) {
        for (HandoffAction action : answers) {
            if (action instanceof HandoffAction.Send(GatewayId to, Signal answer)) {
                send(to, answer);
            } else if (action instanceof HandoffAction.SendInOrder(GatewayId to, Signal answer)) {
                send(to, answer);
            }
        }
    }

    /** An authentic signal may prove a binding that the table does not have yet: of two, the higher epoch wins. */
    private void adoptProof(Signal signal, @Nullable VmEntry vm) {
        Optional<Binding> proof = signal.proves();
        if (vm != null && proof.isPresent() && proof.get().epoch().isAfter(vm.epoch) && !isMoving(vm.id)) {
            table.bind(vm, proof.get().gateway(), proof.get().epoch());
            surroundings.followed(proof.get());
            LOG.info("VM {}: {} by {}", vm.id, proof.get(), signal.sender());
        }
    }

    // --- actions

    private void execute(Handoff handoff, List<HandoffAction> actions, long nowNs) {
        for (HandoffAction action : actions) {
            execute(handoff, action, nowNs);
        }
    }

    private void execute(Handoff h, HandoffAction action, long nowNs) {
        VmEntry vm = h.vm;
        if (h.account != null) {
            h.account.doing(action);
        }
        switch (action) {
            case HandoffAction.Send(GatewayId to, Signal signal) -> send(to, signal);
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> send(to, signal);
            case HandoffAction.StartCopy() -> {
                watchQueues(h);
                h.guest.startCopy();
            }
            case HandoffAction.CancelCopy() -> h.guest.cancelCopy();
            case HandoffAction.StopGuest() -> h.guest.stopGuest();
            case HandoffAction.ReleaseStream() -> h.guest.releaseStream();
            case HandoffAction.ResumeGuest() -> h.guest.continueGuest();
            case HandoffAction.ContinueGuest() -> h.guest.continueGuest();
            case HandoffAction.QuitGuest() -> h.guest.quitGuest();
            case HandoffAction.RedirectOn(GatewayId to, Epoch epoch) -> redirectOn(vm, to, epoch);
            case HandoffAction.RedirectOff(GatewayId from, Epoch epoch, long bound) ->
                redirectOff(vm, from, epoch, bound);
            case HandoffAction.AwaitQueueDrained(long boundNs) -> awaitDrained(h, nowNs + boundNs);
            case HandoffAction.StartBuffering(Epoch epoch, long bound) -> {
                vm.markedEpoch = epoch.number();
                vm.returnTo = null;
                vm.keeping = Keeping.MARKED;
                // The incoming guest's port is on the bridge already, and nobody reads it: what is flooded there would
                // wait in its
                // queue and reach the guest a second time.
                LocalDelivery.capture(vm);
                if (vm.kept == null) {
                    vm.kept = new HoldBuffer(bound);
                }
            }
            case HandoffAction.FlushBuffer() -> delivery.startFlush(vm, nowNs);
            case HandoffAction.DeliverLive() -> {
                deliverLive(h, nowNs);
                h.guest.activated();
            }
            case HandoffAction.ReturnBuffer(GatewayId to, Epoch epoch) -> returnBuffer(h, to, epoch);
            case HandoffAction.DropBuffer() -> {
                delivery.drop(vm);
                vm.keeping = Keeping.NOTHING;
            }
            case HandoffAction.HoldFrom(GatewayId gateway, long bound) ->
                vm.holds.computeIfAbsent(gateway, g -> new Hold(bound, () -> holdStarted(h, g)));
            case HandoffAction.ReleaseHold(GatewayId gateway) -> delivery.release(vm, gateway);
            case HandoffAction.HoldOutbound(GatewayId gateway, Epoch epoch, long bound) ->
                vm.outboundHolds.computeIfAbsent(gateway, g -> new Hold(bound, () -> holdStarted(h, g)));
            case HandoffAction.ReleaseOutbound(GatewayId gateway) -> releaseOutbound(vm, gateway);
            case HandoffAction.InstallRoute(Binding binding) -> {
                if (binding.epoch().isAfter(vm.epoch)) {
                    table.bind(vm, binding.gateway(), binding.epoch());
                    surroundings.followed(binding);
                }
            }
            case HandoffAction.ForwardLate(GatewayId to, Epoch epoch) -> {
                vm.route = table.peer(to);
                vm.routeEpoch = epoch.number();
            }
            case HandoffAction.CheckQuiet() -> apply(h, new HandoffEvent.Quiet(vm.lastForwardedNs));
            case HandoffAction.RefreshNeighbours() -> delivery.announce(vm);
            case HandoffAction.Tombstone(Binding now) -> tombstones.put(vm.id, new Tombstone(h.plan.migration(), now));
            case HandoffAction.DeleteState(VmId id, Epoch epoch) -> deleteState(vm, epoch);
            case HandoffAction.SetTimer(Timer timer, long atNs) ->
                timers.set(
                        new TimerKey(h.plan.migration(), timer),
                        atNs,
                        () -> event(h.plan.migration(), new HandoffEvent.TimerFired(timer)));
            case HandoffAction.CancelTimer(Timer timer) -> timers.cancel(new TimerKey(h.plan.migration(), timer));
            case HandoffAction.Journal(JournalRecord entry) -> surroundings.journal(entry);
            case HandoffAction.Report(Phase phase, String event, String detail) -> report(h, phase, event, detail);
            case HandoffAction.Count(Counter counter, long n) -> h.counts.merge(counter, n, Long::sum);
            case HandoffAction.Finished() -> finish(h);
        }
    }

    void send(GatewayId to, Signal signal) {
        Peer peer = table.peer(to);
        SignalCodec c = codec;
        if (to.equals(table.self())) {
            forwarder.post(() -> event(signal.migration(), new HandoffEvent.SignalReceived(signal, to)));
        } else if (peer != null && c != null) {
            counters.add(Kind.SIGNALS_OUT);
            wan.handoffUnderWay();
            wan.sendBytes(peer, c.encode(signal, ++signalNumber));
            wan.flush();
        }
    }

    private void redirectOn(VmEntry vm, GatewayId to, Epoch epoch) {
        vm.route = table.peer(to);
        vm.routeEpoch = epoch.number();
        vm.local = false;
        LocalDelivery.capture(vm);
        vm.keeping = Keeping.NOTHING;
        sendKept(vm, vm.route, epoch.number());
    }

    private void redirectOff(VmEntry vm, GatewayId from, Epoch epoch, long boundBytes) {
        vm.keeping = Keeping.ALL;
        vm.returnsFrom = from;
        vm.markedEpoch = epoch.number();
        if (vm.kept == null) {
            vm.kept = new HoldBuffer(boundBytes);
        }
    }

    /** Sends what is kept to a peer, in order, and frees the buffer; how many packets it was. */
    private long sendKept(VmEntry vm, @Nullable Peer to, long epoch) {
        HoldBuffer kept = vm.kept;
        long sent = 0;
        if (kept != null && to != null) {
            for (; !kept.isEmpty(); kept.remove()) {
                long mac = Ethernet.destination(kept.frames(), kept.frameAt());
                VmEntry.Nic nic = vm.nicWithMac(mac);
                if (nic != null) {
                    wan.sendCopy(to, kept.frames(), kept.frameAt(), kept.frameLength(), nic.network().vni, epoch);
                    sent++;
                }
            }
        }
        delivery.drop(vm);
        return sent;
    }

    private void returnBuffer(Handoff h, GatewayId to, Epoch epoch) {
        VmEntry vm = h.vm;
        vm.keeping = Keeping.NOTHING;
        vm.returnTo = table.peer(to);
        vm.markedEpoch = epoch.number();
        long sent = sendKept(vm, vm.returnTo, epoch.number());
        vm.counts.returned += sent;
        apply(h, new HandoffEvent.BufferReturned(sent));
    }

    private void deliverLive(Handoff h, long nowNs) {
        VmEntry vm = h.vm;
        vm.local = true;
        vm.gateway = table.self();
        HoldBuffer kept = vm.kept;
        if (kept == null || kept.isEmpty()) {
            vm.keeping = Keeping.NOTHING;
            delivery.drop(vm);
            delivery.giveBackToBridge(vm);
        } else {
            vm.keeping = Keeping.BEHIND;
            delivery.startFlush(vm, nowNs);
        }
    }

    private void holdStarted(Handoff h, GatewayId gateway) {
        apply(h, new HandoffEvent.HoldStarted(gateway));
    }

    private void releaseOutbound(VmEntry vm, GatewayId gateway) {
        Hold hold = vm.outboundHolds.remove(gateway);
        Peer peer = table.peer(gateway);
        if (hold == null) {
            return;
        }
        // Our own LAN's are held under our own name; they go out as if any peer had brought them.
        for (VmEntry.Nic nic : vm.nics) {
            if (peer != null || gateway.equals(table.self())) {
                outside.resume(hold.buffer, peer, nic.network());
            }
        }
        hold.buffer.close();
    }

    private void deleteState(VmEntry vm, Epoch epoch) {
        if (vm.epoch.isAfter(epoch) && vm.local) {
            return; // it has come back since under a higher epoch: nothing of that is ours to delete
        }
        if (!vm.local) {
            delivery.drop(vm);
            vm.keeping = Keeping.NOTHING;
            LocalDelivery.release(vm);
        }
    }

    // --- the guest's queue

    private void watchQueues(Handoff h) {
        h.closeQueues();
        h.vm.singly = true;
        for (int port : h.guest.ports()) {
            if (port >= 0) {
                h.queues.add(TapQueue.watch(port));
            }
        }
        watchAgain(h);
    }

    private void watchAgain(Handoff h) {
        if (!h.queues.isEmpty()) {
            h.queues.forEach(TapQueue::poll);
            timers.set(h.queues, System.nanoTime() + WATCH_POLL_NS, () -> watchAgain(h));
        }
    }

    private void awaitDrained(Handoff h, long untilNs) {
        boolean empty = true;
        for (TapQueue queue : h.queues) {
            empty &= queue.poll() == 0;
        }
        long now = System.nanoTime();
        if (empty) {
            apply(h, new HandoffEvent.QueueDrained());
        } else if (now - untilNs >= 0) {
            apply(h, new HandoffEvent.QueueNotDrained());
        } else {
            timers.set(h.queues, now + DRAIN_POLL_NS, () -> awaitDrained(h, untilNs));
        }
    }

    /** A stopped guest has left frames unread: they follow it, before anything that is redirected from now on. */
    private void rescueUnread(Handoff h) {
        Peer to = table.peer(h.plan.destination());
        if (h.role != Role.SOURCE || to == null) {
            return;
        }
        for (TapQueue queue : h.queues) {
            if (queue.poll() == 0) {
                continue;
            }
            for (int i = 0; i < queue.unreadCount(); i++) {
                MemorySegment frame = queue.unread(i);
                VmEntry.Nic nic = h.vm.nicWithMac(Ethernet.destination(frame, 0));
                if (nic != null) {
                    int length = (int) frame.byteSize();
                    wan.sendCopy(
                            to,
                            frame,
                            0,
                            length,
                            nic.network().vni,
                            h.plan.epoch().number());
                    h.vm.counts.rescued++;
                    counters.add(Kind.RESCUED);
                }
            }
        }
        timers.cancel(h.queues);
    }

    // --- the record

    private void report(Handoff h, Phase phase, String event, String detail) {
        boolean byGuestClock = h.guestEventUs != 0 && event.equals("pause");
        long atUs = byGuestClock ? h.guestEventUs : WallClock.nowUs();
        MigrationReport.Builder report = newReport(h)
                .setPhase(io.sojourn.rpc.Phase.valueOf(phase.name()))
                .setError(phase == Phase.ABORTED ? detail : "")
                .addTimeline(
                        TimelineEntry.newBuilder().setAtUs(atUs).setEvent(event).setDetail(detail));
        if (h.guestEventUs != 0 && event.equals("activate")) {
            report.addTimeline(
                    0, TimelineEntry.newBuilder().setAtUs(h.guestEventUs).setEvent("resume"));
        }
        report.putAllCounts(h.vm.counts.snapshot());
        h.counts.forEach((counter, n) -> report.putCounts(counter.toString(), n));
        surroundings.report(report);
        if (surroundings instanceof Nowhere) {
            return;
        }
        LOG.info(
                "VM {} {}: {} {}{}",
                h.vm.id,
                h.plan.epoch(),
                phase.name().toLowerCase(Locale.ROOT),
                event,
                detail.isEmpty() ? "" : " (" + detail + ")");
    }

    MigrationReport.Builder newReport(Handoff h) {
        return MigrationReport.newBuilder()
                .setMigration(h.plan.migration().toString())
                .setVm(h.vm.id.name())
                .setEpoch(h.plan.epoch().number())
                .setGateway(table.self().name())
                .setRole(h.role)
                .setClaimedFrom(h.detected ? h.plan.source().name() : "");
    }

    private void finish(Handoff h) {
        active.remove(h.plan.migration());
        timers.cancelIf(key -> key instanceof TimerKey k && k.migration().equals(h.plan.migration()));
        timers.cancel(h.queues);
        h.closeQueues();
        h.vm.onMove = isMoving(h.vm.id);
        h.vm.watched = h.vm.onMove;
        h.vm.singly &= h.vm.watched;
        if (h.vm.returnTo != null && h.vm.local) {
            h.vm.returnTo = null;
        }
        for (GatewayId gateway : new ArrayList<>(h.vm.holds.keySet())) {
            delivery.release(h.vm, gateway);
        }
        for (GatewayId gateway : new ArrayList<>(h.vm.outboundHolds.keySet())) {
            releaseOutbound(h.vm, gateway);
        }
        if (h.vm.captured && h.vm.local) {
            LocalDelivery.release(h.vm);
        }
        // A little later: frames that the bridge brought to us before it took over again may still be in our tap.
        timers.set(h.vm.direct, System.nanoTime() + DIRECT_FOR_NS, () -> {
            if (!isMoving(h.vm.id)) {
                closeDirect(h.vm);
            }
        });
        accounts.finished(h, System.nanoTime());
        h.guest.finished(h.vm.local);
    }
}
