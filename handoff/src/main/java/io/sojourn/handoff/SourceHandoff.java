// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.handoff.HandoffAction.*;
import io.sojourn.handoff.HandoffEvent.*;
import io.sojourn.handoff.JournalRecord.Role;
import io.sojourn.handoff.JournalRecord.Stage;
import io.sojourn.handoff.Signal.AbortAck;
import io.sojourn.handoff.Signal.AnnounceAck;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.Signal.EndMarker;
import io.sojourn.handoff.Signal.EndMarkerAck;
import io.sojourn.handoff.Signal.Failed;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The handoff at the gateway that the VM leaves.
 *
 * <p>What must hold: the guest runs here again only while it provably neither runs nor will run at D. Until the stream
 * is released D lacks the last pages, so S decides alone; after that D decides, and S asks ({@link Asking}) for as long
 * as it takes. No timer ever resumes the guest.
 */
public final class SourceHandoff {
    private SourceHandoff() {}

    /** Where packets to the VM go when a state is left. */
    enum Path {
        LIVE,
        REDIRECTED,
        TAKEN_BACK
    }

    public sealed interface State {
        HandoffPlan plan();
    }

    /** Nothing has happened yet; the guest runs here. */
    public record Armed(HandoffPlan plan) implements State {}

    /** Memory is being copied; the guest runs here and packets reach it. */
    public record Copying(HandoffPlan plan) implements State {}

    /** The stream is parked, packets go to D's buffer, the guest still runs and reads its queue empty. */
    public record Held(HandoffPlan plan) implements State {}

    /** The guest has been told to stop. */
    public record Stopping(HandoffPlan plan) implements State {}

    /**
     * The guest is stopped, the stream let go, D has the say.
     *
     * @param unmarked gateways that have not acknowledged the outbound end marker
     */
    public record Paused(HandoffPlan plan, Set<GatewayId> unmarked, int attempt) implements State {}

    /**
     * The guest is stopped and S wants it back: D must say that it will never run there, or that it does.
     *
     * @param guestUnknown a restarted gateway has not heard yet whether the guest was ever stopped
     * @param returned what D had in its buffer has come back already
     */
    public record Asking(HandoffPlan plan, String reason, boolean guestUnknown, boolean returned, int attempt)
            implements State {}

    /**
     * The guest stays here.
     *
     * @param resuming the hypervisor was told to continue the guest and has not said that it did
     * @param burnt D has said that it will not run there
     * @param returned what D had in its buffer has come back, or has been waited for long enough
     * @param armed correspondents that have not acknowledged the end of the move
     */
    public record TakingBack(
            HandoffPlan plan,
            String reason,
            boolean resuming,
            boolean burnt,
            boolean returned,
            Set<GatewayId> armed,
            int attempt)
            implements State {
        TakingBack resuming(boolean now) {
            return new TakingBack(plan, reason, now, burnt, returned, armed, attempt);
        }

        TakingBack withBurnt() {
            return new TakingBack(plan, reason, resuming, true, returned, armed, attempt);
        }

        TakingBack withReturned() {
            return new TakingBack(plan, reason, resuming, burnt, true, armed, attempt);
        }

        TakingBack without(GatewayId disarmed) {
            return new TakingBack(plan, reason, resuming, burnt, returned, Gateways.without(armed, disarmed), attempt);
        }

        TakingBack next() {
            return new TakingBack(plan, reason, resuming, burnt, returned, armed, attempt + 1);
        }
    }

    /**
     * The guest runs elsewhere; what still comes here is passed on.
     *
     * @param unmarked gateways that have not acknowledged the outbound end marker
     * @param unflipped gateways whose inbound end marker has not passed yet
     * @param tableAgrees the controller's table has the new binding, so everybody will
     * @param guestGone the guest's old QEMU has ended
     */
    public record Draining(
            HandoffPlan plan,
            Binding now,
            Set<GatewayId> unmarked,
            Set<GatewayId> unflipped,
            boolean tableAgrees,
            boolean guestGone,
            long sinceNs,
            int attempt)
            implements State {
        Draining unmarked(Set<GatewayId> left, int tries) {
            return new Draining(plan, now, left, unflipped, tableAgrees, guestGone, sinceNs, tries);
        }

        Draining flipped(GatewayId gateway) {
            return new Draining(
                    plan,
                    now,
                    unmarked,
                    Gateways.without(unflipped, gateway),
                    tableAgrees,
                    guestGone,
                    sinceNs,
                    attempt);
        }

        Draining gone() {
            return new Draining(plan, now, unmarked, unflipped, tableAgrees, true, sinceNs, attempt);
        }
    }

