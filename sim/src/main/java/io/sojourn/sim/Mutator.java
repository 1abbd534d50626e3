// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/** Stands between the machines and who feeds them events and executes their actions, and plants a fault there. */
final class Mutator {
    private final Mutation mutation;

    Mutator(Mutation mutation) {
        this.mutation = mutation;
    }

    boolean is(Mutation which) {
        return mutation == which;
    }

    /** The event that the machine gets to see instead. */
    HandoffEvent event(Object state, HandoffEvent event) {
        return switch (mutation) {
            case RESUMED_ON_TIMEOUT ->
                state instanceof SourceHandoff.Asking s && s.attempt() >= 3 && isTimer(event, Timer.Kind.RETRANSMIT)
                        ? burnt(s.plan())
                        : event;
            case RESUMED_WITHOUT_ASKING ->
                state instanceof SourceHandoff.Paused s
                                && (event instanceof HandoffEvent.StreamFailed
                                        || event instanceof HandoffEvent.AbortRequested)
                        ? burnt(s.plan())
                        : event;
            case NOT_DRAINED -> event instanceof HandoffEvent.QueueNotDrained ? new HandoffEvent.QueueDrained() : event;
            case ANNOUNCED_ONCE -> once(state instanceof DestinationHandoff.Active, event);
            case ABORTED_ONCE ->
                once(state instanceof SourceHandoff.Asking || state instanceof SourceHandoff.TakingBack, event);
            case MARKED_ONCE -> once(state instanceof CorrespondentHandoff.Flipped, event);
            default -> event;
        };
    }

    private static HandoffEvent burnt(HandoffPlan plan) {
        Signal answer =
                new Signal(plan.migration(), plan.vm(), plan.epoch(), plan.destination(), new Signal.AbortAck(0));
        return new HandoffEvent.SignalReceived(answer, plan.destination());
    }

    private static HandoffEvent once(boolean here, HandoffEvent event) {
        boolean again = isTimer(event, Timer.Kind.RETRANSMIT) || event instanceof HandoffEvent.PeerReachable;
        return here && again ? new HandoffEvent.StreamDone() : event;
    }

    private static boolean isTimer(HandoffEvent event, Timer.Kind kind) {
        return event instanceof HandoffEvent.TimerFired(Timer timer) && timer.kind() == kind;
    }

