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
import java.util.OptionalLong;
import java.util.Set;

/**
 * The handoff at the gateway that the VM comes to.
 *
 * <p>What must hold: once D has burnt the epoch the guest neither runs here nor will, and D says so only then; once D
 * has told the hypervisor to continue, D never burns unless the guest is known not to have run. So S may believe either
 * answer.
 */
public final class DestinationHandoff {
    private DestinationHandoff() {}

    public sealed interface State {
        HandoffPlan plan();
    }

    /**
     * The binding is inactive; what comes is buffered.
     *
     * @param sourceStopped the outbound end marker has come: the guest is stopped at S and nothing of it follows
     */
    public record Armed(HandoffPlan plan, boolean sourceStopped) implements State {}

    /** The hypervisor has been told to continue: no way back from here. */
    public record Continuing(HandoffPlan plan, boolean sourceStopped, int attempt) implements State {}

    /** The VM was seen here, although it is bound elsewhere and no move was armed: S, or the table, must agree. */
    public record Claiming(HandoffPlan plan, int attempt) implements State {}

    /** A restarted gateway, which does not know yet whether the guest runs. */
    public record Finding(HandoffPlan plan) implements State {}

    /**
     * The guest runs here.
     *
     * @param unacked who has not acknowledged the announcement
     * @param held gateways whose direct packets wait for their inbound end marker; D itself stands for its own LAN
     * @param outboundHeld what the guest sends to D's own LAN waits for S's outbound end marker
     */
    public record Active(
            HandoffPlan plan, Set<GatewayId> unacked, Set<GatewayId> held, boolean outboundHeld, int attempt)
            implements State {}

    /**
     * The guest will not run here. Over when it is gone, S has asked, and the buffer has gone back.
     *
     * @param returned how many packets went back; empty before
     */
    public record Burning(
            HandoffPlan plan, String reason, boolean guestGone, boolean asked, OptionalLong returned, int attempt)
            implements State {}

    /** Over: the VM is here. */
    public record Settled(HandoffPlan plan) implements State {}

    /** Over: the VM never came. */
    public record Burnt(HandoffPlan plan, long returned) implements State {}

    /** A new handoff, before anything has happened; the incoming QEMU waits for its stream. */
    public static Step<State> arm(HandoffPlan plan, long nowNs) {
        return Step.of(
                new Armed(plan, false),
                journal(plan, Stage.ARMED),
                new StartBuffering(plan.epoch(), plan.timing().bufferBytes()),
                new Report(Phase.ARMED, "arm", "destination"),
                new SetTimer(
                        Timer.of(Timer.Kind.ARM_EXPIRY), nowNs + plan.timing().armExpiryNs()));
    }

    /**
     * The VM was moved behind our back: a frame with its registered MAC and address came out of a port here. Nothing is
     * journalled; after a restart it will be seen again.
     *
     * @param plan with a fresh migration id and the next epoch, from the controller, or the known one's successor
     */
    public static Step<State> claim(HandoffPlan plan, long nowNs) {
        return Step.of(
                new Claiming(plan, 0),
                new StartBuffering(plan.epoch(), plan.timing().bufferBytes()),
                new Send(plan.source(), claimSignal(plan)),
                new Report(Phase.ARMED, "claim", "seen at " + plan.destination()),
                Gateways.retransmit(plan, 0, nowNs),
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
    }

    private static Signal claimSignal(HandoffPlan plan) {
        return plan.signal(plan.destination(), new Signal.Claim(plan.previous(), plan.ordering()));
    }

    private static Step<State> claiming(Claiming s, HandoffEvent.AtDestination event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.sender().equals(plan.source()) ->
                switch (signal.body()) {
                    case AnnounceAck() -> activate(plan, "claim", true, false, nowNs);
                    case Abort(String reason) -> refused(s, reason);
                    default -> otherClaim(s, event);
                };
            // S is lost, and the controller has decided
            case TableSaysBinding(GatewayId gateway, var epoch)
            when plan.after().equals(new Binding(plan.vm(), gateway, epoch)) ->
                activate(plan, "claim", true, false, nowNs);
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.RETRANSMIT -> claimAgain(s, nowNs);
            case PeerReachable(GatewayId gateway) when gateway.equals(plan.source()) -> claimAgain(s, nowNs);
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.GIVE_UP -> refused(s, "nobody agreed");
            case GuestGone() -> refused(s, "the guest ended");
            case AbortRequested(String reason) -> refused(s, reason);
            case Forget() -> refused(s, "forgotten");
            default -> otherClaim(s, event);
        };
    }