    /** Over: the VM is where {@code now} says. */
    public record Released(HandoffPlan plan, Binding now) implements State {}

    /** Over: the VM is here as before. */
    public record RolledBack(HandoffPlan plan) implements State {}

    /** A new handoff, before anything has happened. */
    public static Step<State> arm(HandoffPlan plan, long nowNs) {
        return Step.of(
                new Armed(plan),
                journal(plan, Stage.ARMED),
                new Report(Phase.ARMED, "arm", "source"),
                new SetTimer(
                        Timer.of(Timer.Kind.ARM_EXPIRY), nowNs + plan.timing().armExpiryNs()));
    }

    /**
     * After a restart of the gateway; its carrier and redirect are gone with it.
     *
     * <pre>
     *   ARMED      Asking      the copy has died; the guest runs, unless QEMU stopped it by itself just then
     *   SWITCHING  Asking      the guest may run here, at D, or be stopped
     *   ABORTED    TakingBack  D and Ci may not have heard
     *   MOVED      Draining    late packets are passed on
     *   ENDED      (empty)
     * </pre>
     *
     * The gateway must report GuestResumed, GuestStopped or GuestGone as it finds the hypervisor.
     */
    public static Optional<Step<State>> recover(JournalRecord last, long nowNs) {
        HandoffPlan plan = last.plan();
        return switch (last.stage()) {
            case ARMED, SWITCHING -> Optional.of(SourceTakeBack.ask(plan, "source gateway restarted", true, nowNs));
            case ABORTED ->
                Optional.of(
                        SourceTakeBack.takeBack(plan, "source gateway restarted", Path.REDIRECTED, false, true, nowNs));
            case MOVED -> Optional.of(SourceDrain.drain(plan, plan.after(), Set.of(), Path.LIVE, nowNs));
            default -> Optional.empty();
        };
    }

    /**
     * A gateway that holds the binding, has no handoff of the VM under way, and whose hypervisor says that the guest does
     * not run here (any more) agrees to a {@link Signal.Claim}. Otherwise it must answer {@link Late#refuse}.
     *
     * @param correspondents the other gateways of the VM's networks
     */
    public static Step<State> claimed(
            Signal claim, GatewayId self, List<GatewayId> correspondents, Timing timing, long nowNs) {
        if (!(claim.body() instanceof Signal.Claim(var previous, Ordering ordering))) {
            throw new IllegalArgumentException("not a claim: " + claim);
        }
        HandoffPlan plan = new HandoffPlan(
                claim.migration(),
                claim.vm(),
                self,
                claim.sender(),
                previous,
                claim.epoch(),
                correspondents,
                ordering,
                timing);
        Step<State> drained = SourceDrain.drain(plan, plan.after(), Set.of(), Path.LIVE, nowNs);
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(new Count(Counter.UNHELD, 1));
        actions.addAll(drained.actions());
        actions.add(new Send(claim.sender(), plan.signal(self, new AnnounceAck())));
        return new Step<>(drained.state(), actions);
    }

    public static Step<State> apply(State state, HandoffEvent.AtSource event, long nowNs) {
        return switch (state) {
            case Armed s -> armed(s, event, nowNs);
            case Copying s -> copying(s, event, nowNs);
            case Held s -> held(s, event, nowNs);
            case Stopping s -> stopping(s, event, nowNs);
            case Paused s -> paused(s, event, nowNs);
            case Asking s -> SourceTakeBack.asking(s, event, nowNs);
            case TakingBack s -> SourceTakeBack.takingBack(s, event, nowNs);
            case Draining s -> SourceDrain.draining(s, event, nowNs);
            case Released s -> released(s, event);
            case RolledBack s -> rolledBack(s, event);
        };
    }