    /** The step that is taken instead. */
    Step<?> mutate(Object before, HandoffEvent event, Step<?> step) {
        return switch (mutation) {
            case NO_INBOUND_MARKER -> without(step, a -> isMarker(a, Direction.INBOUND));
            case NO_OUTBOUND_MARKER -> without(step, a -> isMarker(a, Direction.OUTBOUND));
            case MARKER_OUT_OF_ORDER ->
                each(step, a -> isMarker(a, Direction.INBOUND) || isMarker(a, Direction.OUTBOUND) ? hurried(a) : a);
            case NO_INBOUND_HOLD -> without(step, HandoffAction.HoldFrom.class::isInstance);
            case NO_OUTBOUND_HOLD -> without(step, HandoffAction.HoldOutbound.class::isInstance);
            case HOLD_KEPT -> without(step, HandoffAction.ReleaseHold.class::isInstance);
            case BUFFER_LOST ->
                each(step, a -> a instanceof HandoffAction.FlushBuffer ? new HandoffAction.DropBuffer() : a);
            case ACTIVATED_BEFORE_PAUSE ->
                step.state() instanceof DestinationHandoff.Armed s
                        ? new Step<>(new DestinationHandoff.Armed(s.plan(), true), step.actions())
                        : step;
            case ANNOUNCED_BEFORE_RUN ->
                before instanceof DestinationHandoff.Armed s && step.state() instanceof DestinationHandoff.Continuing
                        ? with(step, announce(s.plan()))
                        : step;
            case BURNT_BUT_CONTINUED -> acknowledged(before, event, step);
            case BUFFER_NOT_RETURNED ->
                each(
                        step,
                        a -> a instanceof HandoffAction.ReturnBuffer(var to, var epoch)
                                ? new HandoffAction.DropBuffer()
                                : a);
            case REDIRECT_LEFT_ON -> without(step, HandoffAction.RedirectOff.class::isInstance);
            case LIVE_BEFORE_RETURN ->
                step.state() instanceof SourceHandoff.TakingBack && !(before instanceof SourceHandoff.TakingBack)
                        ? with(step, new HandoffAction.DeliverLive())
                        : step;
            case ABORT_OUT_OF_ORDER -> each(step, a -> isAbort(a) ? hurried(a) : a);
            case QUIT_BEFORE_ANNOUNCE ->
                before instanceof SourceHandoff.Paused && event instanceof HandoffEvent.StreamDone
                        ? with(step, new HandoffAction.QuitGuest())
                        : step;
            case NOT_DRAINED ->
                each(
                        step,
                        a -> a instanceof HandoffAction.AwaitQueueDrained
                                ? new HandoffAction.AwaitQueueDrained(-1)
                                : a);
            case REDIRECTED_AFTER_STOP -> {
                if (step.state() instanceof SourceHandoff.Held) {
                    yield without(step, HandoffAction.RedirectOn.class::isInstance);
                }
                yield step.state() instanceof SourceHandoff.Paused s && before instanceof SourceHandoff.Stopping
                        ? with(
                                step,
                                new HandoffAction.RedirectOn(
                                        s.plan().destination(), s.plan().epoch()))
                        : step;
            }
            case NO_JOURNAL -> without(step, HandoffAction.Journal.class::isInstance);
            case RECOVERED_BY_RESUMING ->
                before instanceof SourceHandoff.Asking s
                                && s.guestUnknown()
                                && event instanceof HandoffEvent.GuestStopped
                        ? with(step, new HandoffAction.ResumeGuest())
                        : step;
            case SOURCE_NOT_QUIT ->
                step.state() instanceof SourceHandoff.Draining s
                        ? new Step<>(
                                new SourceHandoff.Draining(
                                        s.plan(),
                                        s.now(),
                                        s.unmarked(),
                                        s.unflipped(),
                                        s.tableAgrees(),
                                        true,
                                        s.sinceNs(),
                                        s.attempt()),
                                without(step, HandoffAction.QuitGuest.class::isInstance)
                                        .actions())
                        : step;
            case ABORT_ACKED_WHEN_ACTIVE ->
                before instanceof DestinationHandoff.Active s && isAbort(event)
                        ? new Step<>(s, List.of(answer(s.plan(), new Signal.AbortAck(0))))
                        : step;
            default -> step;
        };
    }

    private static Step<?> acknowledged(Object before, HandoffEvent event, Step<?> step) {
        return before instanceof DestinationHandoff.Armed s && isAbort(event)
                ? new Step<>(
                        s, List.of(answer(s.plan(), new Signal.AbortAck(0)), answer(s.plan(), new Signal.ReturnEnd(0))))
                : step;
    }

    private static HandoffAction answer(HandoffPlan plan, Signal.Body body) {
        return new HandoffAction.SendInOrder(
                plan.source(), new Signal(plan.migration(), plan.vm(), plan.epoch(), plan.destination(), body));
    }

    private static HandoffAction announce(HandoffPlan plan) {
        return answer(plan, new Signal.Announce(plan.source(), plan.previous(), plan.ordering()));
    }

    private static boolean isAbort(HandoffEvent event) {
        return event instanceof HandoffEvent.SignalReceived(Signal signal, var from)
                && signal.body() instanceof Signal.Abort;
    }

    private static boolean isAbort(HandoffAction action) {
        return action instanceof HandoffAction.SendInOrder(var to, Signal signal)
                && signal.body() instanceof Signal.Abort;
    }

    private static boolean isMarker(HandoffAction action, Direction direction) {
        return action instanceof HandoffAction.SendInOrder(var to, Signal signal)
                && signal.body() instanceof Signal.EndMarker(var origin, Direction d)
                && d == direction;
    }

    private static HandoffAction hurried(HandoffAction action) {
        return action instanceof HandoffAction.SendInOrder(var to, Signal signal)
                ? new HandoffAction.Send(to, signal)
                : action;
    }

    private static Step<?> without(Step<?> step, Predicate<HandoffAction> left) {
        return new Step<>(
                step.state(), step.actions().stream().filter(left.negate()).toList());
    }

    private static Step<?> each(Step<?> step, UnaryOperator<HandoffAction> change) {
        return new Step<>(step.state(), step.actions().stream().map(change).toList());
    }

    private static Step<?> with(Step<?> step, HandoffAction more) {
        List<HandoffAction> actions = new ArrayList<>(step.actions());
        actions.add(more);
        return new Step<>(step.state(), actions);
    }
}