    private static Step<State> claimAgain(Claiming s, long nowNs) {
        return Step.of(
                new Claiming(s.plan, s.attempt + 1),
                new Send(s.plan.source(), claimSignal(s.plan)),
                new Count(Counter.RETRANSMITTED, 1),
                Gateways.retransmit(s.plan, s.attempt + 1, nowNs));
    }

    private static Step<State> otherClaim(Claiming s, HandoffEvent.AtDestination event) {
        return claim(s.plan, event)
                .filter(b -> b.epoch().compareTo(s.plan.epoch()) >= 0)
                .map(b -> refused(s, "the VM is bound as " + b))
                .orElse(Step.of(s));
    }

    /** Whatever was seen, it is left alone: a claim has no right to end a QEMU. */
    private static Step<State> refused(Claiming s, String reason) {
        return Step.of(
                new Burnt(s.plan, 0),
                new Count(Counter.REFUSED, 1),
                new DropBuffer(),
                new DeleteState(s.plan.vm(), s.plan.epoch()),
                new Report(Phase.ABORTED, "claim-refused", reason),
                new Finished());
    }

    /**
     * After a restart of the gateway; its buffer and its carrier are gone with it.
     *
     * <pre>
     *   ARMED       Finding  the stream died with the carrier, unless the guest was continued by QEMU itself
     *   CONTINUING  Finding
     *   ACTIVE      Active   announces again
     *   BURNT       Burning
     *   ENDED       (empty)
     * </pre>
     *
     * In Finding the gateway must report GuestResumed, IncomingFailed (found, but not running) or GuestGone.
     */
    public static Optional<Step<State>> recover(JournalRecord last, long nowNs) {
        HandoffPlan plan = last.plan();
        return switch (last.stage()) {
            case ARMED, CONTINUING ->
                Optional.of(Step.of(
                        new Finding(plan),
                        new StartBuffering(plan.epoch(), plan.timing().bufferBytes())));
            case ACTIVE -> Optional.of(activate(plan, "restart", true, true, nowNs));
            case BURNT -> Optional.of(burn(plan, "destination gateway restarted", false, false, nowNs));
            default -> Optional.empty();
        };
    }

    public static Step<State> apply(State state, HandoffEvent.AtDestination event, long nowNs) {
        return switch (state) {
            case Armed s -> armed(s, event, nowNs);
            case Continuing s -> continuing(s, event, nowNs);
            case Claiming s -> claiming(s, event, nowNs);
            case Finding s -> finding(s, event, nowNs);
            case Active s -> active(s, event, nowNs);
            case Burning s -> burning(s, event, nowNs);
            case Settled s -> settled(s, event);
            case Burnt s -> burnt(s, event);
        };
    }

    // before the guest may run here

