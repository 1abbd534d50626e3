// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.handoff.HandoffAction.*;
import io.sojourn.handoff.HandoffEvent.*;
import io.sojourn.handoff.JournalRecord.Role;
import io.sojourn.handoff.JournalRecord.Stage;
import io.sojourn.handoff.Signal.Abort;
import io.sojourn.handoff.Signal.AbortAck;
import io.sojourn.handoff.Signal.Announce;
import io.sojourn.handoff.Signal.AnnounceAck;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.Signal.EndMarker;
import io.sojourn.handoff.Signal.EndMarkerAck;
import io.sojourn.handoff.Signal.Failed;
import io.sojourn.handoff.Signal.ReturnEnd;
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
    private enum Path {
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
            case ARMED, SWITCHING -> Optional.of(ask(plan, "source gateway restarted", true, nowNs));
            case ABORTED ->
                Optional.of(takeBack(plan, "source gateway restarted", Path.REDIRECTED, false, true, nowNs));
            case MOVED -> Optional.of(drain(plan, plan.after(), Set.of(), Path.LIVE, nowNs));
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
        Step<State> drained = drain(plan, plan.after(), Set.of(), Path.LIVE, nowNs);
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
            case Asking s -> asking(s, event, nowNs);
            case TakingBack s -> takingBack(s, event, nowNs);
            case Draining s -> draining(s, event, nowNs);
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
            case StreamFailed(String reason) -> takeBack(plan, reason, Path.LIVE, false, false, nowNs);
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
            case StreamFailed(String reason) -> takeBack(s.plan, reason, Path.REDIRECTED, false, false, nowNs);
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
            case StreamFailed(String reason) -> takeBack(s.plan, reason, Path.REDIRECTED, false, true, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.PAUSE_BOUND ->
                takeBack(s.plan, "the guest did not stop", Path.REDIRECTED, false, true, nowNs);
            default -> stillHere(s, event, Path.REDIRECTED, nowNs);
        };
    }

    /** What Armed, Copying, Held and Stopping have in common. */
    private static Step<State> stillHere(State s, HandoffEvent.AtSource event, Path path, long nowNs) {
        HandoffPlan plan = s.plan();
        boolean resume = s instanceof Stopping;
        return switch (event) {
            case AbortRequested(String reason) -> takeBack(plan, reason, path, false, resume, nowNs);
            case GuestGone() -> takeBack(plan, "the guest ended at the source", path, false, false, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.ARM_EXPIRY ->
                takeBack(plan, "the move took too long", path, false, resume, nowNs);
            case SignalReceived(Signal signal, GatewayId from)
            when signal.body() instanceof Failed(String reason) && isOf(plan, signal) ->
                takeBack(plan, reason, path, true, resume, nowNs);
            default -> otherwise(s, event, Set.of(), path, nowNs);
        };
    }

    // from the moment the stream is let go: D decides

    private static Step<State> pause(HandoffPlan plan, List<HandoffAction> actions, long nowNs) {
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
        actions.add(new ReleaseStream());
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
            case AbortRequested(String reason) -> ask(plan, reason, false, nowNs);
            case StreamFailed(String reason) -> ask(plan, reason, false, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.PAUSE_BOUND -> ask(plan, "the pause took too long", false, nowNs);
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
                    when fromDestination(plan, signal) -> takeBack(plan, reason, Path.REDIRECTED, true, true, nowNs);
                    case AbortAck(long returned)
                    when fromDestination(plan, signal) ->
                        takeBack(plan, "burnt at the destination", Path.REDIRECTED, true, true, nowNs);
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

    private static void sendOutboundMarkers(HandoffPlan plan, Set<GatewayId> to, List<HandoffAction> actions) {
        for (GatewayId gateway : inOrder(plan, to)) {
            actions.add(new SendInOrder(
                    gateway, plan.signal(plan.source(), new EndMarker(plan.source(), Direction.OUTBOUND))));
        }
    }

    private static Step<State> ask(HandoffPlan plan, String reason, boolean guestUnknown, long nowNs) {
        return Step.of(
                new Asking(plan, reason, guestUnknown, false, 0),
                // first, so that the ABORT is behind the last packet that D is to return
                new RedirectOff(plan.destination(), plan.epoch(), plan.timing().bufferBytes()),
                new SendInOrder(plan.destination(), plan.signal(plan.source(), new Abort(reason))),
                new CancelCopy(),
                new Report(Phase.PAUSED, "asking", reason),
                new CancelTimer(Timer.of(Timer.Kind.PAUSE_BOUND)),
                retransmit(plan, 0, nowNs));
    }

    private static Step<State> asking(Asking s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.RETRANSMIT -> askAgain(s, nowNs);
            case PeerReachable(GatewayId gateway) when gateway.equals(plan.destination()) -> askAgain(s, nowNs);
            case GuestResumed(long atNs) ->
                s.guestUnknown // it was never stopped, so nobody else can run it
                        ? tookBack(s, s.reason, false, nowNs)
                        : Step.of(s, new StopGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case GuestStopped(long atNs) -> Step.of(new Asking(plan, s.reason, false, s.returned, s.attempt));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal)
                    && signal.body() instanceof EndMarker(GatewayId o, Direction d)
                    && d == Direction.OUTBOUND -> Step.of(s, new ReleaseOutbound(plan.destination()));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && fromDestination(plan, signal) ->
                switch (signal.body()) {
                    case AbortAck(long returned) -> tookBack(s, s.reason, true, nowNs);
                    case Failed(String reason) -> tookBack(s, reason, true, nowNs);
                    case ReturnEnd(long returned) ->
                        Step.of(new Asking(plan, s.reason, s.guestUnknown, true, s.attempt));
                    default -> otherwise(s, event, Set.of(), Path.TAKEN_BACK, nowNs);
                };
            default -> otherwise(s, event, Set.of(), Path.TAKEN_BACK, nowNs);
        };
    }

    private static Step<State> askAgain(Asking s, long nowNs) {
        HandoffPlan plan = s.plan;
        return Step.of(
                new Asking(plan, s.reason, s.guestUnknown, s.returned, s.attempt + 1),
                new SendInOrder(plan.destination(), plan.signal(plan.source(), new Abort(s.reason))),
                new Count(Counter.RETRANSMITTED, 1),
                retransmit(plan, s.attempt + 1, nowNs));
    }

    /** The answer has come, while packets are kept here already. */
    private static Step<State> tookBack(Asking s, String reason, boolean burnt, long nowNs) {
        Step<State> back = takeBack(s.plan, reason, Path.TAKEN_BACK, burnt, burnt, nowNs);
        if (!s.returned) {
            return back;
        }
        Step<State> then = takenBack((TakingBack) back.state(), false);
        List<HandoffAction> both = new ArrayList<>(back.actions());
        both.addAll(then.actions());
        return new Step<>(then.state(), both);
    }

    // the guest stays

    /**
     * @param path D's buffer may have packets of ours, unless LIVE
     * @param burnt D has said so already
     * @param resume the guest may be stopped
     */
    private static Step<State> takeBack(
            HandoffPlan plan, String reason, Path path, boolean burnt, boolean resume, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(journal(plan, Stage.ABORTED));
        if (path == Path.REDIRECTED) {
            actions.add(new RedirectOff(
                    plan.destination(), plan.epoch(), plan.timing().bufferBytes()));
        }
        if (path != Path.LIVE) {
            actions.add(new ReleaseOutbound(plan.destination()));
        }
        actions.add(new CancelCopy());
        if (resume) {
            actions.add(new ResumeGuest());
        }
        TakingBack next =
                new TakingBack(plan, reason, resume, burnt, path == Path.LIVE, Set.copyOf(plan.correspondents()), 0);
        sendAborts(next, actions);
        for (Timer.Kind kind : List.of(Timer.Kind.ARM_EXPIRY, Timer.Kind.DRAIN_BOUND, Timer.Kind.PAUSE_BOUND)) {
            actions.add(new CancelTimer(Timer.of(kind)));
        }
        actions.add(retransmit(plan, 0, nowNs));
        if (!next.returned) {
            actions.add(new SetTimer(
                    Timer.of(Timer.Kind.RETURN_BOUND), nowNs + plan.timing().markerBoundNs()));
        }
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
        return new Step<>(next, actions);
    }

    private static void sendAborts(TakingBack s, List<HandoffAction> actions) {
        Signal abort = s.plan.signal(s.plan.source(), new Abort(s.reason));
        if (!s.burnt || !s.returned) {
            actions.add(new SendInOrder(s.plan.destination(), abort));
        }
        for (GatewayId gateway : inOrder(s.plan, s.armed)) {
            actions.add(new Send(gateway, abort));
        }
    }

    private static Step<State> takingBack(TakingBack s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case RETRANSMIT -> abortAgain(s, nowNs);
                    case RETURN_BOUND -> s.returned ? Step.of(s) : takenBack(s, true);
                    case GIVE_UP -> endBack(s, s.armed.size() + (s.burnt ? 0 : 1), new ArrayList<>(), nowNs);
                    default -> Step.of(s);
                };
            case PeerReachable(GatewayId gateway) -> abortAgain(s, nowNs);
            // the STOP that was under way when the move was aborted
            case GuestStopped(long atNs) -> Step.of(s.resuming(true), new ResumeGuest());
            case GuestResumed(long atNs) -> settle(s.resuming(false), new ArrayList<>());
            case GuestGone() -> settle(s.resuming(false), new ArrayList<>());
            case Forget() -> endBack(s, 0, new ArrayList<>(), nowNs);
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) ->
                switch (signal.body()) {
                    case AbortAck(long returned)
                    when fromDestination(plan, signal) -> settle(s.withBurnt(), new ArrayList<>());
                    case AbortAck(long returned) -> settle(s.without(signal.sender()), new ArrayList<>());
                    case ReturnEnd(long returned)
                    when fromDestination(plan, signal) -> s.returned ? Step.of(s) : takenBack(s, false);
                    case Failed(String reason)
                    when fromDestination(plan, signal) -> {
                        List<HandoffAction> actions = new ArrayList<>();
                        actions.add(
                                new SendInOrder(plan.destination(), plan.signal(plan.source(), new Abort(s.reason))));
                        yield settle(s.withBurnt(), actions);
                    }
                    // the epoch is burnt: whatever claims it is wrong
                    case Announce a
                    when signal.epoch().equals(plan.epoch()) -> Step.of(s, new Count(Counter.REFUSED, 1));
                    case EndMarker marker -> Step.of(s, new Count(Counter.REFUSED, 1));
                    default -> otherwise(s, event, Set.of(), pathOf(s), nowNs);
                };
            case TableSaysBinding(GatewayId gateway, var epoch)
            when epoch.equals(plan.epoch()) -> Step.of(s, new Count(Counter.REFUSED, 1));
            default -> otherwise(s, event, Set.of(), pathOf(s), nowNs);
        };
    }

    private static Path pathOf(TakingBack s) {
        return s.returned ? Path.LIVE : Path.TAKEN_BACK;
    }

    private static Step<State> abortAgain(TakingBack s, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        sendAborts(s, actions);
        actions.add(new Count(Counter.RETRANSMITTED, actions.size()));
        if (s.resuming) {
            actions.add(new ResumeGuest());
        }
        actions.add(retransmit(s.plan, s.attempt + 1, nowNs));
        return new Step<>(s.next(), actions);
    }

    private static Step<State> takenBack(TakingBack s, boolean missed) {
        List<HandoffAction> actions = new ArrayList<>();
        if (missed) {
            actions.add(new Count(Counter.RETURN_MISSED, 1));
        }
        actions.add(new DeliverLive());
        actions.add(new CancelTimer(Timer.of(Timer.Kind.RETURN_BOUND)));
        return settle(s.withReturned(), actions);
    }

    private static Step<State> settle(TakingBack s, List<HandoffAction> actions) {
        return s.burnt && s.returned && !s.resuming && s.armed.isEmpty() ? ended(s, actions) : new Step<>(s, actions);
    }

    private static Step<State> endBack(TakingBack s, int unanswered, List<HandoffAction> actions, long nowNs) {
        if (s.resuming) { // a guest that stays stopped is not over
            return Step.of(
                    s,
                    new ResumeGuest(),
                    new SetTimer(
                            Timer.of(Timer.Kind.GIVE_UP),
                            nowNs + s.plan.timing().quietNs()));
        }
        if (!s.returned) {
            actions.add(new Count(Counter.RETURN_MISSED, 1));
            actions.add(new DeliverLive());
        }
        if (unanswered > 0) {
            actions.add(new Count(Counter.UNANSWERED, unanswered));
        }
        return ended(s, actions);
    }

    private static Step<State> ended(TakingBack s, List<HandoffAction> actions) {
        actions.add(new DeleteState(s.plan.vm(), s.plan.epoch()));
        actions.add(new Report(Phase.ABORTED, "abort", s.reason));
        actions.add(journal(s.plan, Stage.ENDED));
        actions.add(new Finished());
        return new Step<>(new RolledBack(s.plan), actions);
    }

    // the guest has gone

    private static Step<State> drain(HandoffPlan plan, Binding now, Set<GatewayId> unmarked, Path path, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(journal(plan, Stage.MOVED));
        if (path != Path.REDIRECTED) {
            actions.add(new RedirectOn(now.gateway(), now.epoch()));
        }
        actions.add(new InstallRoute(now));
        actions.add(new ForwardLate(now.gateway(), now.epoch()));
        actions.add(new QuitGuest());
        actions.add(new Report(Phase.DRAINING, "drain", now.toString()));
        for (Timer.Kind kind : List.of(Timer.Kind.ARM_EXPIRY, Timer.Kind.DRAIN_BOUND, Timer.Kind.PAUSE_BOUND)) {
            actions.add(new CancelTimer(Timer.of(kind)));
        }
        actions.add(retransmit(plan, 0, nowNs));
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.QUIET), nowNs + plan.timing().quietNs()));
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
        Set<GatewayId> unflipped = new HashSet<>(plan.correspondents());
        if (plan.strict()) {
            unflipped.add(plan.destination());
        }
        return new Step<>(new Draining(plan, now, unmarked, Set.copyOf(unflipped), false, false, nowNs, 0), actions);
    }

    private static Step<State> draining(Draining s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case GuestGone() -> Step.of(s.gone());
            case GuestResumed(long atNs) ->
                Step.of(s, new StopGuest(), new QuitGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case Quiet(long lastForwardedNs) -> quiet(s, lastForwardedNs, nowNs);
            case Forget() -> s.guestGone ? release(s, 0) : Step.of(s, new QuitGuest());
            case PeerReachable(GatewayId gateway) when s.unmarked.contains(gateway) -> remark(s, nowNs);
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case RETRANSMIT -> remark(s, nowNs);
                    case QUIET -> Step.of(s, new CheckQuiet());
                    case GIVE_UP ->
                        s.guestGone
                                ? release(s, s.unflipped.size())
                                : Step.of(
                                        s,
                                        new QuitGuest(),
                                        new SetTimer(
                                                timer, nowNs + plan.timing().quietNs()));
                    default -> Step.of(s);
                };
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof EndMarkerAck(GatewayId o, Direction d) ->
                Step.of(s.unmarked(without(s.unmarked, signal.sender()), s.attempt));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof EndMarker(GatewayId origin, Direction d) ->
                d == Direction.OUTBOUND
                        ? Step.of(s, new ReleaseOutbound(plan.destination()))
                        : Step.of(s.flipped(origin), new SendInOrder(s.now.gateway(), signal));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof Signal.Claim ->
                Step.of(s, new Send(signal.sender(), plan.signal(plan.source(), new AnnounceAck())));
            case SignalReceived(Signal signal, GatewayId from) ->
                signal.proves().map(b -> newer(s, b, false, signal)).orElse(Step.of(s));
            case TableSaysBinding(GatewayId gateway, var epoch) ->
                newer(s, new Binding(plan.vm(), gateway, epoch), true, null);
            default -> Step.of(s);
        };
    }

    private static Step<State> newer(
            Draining s, Binding binding, boolean table, @org.jspecify.annotations.Nullable Signal announced) {
        List<HandoffAction> actions = new ArrayList<>();
        int age = binding.epoch().compareTo(s.now.epoch());
        if (age < 0) {
            return Step.of(s);
        }
        if (age == 0 && !binding.equals(s.now)) {
            return Step.of(s, new Count(Counter.REFUSED, 1));
        }
        if (announced != null && announced.body() instanceof Announce) {
            actions.add(new Send(
                    announced.sender(),
                    new Signal(
                            announced.migration(),
                            announced.vm(),
                            announced.epoch(),
                            s.plan.source(),
                            new AnnounceAck())));
        }
        Draining next = new Draining(
                s.plan, binding, s.unmarked, s.unflipped, s.tableAgrees || table, s.guestGone, s.sinceNs, s.attempt);
        if (age > 0) {
            if (binding.gateway().equals(s.plan.source())) {
                // the VM has come back under a later handoff, whose state here is none of ours
                return new Step<>(next, actions);
            }
            actions.add(new InstallRoute(binding));
            actions.add(new ForwardLate(binding.gateway(), binding.epoch()));
        }
        return new Step<>(next, actions);
    }

    private static Step<State> remark(Draining s, long nowNs) {
        if (s.unmarked.isEmpty()) {
            return Step.of(s);
        }
        List<HandoffAction> actions = new ArrayList<>();
        sendOutboundMarkers(s.plan, s.unmarked, actions);
        actions.add(new Count(Counter.RETRANSMITTED, s.unmarked.size()));
        actions.add(retransmit(s.plan, s.attempt + 1, nowNs));
        return new Step<>(s.unmarked(s.unmarked, s.attempt + 1), actions);
    }

    private static Step<State> quiet(Draining s, long lastForwardedNs, long nowNs) {
        long quietNs = s.plan.timing().quietNs();
        long quietAtNs = Math.max(lastForwardedNs, s.sinceNs) + quietNs;
        if (nowNs >= quietAtNs && s.guestGone && (s.unflipped.isEmpty() || s.tableAgrees)) {
            return release(s, 0);
        }
        List<HandoffAction> actions = new ArrayList<>();
        if (!s.guestGone) {
            actions.add(new QuitGuest());
        }
        actions.add(new SetTimer(Timer.of(Timer.Kind.QUIET), Math.max(quietAtNs, nowNs + quietNs / 4)));
        return new Step<>(s, actions);
    }

    private static Step<State> release(Draining s, int unanswered) {
        List<HandoffAction> actions = new ArrayList<>();
        if (unanswered > 0) {
            actions.add(new Count(Counter.UNANSWERED, unanswered));
        }
        actions.add(new ReleaseOutbound(s.plan.destination()));
        actions.add(new DeleteState(s.plan.vm(), s.plan.previous()));
        if (!s.now.gateway().equals(s.plan.source())) {
            actions.add(new Tombstone(s.now));
        }
        actions.add(new Report(Phase.RELEASED, "release", ""));
        actions.add(journal(s.plan, Stage.ENDED));
        actions.add(new Finished());
        return new Step<>(new Released(s.plan, s.now), actions);
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
    private static Step<State> otherwise(
            State s, HandoffEvent.AtSource event, Set<GatewayId> unmarked, Path path, long nowNs) {
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
        Step<State> moved = drain(plan, binding, unmarked, path, nowNs);
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
        Step<State> back = takeBack(s.plan(), "decided by the controller", path, true, true, nowNs);
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(new InstallRoute(binding));
        actions.addAll(back.actions());
        return new Step<>(back.state(), actions);
    }

    private static boolean isOf(HandoffPlan plan, Signal signal) {
        return signal.migration().equals(plan.migration()) && signal.epoch().equals(plan.epoch());
    }

    private static boolean fromDestination(HandoffPlan plan, Signal signal) {
        return signal.sender().equals(plan.destination());
    }

    private static Journal journal(HandoffPlan plan, Stage stage) {
        return new Journal(new JournalRecord(Role.SOURCE, stage, plan));
    }

    private static SetTimer retransmit(HandoffPlan plan, int attempt, long nowNs) {
        return Gateways.retransmit(plan, attempt, nowNs);
    }

    private static Set<GatewayId> without(Set<GatewayId> gateways, GatewayId gone) {
        return Gateways.without(gateways, gone);
    }

    private static List<GatewayId> inOrder(HandoffPlan plan, Set<GatewayId> gateways) {
        return Gateways.inOrder(plan, gateways);
    }
}