    // before the stream is let go: S decides alone

    private static Step<State> armed(Armed s, HandoffEvent.AtSource event, long nowNs) {
        return switch (event) {
            case Start() -> Step.of(new Copying(s.plan), new StartCopy(), new Report(Phase.COPYING, "copy", ""));
            default -> stillHere(s, event, Path.LIVE, nowNs);
        };
    }

    private static Step<State> copying(Copying s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case StreamParked() ->
                Step.of(
                        new Held(plan),
                        journal(
                                plan,
                                Stage.SWITCHING), // now, while the guest runs: nothing on the cut path waits for it
                        new RedirectOn(plan.destination(), plan.epoch()),
                        new Report(Phase.HELD, "hold", ""),
                        new AwaitQueueDrained(plan.timing().drainBoundNs()),
                        new SetTimer(
                                Timer.of(Timer.Kind.DRAIN_BOUND),
                                nowNs + 2 * plan.timing().drainBoundNs()));
            case GuestStopped(long atNs) -> {
                List<HandoffAction> first = new ArrayList<>();
                first.add(journal(plan, Stage.SWITCHING));
                first.add(new RedirectOn(plan.destination(), plan.epoch()));
                first.add(new Count(Counter.UNHELD, 1));
                yield pause(plan, first, nowNs);
            }
            case StreamFailed(String reason) -> SourceTakeBack.takeBack(plan, reason, Path.LIVE, false, false, nowNs);
            default -> stillHere(s, event, Path.LIVE, nowNs);
        };
    }

    private static Step<State> held(Held s, HandoffEvent.AtSource event, long nowNs) {
        return switch (event) {
            case QueueDrained() -> stop(s.plan, false, nowNs);
            case QueueNotDrained() -> stop(s.plan, true, nowNs);
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.DRAIN_BOUND -> stop(s.plan, true, nowNs);
            case GuestStopped(long atNs) -> {
                List<HandoffAction> first = new ArrayList<>();
                first.add(new Count(Counter.NOT_DRAINED, 1));
                yield pause(s.plan, first, nowNs);
            }
            case StreamFailed(String reason) ->
                SourceTakeBack.takeBack(s.plan, reason, Path.REDIRECTED, false, false, nowNs);
            default -> stillHere(s, event, Path.REDIRECTED, nowNs);
        };
    }

    private static Step<State> stop(HandoffPlan plan, boolean notDrained, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        if (notDrained) {
            actions.add(new Count(Counter.NOT_DRAINED, 1));
        }
        actions.add(new StopGuest());
        actions.add(new Report(Phase.HELD, notDrained ? "not-drained" : "drained", ""));
        actions.add(new CancelTimer(Timer.of(Timer.Kind.DRAIN_BOUND)));
        actions.add(new SetTimer(
                Timer.of(Timer.Kind.PAUSE_BOUND), nowNs + plan.timing().maxPauseNs()));
        return new Step<>(new Stopping(plan), actions);
    }

    private static Step<State> stopping(Stopping s, HandoffEvent.AtSource event, long nowNs) {
        return switch (event) {
            case GuestStopped(long atNs) -> pause(s.plan, new ArrayList<>(), nowNs);
            case StreamFailed(String reason) ->
                SourceTakeBack.takeBack(s.plan, reason, Path.REDIRECTED, false, true, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.PAUSE_BOUND ->
                SourceTakeBack.takeBack(s.plan, "the guest did not stop", Path.REDIRECTED, false, true, nowNs);
            default -> stillHere(s, event, Path.REDIRECTED, nowNs);
        };
    }

    /** What Armed, Copying, Held and Stopping have in common. */
    private static Step<State> stillHere(State s, HandoffEvent.AtSource event, Path path, long nowNs) {
        HandoffPlan plan = s.plan();
        boolean resume = s instanceof Stopping;
        return switch (event) {
            case AbortRequested(String reason) -> SourceTakeBack.takeBack(plan, reason, path, false, resume, nowNs);
            case GuestGone() ->
                SourceTakeBack.takeBack(plan, "the guest ended at the source", path, false, false, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.ARM_EXPIRY ->
                SourceTakeBack.takeBack(plan, "the move took too long", path, false, resume, nowNs);
            case SignalReceived(Signal signal, GatewayId from)
            when signal.body() instanceof Failed(String reason) && isOf(plan, signal) ->
                SourceTakeBack.takeBack(plan, reason, path, true, resume, nowNs);
            default -> otherwise(s, event, Set.of(), path, nowNs);
        };
    }

    // from the moment the stream is let go: D decides

    private static Step<State> pause(HandoffPlan plan, List<HandoffAction> actions, long nowNs) {
        actions.add(new ReleaseStream()); // before all else: the guest stands still until its memory is there
        Set<GatewayId> unmarked = new HashSet<>();
        unmarked.add(plan.destination()); // D believes a frame of the guest from then on, whatever the ordering
        if (plan.strict()) {
            unmarked.addAll(plan.correspondents());
        }
        sendOutboundMarkers(plan, unmarked, actions);
        if (plan.strict()) {
            // S is a correspondent too: what the VM sent here may still be held for another VM that moves
            actions.add(new HoldOutbound(
                    plan.destination(), plan.epoch(), plan.timing().bufferBytes()));
            actions.add(new SendInOrder(
                    plan.source(), plan.signal(plan.source(), new EndMarker(plan.source(), Direction.OUTBOUND))));
        }
        actions.add(new Report(Phase.PAUSED, "pause", ""));
        actions.add(new CancelTimer(Timer.of(Timer.Kind.ARM_EXPIRY)));
        actions.add(new CancelTimer(Timer.of(Timer.Kind.DRAIN_BOUND)));
        actions.add(new SetTimer(
                Timer.of(Timer.Kind.PAUSE_BOUND), nowNs + plan.timing().maxPauseNs()));
        actions.add(retransmit(plan, 0, nowNs));
        return new Step<>(new Paused(plan, Set.copyOf(unmarked), 0), actions);
    }

    private static Step<State> paused(Paused s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case AbortRequested(String reason) -> SourceTakeBack.ask(plan, reason, false, nowNs);
            case StreamFailed(String reason) -> SourceTakeBack.ask(plan, reason, false, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.PAUSE_BOUND ->
                SourceTakeBack.ask(plan, "the pause took too long", false, nowNs);
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.RETRANSMIT -> remark(s, nowNs);
            case PeerReachable(GatewayId gateway) when s.unmarked.contains(gateway) -> remark(s, nowNs);
            case GuestResumed(long atNs) -> Step.of(s, new StopGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) ->
                switch (signal.body()) {
                    case EndMarkerAck(GatewayId origin, Direction direction)
                    when direction == Direction.OUTBOUND ->
                        Step.of(new Paused(plan, without(s.unmarked, signal.sender()), s.attempt));
                    case EndMarker(GatewayId origin, Direction direction)
                    when direction == Direction.OUTBOUND -> Step.of(s, new ReleaseOutbound(plan.destination()));
                    case Failed(String reason)
                    when fromDestination(plan, signal) ->
                        SourceTakeBack.takeBack(plan, reason, Path.REDIRECTED, true, true, nowNs);
                    case AbortAck(long returned)
                    when fromDestination(plan, signal) ->
                        SourceTakeBack.takeBack(plan, "burnt at the destination", Path.REDIRECTED, true, true, nowNs);
                    default -> otherwise(s, event, s.unmarked, Path.REDIRECTED, nowNs);
                };
            default -> otherwise(s, event, s.unmarked, Path.REDIRECTED, nowNs);
        };
    }

    private static Step<State> remark(Paused s, long nowNs) {
        if (s.unmarked.isEmpty()) {
            return Step.of(s);
        }
        List<HandoffAction> actions = new ArrayList<>();
        sendOutboundMarkers(s.plan, s.unmarked, actions);
        actions.add(new Count(Counter.RETRANSMITTED, s.unmarked.size()));
        actions.add(retransmit(s.plan, s.attempt + 1, nowNs));
        return new Step<>(new Paused(s.plan, s.unmarked, s.attempt + 1), actions);
    }

    static void sendOutboundMarkers(HandoffPlan plan, Set<GatewayId> to, List<HandoffAction> actions) {
        for (GatewayId gateway : inOrder(plan, to)) {
            actions.add(new SendInOrder(
                    gateway, plan.signal(plan.source(), new EndMarker(plan.source(), Direction.OUTBOUND))));
        }
    }

    // it is over; only questions are answered

    private static Step<State> released(Released s, HandoffEvent.AtSource event) {
        return event instanceof SignalReceived(Signal signal, GatewayId from)
                ? new Step<>(s, Late.answer(signal, s.plan.source(), Optional.of(s.now)))
                : Step.of(s);
    }

    private static Step<State> rolledBack(RolledBack s, HandoffEvent.AtSource event) {
        return event instanceof SignalReceived(Signal signal, GatewayId from)
                ? new Step<>(s, Late.answer(signal, s.plan.source(), Optional.of(s.plan.before())))
                : Step.of(s);
    }

    // what any state makes of a claim

    /** Higher epoch wins, the move's own epoch is D's alone, anything else changes nothing. */
    static Step<State> otherwise(State s, HandoffEvent.AtSource event, Set<GatewayId> unmarked, Path path, long nowNs) {
        HandoffPlan plan = s.plan();
        Optional<Binding> claim = switch (event) {
            case TableSaysBinding(GatewayId gateway, var epoch) -> Optional.of(new Binding(plan.vm(), gateway, epoch));
            case SignalReceived(Signal signal, GatewayId from) ->
                // only a gateway that knows the new binding ends the old path
                signal.body() instanceof EndMarker(GatewayId origin, Direction direction)
                                && direction == Direction.INBOUND
                                && isOf(plan, signal)
                        ? Optional.of(plan.after())
                        : signal.proves();
            default -> Optional.empty();
        };
        if (claim.isEmpty() || claim.get().epoch().compareTo(plan.epoch()) < 0) {
            return Step.of(s);
        }
        Binding binding = claim.get();
        if (binding.epoch().equals(plan.epoch()) && !binding.gateway().equals(plan.destination())) {
            return Step.of(s, new Count(Counter.REFUSED, 1));
        }
        if (binding.gateway().equals(plan.source())) {
            return verdict(s, binding, path, nowNs);
        }
        Step<State> moved = SourceDrain.drain(plan, binding, unmarked, path, nowNs);
        if (event instanceof SignalReceived || event instanceof TableSaysBinding) {
            // it was the first to tell; now treat it as what it is
            Step<State> then = apply(moved.state(), event, nowNs);
            List<HandoffAction> both = new ArrayList<>(moved.actions());
            both.addAll(then.actions());
            return new Step<>(then.state(), both);
        }
        return moved;
    }

    /** D has been fenced and the VM given back to S, under an epoch above the burnt one. */
    private static Step<State> verdict(State s, Binding binding, Path path, long nowNs) {
        if (s instanceof TakingBack) {
            return Step.of(s, new InstallRoute(binding));
        }
        Step<State> back = SourceTakeBack.takeBack(s.plan(), "decided by the controller", path, true, true, nowNs);
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(new InstallRoute(binding));
        actions.addAll(back.actions());
        return new Step<>(back.state(), actions);
    }

    static boolean isOf(HandoffPlan plan, Signal signal) {
        return signal.migration().equals(plan.migration()) && signal.epoch().equals(plan.epoch());
    }

    static boolean fromDestination(HandoffPlan plan, Signal signal) {
        return signal.sender().equals(plan.destination());
    }

    static Journal journal(HandoffPlan plan, Stage stage) {
        return new Journal(new JournalRecord(Role.SOURCE, stage, plan));
    }

    static SetTimer retransmit(HandoffPlan plan, int attempt, long nowNs) {
        return Gateways.retransmit(plan, attempt, nowNs);
    }

    static Set<GatewayId> without(Set<GatewayId> gateways, GatewayId gone) {
        return Gateways.without(gateways, gone);
    }

    static List<GatewayId> inOrder(HandoffPlan plan, Set<GatewayId> gateways) {
        return Gateways.inOrder(plan, gateways);
    }
}