    private static Step<State> armed(Armed s, HandoffEvent.AtDestination event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case IncomingComplete() ->
                Step.of(
                        new Continuing(plan, s.sourceStopped, 0),
                        journal(plan, Stage.CONTINUING),
                        new ContinueGuest(),
                        new Report(Phase.PAUSED, "last-page", ""),
                        new CancelTimer(Timer.of(Timer.Kind.ARM_EXPIRY)),
                        Gateways.retransmit(plan, 0, nowNs));
            // QEMU continued it by itself: nobody held it back at S
            case GuestResumed(long atNs) -> activate(plan, "resume", s.sourceStopped, false, nowNs);
            case Rarp() -> sign(s, "rarp", nowNs);
            case FirstFrame() -> sign(s, "first-frame", nowNs);
            case IncomingFailed(String reason) -> burn(plan, reason, false, false, nowNs);
            case GuestGone() -> burn(plan, "the incoming QEMU ended", true, false, nowNs);
            case AbortRequested(String reason) -> burn(plan, reason, false, false, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.ARM_EXPIRY -> burn(plan, "the move took too long", false, false, nowNs);
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) ->
                switch (signal.body()) {
                    case EndMarker(GatewayId origin, Direction direction)
                    when direction == Direction.OUTBOUND ->
                        Step.of(new Armed(plan, true), ackMarker(plan, origin, direction));
                    case Abort(String reason) -> burn(plan, reason, false, true, nowNs);
                    default -> Step.of(s);
                };
            default -> fenced(s, event, nowNs);
        };
    }

    /** A frame from the guest proves that it runs here, but only if it can have arrived: anyone may forge one. */
    private static Step<State> sign(Armed s, String trigger, long nowNs) {
        return s.sourceStopped
                ? activate(s.plan, trigger, true, false, nowNs)
                : Step.of(s, new Count(Counter.EARLY_SIGN, 1));
    }

    private static Step<State> continuing(Continuing s, HandoffEvent.AtDestination event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case GuestResumed(long atNs) -> activate(plan, "resume", s.sourceStopped, false, nowNs);
            case Rarp() -> activate(plan, "rarp", s.sourceStopped, false, nowNs);
            case FirstFrame() -> activate(plan, "first-frame", s.sourceStopped, false, nowNs);
            // nothing it did has left this gateway, and S still has it
            case GuestGone() -> burn(plan, "the guest ended before it was seen to run", true, false, nowNs);
            case IncomingFailed(String reason) -> burn(plan, reason, false, false, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.RETRANSMIT ->
                Step.of(
                        new Continuing(plan, s.sourceStopped, s.attempt + 1),
                        new ContinueGuest(),
                        Gateways.retransmit(plan, s.attempt + 1, nowNs));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof EndMarker(GatewayId origin, Direction direction) ->
                direction == Direction.OUTBOUND
                        ? Step.of(new Continuing(plan, true, s.attempt), ackMarker(plan, origin, direction))
                        : Step.of(s);
            default -> fenced(s, event, nowNs);
        };
    }

    private static Step<State> finding(Finding s, HandoffEvent.AtDestination event, long nowNs) {
        return switch (event) {
            case GuestResumed(long atNs) -> activate(s.plan, "found-running", true, true, nowNs);
            // the hypervisor is being asked; a frame proves less than its answer
            case Rarp() -> Step.of(s, new Count(Counter.EARLY_SIGN, 1));
            case FirstFrame() -> Step.of(s, new Count(Counter.EARLY_SIGN, 1));
            case IncomingFailed(String reason) -> burn(s.plan, reason, false, false, nowNs);
            case GuestGone() -> burn(s.plan, "the incoming QEMU ended", true, false, nowNs);
            default -> fenced(s, event, nowNs);
        };
    }

    /** Somebody else holds a higher epoch: this one can only burn. */
    private static Step<State> fenced(State s, HandoffEvent.AtDestination event, long nowNs) {
        return claim(s.plan(), event)
                .filter(b -> b.epoch().isAfter(s.plan().epoch()))
                .map(b -> burn(s.plan(), "the VM is bound as " + b, false, false, nowNs))
                .orElse(Step.of(s));
    }

    // the guest runs here

    /**
     * @param sourceStopped the outbound end marker has come
     * @param recovered after a restart: what was to be held is lost or delivered, so nothing is held any more
     */
    private static Step<State> activate(
            HandoffPlan plan, String trigger, boolean sourceStopped, boolean recovered, long nowNs) {
        GatewayId self = plan.destination();
        long boundBytes = plan.timing().bufferBytes();
        Set<GatewayId> unacked = new HashSet<>(plan.correspondents());
        unacked.add(plan.source());
        Set<GatewayId> held = new HashSet<>();
        if (plan.strict() && !recovered) {
            held.addAll(plan.correspondents());
            held.add(self);
        }
        boolean outboundHeld = plan.strict() && !recovered && !sourceStopped;
        Active next = new Active(plan, Set.copyOf(unacked), Set.copyOf(held), outboundHeld, 0);

        List<HandoffAction> actions = new ArrayList<>();
        actions.add(journal(plan, Stage.ACTIVE));
        sendAnnouncements(next, actions);
        for (GatewayId gateway : Gateways.inOrder(plan, held)) {
            actions.add(new HoldFrom(gateway, boundBytes));
        }
        sendOwnMarker(next, actions); // the last packet that took D's old route to S is before it, none after
        actions.add(new InstallRoute(plan.after()));
        if (outboundHeld) {
            actions.add(new HoldOutbound(self, plan.epoch(), boundBytes));
            actions.add(markerBound(plan, plan.source(), nowNs));
        }
        actions.add(new FlushBuffer());
        actions.add(new DeliverLive());
        actions.add(new RefreshNeighbours());
        actions.add(new Report(Phase.ACTIVATED, "activate", trigger));
        actions.add(new CancelTimer(Timer.of(Timer.Kind.ARM_EXPIRY)));
        if (held.contains(self)) {
            actions.add(markerBound(plan, self, nowNs));
        }
        actions.add(Gateways.retransmit(plan, 0, nowNs));
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
        return new Step<>(next, actions);
    }

    private static void sendAnnouncements(Active s, List<HandoffAction> actions) {
        HandoffPlan plan = s.plan;
        Signal announce = announce(plan);
        for (GatewayId gateway : Gateways.inOrder(plan, s.unacked)) {
            actions.add(new Send(gateway, announce));
        }
    }

    private static void sendOwnMarker(Active s, List<HandoffAction> actions) {
        GatewayId self = s.plan.destination();
        if (s.held.contains(self)) {
            actions.add(new SendInOrder(s.plan.source(), s.plan.signal(self, new EndMarker(self, Direction.INBOUND))));
        }
    }

    private static Step<State> active(Active s, HandoffEvent.AtDestination event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case HoldStarted(GatewayId gateway)
            when s.held.contains(gateway) -> Step.of(s, markerBound(plan, gateway, nowNs));
            case PeerReachable(GatewayId gateway) when s.unacked.contains(gateway) -> announceAgain(s, nowNs);
            case Forget() -> settle(s, 0, new ArrayList<>());
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case RETRANSMIT -> announceAgain(s, nowNs);
                    case MARKER_BOUND ->
                        timer.gateway().map(gateway -> markerMissed(s, gateway)).orElse(Step.of(s));
                    case GIVE_UP -> settle(s, s.unacked.size(), new ArrayList<>());
                    default -> Step.of(s);
                };
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) ->
                switch (signal.body()) {
                    case AnnounceAck() -> acked(s, signal.sender(), nowNs);
                    case EndMarker(GatewayId origin, Direction direction) -> marked(s, origin, direction);
                    case Abort a -> Step.of(s, new Send(plan.source(), announce(plan)));
                    default -> Step.of(s);
                };
            default ->
                claim(plan, event)
                        .filter(b -> b.epoch().isAfter(plan.epoch()))
                        .map(b -> movedOn(s, b))
                        .orElse(Step.of(s));
        };
    }

    private static Step<State> announceAgain(Active s, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        sendAnnouncements(s, actions);
        sendOwnMarker(s, actions);
        if (actions.isEmpty()) {
            return Step.of(s);
        }
        actions.add(new Count(Counter.RETRANSMITTED, actions.size()));
        actions.add(Gateways.retransmit(s.plan, s.attempt + 1, nowNs));
        return new Step<>(new Active(s.plan, s.unacked, s.held, s.outboundHeld, s.attempt + 1), actions);
    }

    private static Step<State> acked(Active s, GatewayId gateway, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        if (s.unacked.contains(gateway) && s.held.contains(gateway)) {
            actions.add(markerBound(s.plan, gateway, nowNs)); // it flipped before it answered
        }
        return settleIfDone(
                new Active(s.plan, Gateways.without(s.unacked, gateway), s.held, s.outboundHeld, s.attempt), actions);
    }

    private static Step<State> marked(Active s, GatewayId origin, Direction direction) {
        List<HandoffAction> actions = new ArrayList<>();
        if (!origin.equals(s.plan.destination())) {
            actions.add(ackMarker(s.plan, origin, direction));
        }
        if (direction == Direction.OUTBOUND) {
            return s.outboundHeld ? releaseOutbound(s, actions) : new Step<>(s, actions);
        }
        return s.held.contains(origin) ? releaseHold(s, origin, actions) : new Step<>(s, actions);
    }

    private static Step<State> markerMissed(Active s, GatewayId gateway) {
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(new Count(Counter.MARKER_MISSED, 1));
        if (gateway.equals(s.plan.source()) && s.outboundHeld) {
            actions.add(ackMarker(s.plan, gateway, Direction.OUTBOUND));
            return releaseOutbound(s, actions);
        }
        if (s.held.contains(gateway)) {
            if (!gateway.equals(s.plan.destination())) {
                actions.add(ackMarker(s.plan, gateway, Direction.INBOUND));
            }
            return releaseHold(s, gateway, actions);
        }
        return Step.of(s);
    }

    private static Step<State> releaseHold(Active s, GatewayId gateway, List<HandoffAction> actions) {
        actions.add(new ReleaseHold(gateway));
        actions.add(new CancelTimer(Timer.markerBound(gateway)));
        return settleIfDone(
                new Active(s.plan, s.unacked, Gateways.without(s.held, gateway), s.outboundHeld, s.attempt), actions);
    }

    private static Step<State> releaseOutbound(Active s, List<HandoffAction> actions) {
        actions.add(new ReleaseOutbound(s.plan.destination()));
        actions.add(new CancelTimer(Timer.markerBound(s.plan.source())));
        return settleIfDone(new Active(s.plan, s.unacked, s.held, false, s.attempt), actions);
    }

    private static Step<State> settleIfDone(Active s, List<HandoffAction> actions) {
        return s.unacked.isEmpty() && s.held.isEmpty() && !s.outboundHeld
                ? settle(s, 0, actions)
                : new Step<>(s, actions);
    }

    private static Step<State> settle(Active s, int unanswered, List<HandoffAction> actions) {
        if (unanswered > 0) {
            actions.add(new Count(Counter.UNANSWERED, unanswered));
        }
        for (GatewayId gateway : Gateways.inOrder(s.plan, s.held)) {
            actions.add(new ReleaseHold(gateway));
        }
        if (s.outboundHeld) {
            actions.add(new ReleaseOutbound(s.plan.destination()));
        }
        actions.add(new Report(Phase.RELEASED, "settled", ""));
        actions.add(journal(s.plan, Stage.ENDED));
        actions.add(new Finished());
        return new Step<>(new Settled(s.plan), actions);
    }

    /** The VM has left for elsewhere already, or D was fenced; either way this migration's guest must not run here. */
    private static Step<State> movedOn(Active s, Binding now) {
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(new InstallRoute(now));
        actions.add(new QuitGuest());
        return settle(s, 0, actions);
    }

    // the guest will not run here

    private static Step<State> burn(HandoffPlan plan, String reason, boolean guestGone, boolean asked, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(journal(plan, Stage.BURNT));
        if (!guestGone) {
            actions.add(new QuitGuest());
        }
        if (asked) {
            actions.add(new ReturnBuffer(plan.source(), plan.epoch()));
        } else if (guestGone) {
            actions.add(new Send(plan.source(), plan.signal(plan.destination(), new Failed(reason))));
        }
        actions.add(new CancelTimer(Timer.of(Timer.Kind.ARM_EXPIRY)));
        actions.add(Gateways.retransmit(plan, 0, nowNs));
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
        return new Step<>(new Burning(plan, reason, guestGone, asked, OptionalLong.empty(), 0), actions);
    }

    private static Step<State> burning(Burning s, HandoffEvent.AtDestination event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case GuestGone() -> {
                if (s.guestGone) {
                    yield Step.of(s);
                }
                Burning next = new Burning(plan, s.reason, true, s.asked, s.returned, s.attempt);
                List<HandoffAction> actions = new ArrayList<>();
                if (!s.asked) {
                    actions.add(new Send(plan.source(), plan.signal(plan.destination(), new Failed(s.reason))));
                }
                yield burntIfDone(next, actions);
            }
            case GuestResumed(long atNs) -> Step.of(s, new QuitGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case BufferReturned(long packets)
            when s.returned.isEmpty() -> {
                List<HandoffAction> actions = new ArrayList<>();
                actions.add(new SendInOrder(plan.source(), plan.signal(plan.destination(), new ReturnEnd(packets))));
                yield burntIfDone(
                        new Burning(plan, s.reason, s.guestGone, true, OptionalLong.of(packets), s.attempt), actions);
            }
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof Abort ->
                s.asked
                        ? Step.of(s)
                        : Step.of(
                                new Burning(plan, s.reason, s.guestGone, true, s.returned, s.attempt),
                                new ReturnBuffer(plan.source(), plan.epoch()));
            case TimerFired(Timer timer) when timer.kind() == Timer.Kind.RETRANSMIT -> burnAgain(s, nowNs);
            case PeerReachable(GatewayId gateway) when gateway.equals(plan.source()) -> burnAgain(s, nowNs);
            case TimerFired(Timer timer)
            when timer.kind() == Timer.Kind.GIVE_UP -> {
                List<HandoffAction> actions = new ArrayList<>();
                actions.add(new Count(Counter.UNANSWERED, 1));
                yield s.guestGone
                        ? burnt(s, actions)
                        : Step.of(
                                s,
                                new QuitGuest(),
                                new SetTimer(timer, nowNs + plan.timing().giveUpNs()));
            }
            case Forget() -> s.guestGone ? burnt(s, new ArrayList<>()) : Step.of(s, new QuitGuest());
            default -> Step.of(s);
        };
    }

    private static Step<State> burnAgain(Burning s, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        if (!s.guestGone) {
            actions.add(new QuitGuest());
        } else if (!s.asked) {
            actions.add(new Send(s.plan.source(), s.plan.signal(s.plan.destination(), new Failed(s.reason))));
            actions.add(new Count(Counter.RETRANSMITTED, 1));
        }
        actions.add(Gateways.retransmit(s.plan, s.attempt + 1, nowNs));
        return new Step<>(new Burning(s.plan, s.reason, s.guestGone, s.asked, s.returned, s.attempt + 1), actions);
    }

    private static Step<State> burntIfDone(Burning s, List<HandoffAction> actions) {
        if (!s.guestGone || !s.asked || s.returned.isEmpty()) {
            return new Step<>(s, actions);
        }
        actions.add(
                new Send(s.plan.source(), s.plan.signal(s.plan.destination(), new AbortAck(s.returned.getAsLong()))));
        return burnt(s, actions);
    }

    private static Step<State> burnt(Burning s, List<HandoffAction> actions) {
        if (s.returned.isEmpty()) {
            actions.add(new DropBuffer());
        }
        actions.add(new DeleteState(s.plan.vm(), s.plan.epoch()));
        actions.add(new Report(Phase.ABORTED, "abort", s.reason));
        actions.add(journal(s.plan, Stage.ENDED));
        actions.add(new Finished());
        return new Step<>(new Burnt(s.plan, s.returned.orElse(0)), actions);
    }

    // it is over; only questions are answered

    private static Step<State> settled(Settled s, HandoffEvent.AtDestination event) {
        if (!(event instanceof SignalReceived(Signal signal, GatewayId from)) || !isOf(s.plan, signal)) {
            return Step.of(s);
        }
        return signal.body() instanceof Abort
                ? Step.of(s, new Send(s.plan.source(), announce(s.plan)))
                : new Step<>(s, Late.answer(signal, s.plan.destination(), Optional.of(s.plan.after())));
    }

    private static Step<State> burnt(Burnt s, HandoffEvent.AtDestination event) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof Abort ->
                Step.of(
                        s,
                        new SendInOrder(plan.source(), plan.signal(plan.destination(), new ReturnEnd(s.returned))),
                        new Send(plan.source(), plan.signal(plan.destination(), new AbortAck(s.returned))));
            // whatever it is that runs, nobody may hear of it
            case GuestResumed(long atNs) -> Step.of(s, new QuitGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case IncomingComplete() -> Step.of(s, new QuitGuest());
            default -> Step.of(s);
        };
    }

    private static Optional<Binding> claim(HandoffPlan plan, HandoffEvent.AtDestination event) {
        return switch (event) {
            case TableSaysBinding(GatewayId gateway, var epoch) ->
                Optional.of(new Binding(plan.vm(), gateway, epoch)).filter(b -> !gateway.equals(plan.destination()));
            case SignalReceived(Signal signal, GatewayId from) ->
                signal.proves().filter(b -> !b.gateway().equals(plan.destination()));
            default -> Optional.empty();
        };
    }

    private static boolean isOf(HandoffPlan plan, Signal signal) {
        return signal.migration().equals(plan.migration()) && signal.epoch().equals(plan.epoch());
    }

    private static Signal announce(HandoffPlan plan) {
        return plan.signal(plan.destination(), new Announce(plan.source(), plan.previous(), plan.ordering()));
    }

    private static Send ackMarker(HandoffPlan plan, GatewayId origin, Direction direction) {
        return new Send(origin, plan.signal(plan.destination(), new EndMarkerAck(origin, direction)));
    }

    private static SetTimer markerBound(HandoffPlan plan, GatewayId gateway, long nowNs) {
        return new SetTimer(Timer.markerBound(gateway), nowNs + plan.timing().markerBoundNs());
    }

    private static Journal journal(HandoffPlan plan, Stage stage) {
        return new Journal(new JournalRecord(Role.DESTINATION, stage, plan));
    }
}
