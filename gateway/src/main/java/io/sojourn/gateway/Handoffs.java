// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.Counter;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.Late;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timer;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Role;
import io.sojourn.rpc.TimelineEntry;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
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

        /** Where it is written down what the handoff's machine is told; null: nowhere. */
        EventLog.@Nullable Story story(Handoff handoff);
    }

    private static final Logger LOG = LoggerFactory.getLogger(Handoffs.class);
    /** A hypervisor that has just stopped its guest answers within a millisecond; what is redirected waits for it. */
    private static final long GIVEN_ANSWER_NS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final long DIRECT_FOR_NS = TimeUnit.MILLISECONDS.toNanos(500);

    private record TimerKey(MigrationId migration, Timer timer) {}

    /** Of the question what a guest has got. */
    private record GivenKey(MigrationId migration) {}

    /** Of a VM's direct ways to its ports. */
    private record DirectKey(VmId vm) {}

    private final Consumer<Runnable> later;
    private final ForwardingTable table;
    private final LocalDelivery delivery;
    private final PacketPath path;
    private final Timers timers;
    private final Surroundings surroundings;
    private final Accounts accounts;
    private final Map<MigrationId, Handoff> active = new LinkedHashMap<>();
    private final SignalPort signals;
    private @Nullable Claims claims;
    private final Counters counters;
    private final List<MovedState> states = new ArrayList<>();
    private @Nullable NodeMoves nodes;

    Handoffs(
            Consumer<Runnable> later,
            ForwardingTable table,
            WanPort wan,
            LocalDelivery delivery,
            Outside outside,
            Timers timers,
            Counters counters,
            Surroundings surroundings) {
        this.later = later;
        this.table = table;
        this.delivery = delivery;
        this.signals = new SignalPort(table, wan, counters, later, new Ear());
        this.path = new PacketPath(table, wan, delivery, outside, counters, signals::goesOn);
        this.timers = timers;
        this.counters = counters;
        this.surroundings = surroundings;
        this.accounts = new Accounts(table, timers, counters, surroundings::closed);
    }

    void claims(Claims detector) {
        claims = detector;
    }

    /** VMs may go by ILNP. */
    void locatedBy(NodeMoves moves) {
        nodes = moves;
        joinedBy(moves);
    }

    /** Something more goes with VMs. */
    void joinedBy(MovedState state) {
        states.add(state);
    }

    Accounts accounts() {
        return accounts;
    }

    SignalPort signals() {
        return signals;
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
        table.willChange(handoff.vm);
        handoff.vm.highestEpoch =
                Math.max(handoff.vm.highestEpoch, handoff.plan.epoch().number());
        handoff.account = accounts.begin(handoff);
        handoff.story = surroundings.story(handoff);
        handoff.vm.counts.reset();
        PacketPath.openDirect(handoff.vm, handoff.guest.ports());
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
            if (handoff.isLeaving()) {
                if (handoff.asksGiven) {
                    timers.set(
                            new GivenKey(id),
                            System.nanoTime() + GIVEN_ANSWER_NS,
                            () -> rescueUnread(handoff, List.of()));
                } else {
                    rescueUnread(handoff, List.of());
                }
            }
            apply(handoff, new HandoffEvent.GuestStopped(atNs));
        }
    }

    /** What the stopped guest had got of what its hypervisor had read from its ports. */
    void given(MigrationId id, List<GivenFrames.Given> given) {
        Handoff handoff = active.get(id);
        if (handoff != null && handoff.queue() != null) {
            rescueUnread(handoff, given);
        }
    }

    void guestResumed(MigrationId id, long atUs, long atNs) {
        Handoff handoff = active.get(id);
        if (handoff != null) {
            handoff.guestEventUs = atUs;
            apply(handoff, new HandoffEvent.GuestResumed(atNs));
        }
    }

    /** A step that no machine needs to know, for the certificate. */
    void seen(MigrationId id, long atUs, String event, String detail) {
        Handoff handoff = active.get(id);
        if (handoff != null && handoff.account != null) {
            handoff.account.seen(atUs, event, detail);
        }
    }

    void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {
        for (Handoff handoff : List.copyOf(active.values())) {
            if (handoff.vm == vm) {
                apply(handoff, new HandoffEvent.TableSaysBinding(gateway, epoch));
            }
        }
    }

    /** By the manager's word the VM is here from now on; everybody is told straight. False: it cannot be. */
    boolean takeOver(VmId id, Epoch epoch) {
        VmEntry vm = table.vm(id);
        if (vm == null || isMoving(id) || !epoch.isAfter(vm.epoch)) {
            return false;
        }
        Binding now = new Binding(id, table.self(), epoch);
        table.bind(vm, now.gateway(), epoch);
        MigrationId none = new MigrationId(new UUID(0, 0));
        for (Peer peer : table.peers()) {
            signals.send(peer.id, new Signal(none, id, epoch, table.self(), new Signal.Moved(now.gateway(), epoch)));
        }
        surroundings.followed(now);
        return true;
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

    /** What signals mean here. */
    private final class Ear implements SignalPort.Listener {
        @Override
        public void heard(Signal signal, GatewayId from, long nowNs) {
            if (LOG.isDebugEnabled()) {
                LOG.debug("from {}: {}", from, signal);
            }
            Handoffs.this.heard(signal, from, nowNs);
        }

        @Override
        public void own(Signal signal) {
            event(signal.migration(), new HandoffEvent.SignalReceived(signal, table.self()));
        }

        @Override
        public void refused(VmId vm, String how) {
            Claims detector = claims;
            if (detector != null) {
                detector.refused(vm, how);
            }
        }

        @Override
        public boolean waits(Signal signal, GatewayId from) {
            return path.waits(signal, from, moving());
        }
    }

    /** The VMs of all handoffs that are under way here. */
    private List<VmEntry> moving() {
        return active.values().stream().map(handoff -> handoff.vm).toList();
    }

    private void heard(Signal signal, GatewayId from, long nowNs) {
        Handoff handoff = active.get(signal.migration());
        if (handoff != null) {
            if (signal.body() instanceof Signal.EndMarker(GatewayId origin, Signal.Direction direction)
                    && direction == Signal.Direction.OUTBOUND
                    && origin.equals(handoff.plan.source())) {
                handoff.guest.stoppedAtSource();
            }
            apply(handoff, new HandoffEvent.SignalReceived(signal, from));
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
        signals.answer(Late.answer(signal, table.self(), now));
    }

    /** An authentic signal may prove a binding that the table does not have yet: of two, the higher epoch wins. */
    private void adoptProof(Signal signal, @Nullable VmEntry vm) {
        Optional<Binding> proof = signal.proves();
        if (vm != null && proof.isPresent() && proof.get().epoch().isAfter(vm.epoch) && !isMoving(vm.id)) {
            table.bind(vm, proof.get().gateway(), proof.get().epoch());
            // Packets wait for the binding, and not for this.
            later.accept(() -> {
                surroundings.followed(proof.get());
                LOG.info("VM {}: {} by {}", vm.id, proof.get(), signal.sender());
            });
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
        Epoch move = h.plan.epoch();
        if (h.account != null) {
            h.account.doing(action);
        }
        switch (action) {
            case HandoffAction.Send(GatewayId to, Signal signal) -> signals.send(to, signal);
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> {
                if (h.role == Role.SOURCE && signal.body() instanceof Signal.EndMarker) {
                    forStates(h, "silent", state -> state.silent(vm, nowNs));
                }
                signals.sendInOrder(to, signal);
            }
            case HandoffAction.StartCopy() -> {
                vm.singly = true;
                h.queue(new QueueWatch(h.guest.ports(), timers));
                forStates(h, "leaves", state -> state.leaves(vm, h.plan.destination(), move.number(), nowNs));
                h.guest.startCopy();
            }
            case HandoffAction.CancelCopy() -> h.guest.cancelCopy();
            case HandoffAction.StopGuest() -> {
                QueueWatch queue = h.queue();
                h.asksGiven = queue != null && !queue.isEmpty();
                h.guest.stopGuest(h.asksGiven);
            }
            case HandoffAction.ReleaseStream() -> h.guest.releaseStream();
            case HandoffAction.ResumeGuest() -> h.guest.continueGuest();
            case HandoffAction.ContinueGuest() -> {
                h.guest.continueGuest();
                path.lead(vm, move);
            }
            case HandoffAction.QuitGuest() -> h.guest.quitGuest();
            case HandoffAction.RedirectOn(GatewayId to, Epoch epoch) -> {
                QueueWatch queue = h.queue();
                forStates(h, "held", state -> state.held(vm, nowNs));
                path.redirectOn(vm, move, to, epoch, queue != null && !queue.isEmpty());
            }
            case HandoffAction.RedirectOff(GatewayId from, Epoch epoch, long bound) ->
                path.redirectOff(vm, move, from, epoch, bound);
            case HandoffAction.AwaitQueueDrained(long boundNs) -> awaitDrained(h, nowNs + boundNs);
            case HandoffAction.StartBuffering(Epoch epoch, long bound) -> {
                forStates(h, "expected", state -> state.expected(vm, h.plan.source(), move.number()));
                path.startBuffering(vm, move, epoch, bound);
            }
            case HandoffAction.FlushBuffer() -> path.flushBuffer(vm, move, nowNs);
            case HandoffAction.DeliverLive() -> {
                path.deliverLive(vm, move, nowNs);
                forStates(h, "activated", state -> state.activated(vm, h.plan.source(), move.number(), nowNs));
                NodeMoves located = nodes;
                if (located != null) {
                    holdForRounds(located, h);
                }
                h.guest.activated();
            }
            case HandoffAction.ReturnBuffer(GatewayId to, Epoch epoch) ->
                apply(h, new HandoffEvent.BufferReturned(path.returnBuffer(vm, move, to, epoch)));
            case HandoffAction.DropBuffer() -> path.dropBuffer(vm, move);
            case HandoffAction.HoldFrom(GatewayId gateway, long bound) ->
                path.holdFrom(vm, move, gateway, bound, () -> holdStarted(h, gateway));
            case HandoffAction.ReleaseHold(GatewayId gateway) ->
                release(vm, gateway, true, () -> path.releaseHold(vm, move, gateway));
            case HandoffAction.HoldOutbound(GatewayId gateway, Epoch epoch, long bound) ->
                path.holdOutbound(vm, move, gateway, bound, () -> holdStarted(h, gateway));
            case HandoffAction.ReleaseOutbound(GatewayId gateway) ->
                release(vm, gateway, false, () -> path.releaseOutbound(vm, move, gateway));
            case HandoffAction.InstallRoute(Binding binding) -> {
                if (binding.epoch().isAfter(vm.epoch)) {
                    table.bind(vm, binding.gateway(), binding.epoch());
                    surroundings.followed(binding);
                }
            }
            case HandoffAction.ForwardLate(GatewayId to, Epoch epoch) -> path.forwardLate(vm, move, to, epoch);
            case HandoffAction.CheckQuiet() -> apply(h, new HandoffEvent.Quiet(vm.lastForwardedNs));
            case HandoffAction.RefreshNeighbours() -> delivery.announce(vm);
            case HandoffAction.Tombstone(Binding now) -> vm.tombstone = vm.local ? null : h.plan.migration();
            case HandoffAction.DeleteState(VmId id, Epoch epoch) -> path.deleteState(vm, move);
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

    /** One that fails costs what it knew itself, and not the handoff. */
    private void forStates(Handoff h, String step, Consumer<MovedState> told) {
        for (MovedState state : states) {
            try {
                told.accept(state);
            } catch (RuntimeException e) {
                counters.add(Counters.Kind.MOVED_STATE_FAILED);
                LOG.error(
                        "VM {} {}: {} failed at '{}'; the handoff goes on",
                        h.vm.id,
                        h.plan.epoch(),
                        state.mechanism(),
                        step,
                        e);
                seen(h.plan.migration(), WallClock.nowUs(), "state-failed", state.mechanism() + " at " + step);
            }
        }
    }

    /** What meets on our own LAN may have to wait for what still comes by way of a third site. */
    private void release(VmEntry vm, GatewayId gateway, boolean toVm, Runnable release) {
        if (nodes == null || !gateway.equals(table.self()) || !nodes.putOff(vm, toVm, release)) {
            release.run();
        }
    }

    /** The source's end marker may have come before, so that nothing of the VM's is held; but it came straight, and some of its packets do not. */
    private void holdForRounds(NodeMoves moves, Handoff h) {
        VmEntry vm = h.vm;
        GatewayId self = table.self();
        if (h.plan.ordering() == Ordering.STRICT && moves.awaitsOwn(vm) && !vm.outboundHolds.containsKey(self)) {
            path.holdOutbound(vm, h.plan.epoch(), self, h.plan.timing().bufferBytes(), () -> {});
            Hold hold = vm.outboundHolds.get(self);
            if (hold != null) {
                hold.onlyV6();
            }
            release(vm, self, false, () -> path.releaseOutbound(vm, h.plan.epoch(), self));
        }
    }

    private void holdStarted(Handoff h, GatewayId gateway) {
        apply(h, new HandoffEvent.HoldStarted(gateway));
    }

    // --- the guest's queue

    private void awaitDrained(Handoff h, long untilNs) {
        QueueWatch queue = h.queue();
        if (queue == null) {
            apply(h, new HandoffEvent.QueueDrained());
            return;
        }
        queue.awaitEmpty(untilNs, empty -> {
            if (empty) {
                path.letGo(h.vm, h.plan.epoch());
            }
            apply(h, empty ? new HandoffEvent.QueueDrained() : new HandoffEvent.QueueNotDrained());
        });
    }

    /** A stopped guest has left frames unread: they follow it, before anything that is redirected. */
    private void rescueUnread(Handoff h, List<GivenFrames.Given> given) {
        timers.cancel(new GivenKey(h.plan.migration()));
        Peer to = table.peer(h.plan.destination());
        QueueWatch queue = h.queue();
        if (queue != null && to != null) {
            queue.rescueUnread(
                    given,
                    (frame, isNowhereElse) ->
                            path.rescue(h.vm, to, frame, h.plan.epoch().number(), isNowhereElse));
        }
        h.queue(null);
        long nowNs = System.nanoTime();
        forStates(h, "silent", state -> state.silent(h.vm, nowNs));
        path.letGo(h.vm, h.plan.epoch());
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
        timers.cancel(new GivenKey(h.plan.migration()));
        h.queue(null);
        h.vm.onMove = isMoving(h.vm.id);
        h.vm.watched = h.vm.onMove;
        h.vm.singly &= h.vm.onMove;
        path.finish(h.vm, h.plan.epoch());
        table.settle(h.vm);
        closeDirectLater(h.vm);
        accounts.finished(h, System.nanoTime());
        h.guest.finished(h.vm.local);
    }

    /** Frames that the bridge brought to us before it took over again may still be in our tap. */
    private void closeDirectLater(VmEntry vm) {
        timers.set(new DirectKey(vm.id), System.nanoTime() + DIRECT_FOR_NS, () -> {
            if (isMoving(vm.id)) {
                return; // its end will see to it
            }
            if (vm.captured && vm.local) {
                closeDirectLater(vm);
            } else {
                PacketPath.closeDirect(vm);
            }
        });
    }
}
