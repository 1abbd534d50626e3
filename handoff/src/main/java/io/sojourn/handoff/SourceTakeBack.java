// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static io.sojourn.handoff.SourceHandoff.fromDestination;
import static io.sojourn.handoff.SourceHandoff.inOrder;
import static io.sojourn.handoff.SourceHandoff.isOf;
import static io.sojourn.handoff.SourceHandoff.journal;
import static io.sojourn.handoff.SourceHandoff.otherwise;
import static io.sojourn.handoff.SourceHandoff.retransmit;

import io.sojourn.handoff.HandoffAction.*;
import io.sojourn.handoff.HandoffEvent.*;
import io.sojourn.handoff.JournalRecord.Stage;
import io.sojourn.handoff.Signal.Abort;
import io.sojourn.handoff.Signal.AbortAck;
import io.sojourn.handoff.Signal.Announce;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.Signal.EndMarker;
import io.sojourn.handoff.Signal.Failed;
import io.sojourn.handoff.Signal.ReturnEnd;
import io.sojourn.handoff.SourceHandoff.Asking;
import io.sojourn.handoff.SourceHandoff.Path;
import io.sojourn.handoff.SourceHandoff.RolledBack;
import io.sojourn.handoff.SourceHandoff.State;
import io.sojourn.handoff.SourceHandoff.TakingBack;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * How S gets the guest back: {@link SourceHandoff.Asking} until D has said that it will not run there, then {@link SourceHandoff.TakingBack} until
 * it runs here, what D had buffered is here again, and all who were armed know.
 */
final class SourceTakeBack {
    private SourceTakeBack() {}

    static Step<State> ask(HandoffPlan plan, String reason, boolean guestUnknown, long nowNs) {
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

    static Step<State> asking(Asking s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan();
        return switch (event) {
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.RETRANSMIT -> askAgain(s, nowNs);
            case PeerReachable(GatewayId gateway) when gateway.equals(plan.destination()) -> askAgain(s, nowNs);
            case GuestResumed(long atNs) ->
                s.guestUnknown() // it was never stopped, so nobody else can run it
                        ? tookBack(s, s.reason(), false, nowNs)
                        : Step.of(s, new StopGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case GuestStopped(long atNs) -> Step.of(new Asking(plan, s.reason(), false, s.returned(), s.attempt()));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal)
                    && signal.body() instanceof EndMarker(GatewayId o, Direction d)
                    && d == Direction.OUTBOUND -> Step.of(s, new ReleaseOutbound(plan.destination()));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && fromDestination(plan, signal) ->
                switch (signal.body()) {
                    case AbortAck(long returned) -> tookBack(s, s.reason(), true, nowNs);
                    case Failed(String reason) -> tookBack(s, reason, true, nowNs);
                    case ReturnEnd(long returned) ->
                        Step.of(new Asking(plan, s.reason(), s.guestUnknown(), true, s.attempt()));
                    default -> otherwise(s, event, Set.of(), Path.TAKEN_BACK, nowNs);
                };
            default -> otherwise(s, event, Set.of(), Path.TAKEN_BACK, nowNs);
        };
    }

    private static Step<State> askAgain(Asking s, long nowNs) {
        HandoffPlan plan = s.plan();
        return Step.of(
                new Asking(plan, s.reason(), s.guestUnknown(), s.returned(), s.attempt() + 1),
                new SendInOrder(plan.destination(), plan.signal(plan.source(), new Abort(s.reason()))),
                new Count(Counter.RETRANSMITTED, 1),
                retransmit(plan, s.attempt() + 1, nowNs));
    }

    /** The answer has come, while packets are kept here already. */
    private static Step<State> tookBack(Asking s, String reason, boolean burnt, long nowNs) {
        Step<State> back = takeBack(s.plan(), reason, Path.TAKEN_BACK, burnt, burnt, nowNs);
        if (!s.returned()) {
            return back;
        }
        Step<State> then = takenBack((TakingBack) back.state(), false);
        List<HandoffAction> both = new ArrayList<>(back.actions());
        both.addAll(then.actions());
        return new Step<>(then.state(), both);
    }

    /**
     * @param path D's buffer may have packets of ours, unless LIVE
     * @param burnt D has said so already
     * @param resume the guest may be stopped
     */
    static Step<State> takeBack(HandoffPlan plan, String reason, Path path, boolean burnt, boolean resume, long nowNs) {
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
        if (!next.returned()) {
            actions.add(new SetTimer(
                    Timer.of(Timer.Kind.RETURN_BOUND), nowNs + plan.timing().markerBoundNs()));
        }
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
        return new Step<>(next, actions);
    }

    private static void sendAborts(TakingBack s, List<HandoffAction> actions) {
        Signal abort = s.plan().signal(s.plan().source(), new Abort(s.reason()));
        if (!s.burnt() || !s.returned()) {
            actions.add(new SendInOrder(s.plan().destination(), abort));
        }
        for (GatewayId gateway : inOrder(s.plan(), s.armed())) {
            actions.add(new Send(gateway, abort));
        }
    }

    static Step<State> takingBack(TakingBack s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan();
        return switch (event) {
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case RETRANSMIT -> abortAgain(s, nowNs);
                    case RETURN_BOUND -> s.returned() ? Step.of(s) : takenBack(s, true);
                    case GIVE_UP -> endBack(s, s.armed().size() + (s.burnt() ? 0 : 1), new ArrayList<>(), nowNs);
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
                    when fromDestination(plan, signal) -> s.returned() ? Step.of(s) : takenBack(s, false);
                    case Failed(String reason)
                    when fromDestination(plan, signal) -> {
                        List<HandoffAction> actions = new ArrayList<>();
                        actions.add(
                                new SendInOrder(plan.destination(), plan.signal(plan.source(), new Abort(s.reason()))));
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
        return s.returned() ? Path.LIVE : Path.TAKEN_BACK;
    }

    private static Step<State> abortAgain(TakingBack s, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        sendAborts(s, actions);
        actions.add(new Count(Counter.RETRANSMITTED, actions.size()));
        if (s.resuming()) {
            actions.add(new ResumeGuest());
        }
        actions.add(retransmit(s.plan(), s.attempt() + 1, nowNs));
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
        return s.burnt() && s.returned() && !s.resuming() && s.armed().isEmpty()
                ? ended(s, actions)
                : new Step<>(s, actions);
    }

    private static Step<State> endBack(TakingBack s, int unanswered, List<HandoffAction> actions, long nowNs) {
        if (s.resuming()) { // a guest that stays stopped is not over
            return Step.of(
                    s,
                    new ResumeGuest(),
                    new SetTimer(
                            Timer.of(Timer.Kind.GIVE_UP),
                            nowNs + s.plan().timing().quietNs()));
        }
        if (!s.returned()) {
            actions.add(new Count(Counter.RETURN_MISSED, 1));
            actions.add(new DeliverLive());
        }
        if (unanswered > 0) {
            actions.add(new Count(Counter.UNANSWERED, unanswered));
        }
        return ended(s, actions);
    }

    private static Step<State> ended(TakingBack s, List<HandoffAction> actions) {
        actions.add(new DeleteState(s.plan().vm(), s.plan().epoch()));
        actions.add(new Report(Phase.ABORTED, "abort", s.reason()));
        actions.add(journal(s.plan(), Stage.ENDED));
        actions.add(new Finished());
        return new Step<>(new RolledBack(s.plan()), actions);
    }
}
