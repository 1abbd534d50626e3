// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.handoff.HandoffAction.*;
import io.sojourn.handoff.HandoffEvent.*;
import io.sojourn.handoff.Signal.Abort;
import io.sojourn.handoff.Signal.AbortAck;
import io.sojourn.handoff.Signal.Announce;
import io.sojourn.handoff.Signal.AnnounceAck;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.Signal.EndMarker;
import io.sojourn.handoff.Signal.EndMarkerAck;
import io.sojourn.handoff.Signal.Moved;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The handoff at a gateway that has hosts which talk to the VM. It decides nothing: it follows the highest epoch, ends
 * the old path with a marker when it leaves it, and keeps what comes on a new path until the old one has ended.
 *
 * <p>It keeps no journal: after a restart it learns the binding from the table, an announcement or a tombstone.
 */
public final class CorrespondentHandoff {
    private CorrespondentHandoff() {}

    public sealed interface State {
        HandoffPlan plan();

        GatewayId self();
    }

    /**
     * Packets go to S.
     *
     * @param outboundEnded S's outbound end marker has come
     */
    public record Armed(HandoffPlan plan, GatewayId self, boolean outboundEnded) implements State {}

    /**
     * Packets go straight to where the VM is.
     *
     * @param inboundPending our end marker has not been acknowledged
     * @param outboundHeld what the VM sends from D waits for S's outbound end marker
     */
    public record Flipped(
            HandoffPlan plan, GatewayId self, Binding now, boolean inboundPending, boolean outboundHeld, int attempt)
            implements State {}

    /** Over: the VM has moved. */
    public record Settled(HandoffPlan plan, GatewayId self, Binding now) implements State {}

    /** Over: the VM has not moved, as far as we were told. */
    public record Disarmed(HandoffPlan plan, GatewayId self) implements State {}

    /** A new handoff, before anything has happened. */
    public static Step<State> arm(HandoffPlan plan, GatewayId self, long nowNs) {
        List<HandoffAction> actions = new ArrayList<>();
        if (plan.strict()) {
            actions.add(new HoldOutbound(
                    plan.destination(), plan.epoch(), plan.timing().bufferBytes()));
        }
        actions.add(new Report(Phase.ARMED, "arm", "correspondent"));
        actions.add(new SetTimer(
                Timer.of(Timer.Kind.ARM_EXPIRY), nowNs + plan.timing().armExpiryNs()));
        return new Step<>(new Armed(plan, self, !plan.strict()), actions);
    }

    /**
     * A gateway that was never armed hears an announcement of an epoch above the one it knows: it flips as well. It must
     * only be called for an {@link Announce}.
     *
     * @param timing bounds on this gateway's paths
     */
    public static Step<State> unarmed(Signal announce, GatewayId self, Timing timing, long nowNs) {
        if (!(announce.body() instanceof Announce a)) {
            throw new IllegalArgumentException("only an announcement tells enough: " + announce);
        }
        HandoffPlan plan = new HandoffPlan(
                announce.migration(),
                announce.vm(),
                a.source(),
                announce.sender(),
                a.previous(),
                announce.epoch(),
                List.of(self),
                a.ordering(),
                timing);
        // S does not know us, so no outbound marker will come: nothing is held
        Armed unheld = new Armed(plan, self, true);
        return apply(unheld, new SignalReceived(announce, announce.sender()), nowNs);
    }

    public static Step<State> apply(State state, HandoffEvent.AtCorrespondent event, long nowNs) {
        return switch (state) {
            case Armed s -> armed(s, event, nowNs);
            case Flipped s -> flipped(s, event, nowNs);
            case Settled s -> settled(s, event);
            case Disarmed s -> disarmed(s, event);
        };
    }

    private static Step<State> armed(Armed s, HandoffEvent.AtCorrespondent event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case HoldStarted(GatewayId gateway) when !s.outboundEnded -> Step.of(s, markerBound(plan, nowNs));
            case Forget() -> disarm(s, List.of());
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case ARM_EXPIRY -> disarm(s, List.of());
                    case MARKER_BOUND ->
                        s.outboundEnded
                                ? Step.of(s)
                                : Step.of(
                                        new Armed(plan, s.self, true),
                                        new ReleaseOutbound(plan.destination()),
                                        new Count(Counter.MARKER_MISSED, 1),
                                        ackMarker(s));
                    default -> Step.of(s);
                };
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) ->
                switch (signal.body()) {
                    case EndMarker(GatewayId origin, Direction direction)
                    when direction == Direction.OUTBOUND ->
                        Step.of(
                                new Armed(plan, s.self, true),
                                new ReleaseOutbound(plan.destination()),
                                new CancelTimer(Timer.markerBound(plan.source())),
                                ackMarker(s));
                    case Abort a -> disarm(s, List.of(new Send(signal.sender(), plan.signal(s.self, new AbortAck(0)))));
                    default -> flipIfNewer(s, event, nowNs);
                };
            default -> flipIfNewer(s, event, nowNs);
        };
    }

    private static Step<State> disarm(Armed s, List<HandoffAction> last) {
        List<HandoffAction> actions = new ArrayList<>();
        actions.add(new ReleaseOutbound(s.plan.destination()));
        actions.add(new DeleteState(s.plan.vm(), s.plan.epoch()));
        actions.addAll(last);
        actions.add(new Report(Phase.ABORTED, "abort", "disarmed"));
        actions.add(new Finished());
        return new Step<>(new Disarmed(s.plan, s.self), actions);
    }

    /** The flip: the marker goes behind the last packet on the old path, the next packet takes the new one. */
    private static Step<State> flipIfNewer(Armed s, HandoffEvent.AtCorrespondent event, long nowNs) {
        HandoffPlan plan = s.plan;
        Optional<Binding> claim = claim(plan, event);
        if (claim.isEmpty() || claim.get().epoch().compareTo(plan.epoch()) < 0) {
            return Step.of(s);
        }
        Binding now = claim.get();
        if (now.epoch().equals(plan.epoch()) && !now.equals(plan.after())) {
            return Step.of(s, new Count(Counter.REFUSED, 1));
        }
        // whatever the ordering: S learns from it that nothing more will come
        Flipped next = new Flipped(plan, s.self, now, true, !s.outboundEnded, 0);
        List<HandoffAction> actions = new ArrayList<>();
        sendMarker(next, actions);
        actions.add(new InstallRoute(now));
        ackAnnounce(next, event, actions);
        actions.add(new Report(Phase.FLIPPED, "flip", now.toString()));
        actions.add(new CancelTimer(Timer.of(Timer.Kind.ARM_EXPIRY)));
        actions.add(Gateways.retransmit(plan, 0, nowNs));
        if (next.outboundHeld) {
            actions.add(markerBound(plan, nowNs));
        }
        actions.add(
                new SetTimer(Timer.of(Timer.Kind.GIVE_UP), nowNs + plan.timing().giveUpNs()));
        return settleIfDone(next, actions);
    }

    private static Step<State> flipped(Flipped s, HandoffEvent.AtCorrespondent event, long nowNs) {
        HandoffPlan plan = s.plan;
        return switch (event) {
            case PeerReachable(GatewayId gateway) when gateway.equals(plan.source()) -> markAgain(s, nowNs);
            case Forget() -> settle(s, 0, new ArrayList<>());
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case RETRANSMIT -> markAgain(s, nowNs);
                    case MARKER_BOUND -> {
                        if (!s.outboundHeld) {
                            yield Step.of(s);
                        }
                        List<HandoffAction> actions = new ArrayList<>();
                        actions.add(new Count(Counter.MARKER_MISSED, 1));
                        yield releaseOutbound(s, actions);
                    }
                    case GIVE_UP -> settle(s, 1, new ArrayList<>());
                    default -> Step.of(s);
                };
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) ->
                switch (signal.body()) {
                    case EndMarker(GatewayId origin, Direction direction)
                    when direction == Direction.OUTBOUND ->
                        s.outboundHeld ? releaseOutbound(s, new ArrayList<>()) : Step.of(s, ackMarker(s));
                    case EndMarkerAck(GatewayId origin, Direction direction)
                    when direction == Direction.INBOUND ->
                        settleIfDone(
                                new Flipped(plan, s.self, s.now, false, s.outboundHeld, s.attempt), new ArrayList<>());
                    case Abort a ->
                        Step.of(
                                s,
                                new Send(
                                        signal.sender(),
                                        plan.signal(s.self, new Moved(s.now.gateway(), s.now.epoch()))));
                    default -> newer(s, event);
                };
            default -> newer(s, event);
        };
    }

    private static Step<State> newer(Flipped s, HandoffEvent.AtCorrespondent event) {
        Optional<Binding> claim = claim(s.plan, event);
        if (claim.isEmpty() || claim.get().epoch().compareTo(s.now.epoch()) < 0) {
            return Step.of(s);
        }
        if (claim.get().epoch().equals(s.now.epoch()) && !claim.get().equals(s.now)) {
            return Step.of(s, new Count(Counter.REFUSED, 1));
        }
        List<HandoffAction> actions = new ArrayList<>();
        Flipped next = new Flipped(s.plan, s.self, claim.get(), s.inboundPending, s.outboundHeld, s.attempt);
        if (!next.now.equals(s.now)) {
            actions.add(new InstallRoute(next.now));
        }
        ackAnnounce(next, event, actions);
        return new Step<>(next, actions);
    }

    private static Step<State> markAgain(Flipped s, long nowNs) {
        if (!s.inboundPending) {
            return Step.of(s);
        }
        List<HandoffAction> actions = new ArrayList<>();
        sendMarker(s, actions);
        actions.add(new Count(Counter.RETRANSMITTED, 1));
        actions.add(Gateways.retransmit(s.plan, s.attempt + 1, nowNs));
        return new Step<>(new Flipped(s.plan, s.self, s.now, s.inboundPending, s.outboundHeld, s.attempt + 1), actions);
    }

    private static void sendMarker(Flipped s, List<HandoffAction> actions) {
        if (s.inboundPending) {
            actions.add(
                    new SendInOrder(s.plan.source(), s.plan.signal(s.self, new EndMarker(s.self, Direction.INBOUND))));
        }
    }

    private static Step<State> releaseOutbound(Flipped s, List<HandoffAction> actions) {
        actions.add(new ReleaseOutbound(s.plan.destination()));
        actions.add(new CancelTimer(Timer.markerBound(s.plan.source())));
        actions.add(ackMarker(s));
        return settleIfDone(new Flipped(s.plan, s.self, s.now, s.inboundPending, false, s.attempt), actions);
    }

    private static Step<State> settleIfDone(Flipped s, List<HandoffAction> actions) {
        return s.inboundPending || s.outboundHeld ? new Step<>(s, actions) : settle(s, 0, actions);
    }

    private static Step<State> settle(Flipped s, int unanswered, List<HandoffAction> actions) {
        if (unanswered > 0) {
            actions.add(new Count(Counter.UNANSWERED, unanswered));
        }
        if (s.outboundHeld) {
            actions.add(new ReleaseOutbound(s.plan.destination()));
        }
        actions.add(new Report(Phase.RELEASED, "settled", ""));
        actions.add(new Finished());
        return new Step<>(new Settled(s.plan, s.self, s.now), actions);
    }

    // it is over; only questions are answered

    private static Step<State> settled(Settled s, HandoffEvent.AtCorrespondent event) {
        return event instanceof SignalReceived(Signal signal, GatewayId from)
                ? new Step<>(s, Late.answer(signal, s.self, Optional.of(s.now)))
                : Step.of(s);
    }

    private static Step<State> disarmed(Disarmed s, HandoffEvent.AtCorrespondent event) {
        return event instanceof SignalReceived(Signal signal, GatewayId from)
                ? new Step<>(s, Late.answer(signal, s.self, Optional.of(s.plan.before())))
                : Step.of(s);
    }

    private static Optional<Binding> claim(HandoffPlan plan, HandoffEvent.AtCorrespondent event) {
        return switch (event) {
            case TableSaysBinding(GatewayId gateway, var epoch) -> Optional.of(new Binding(plan.vm(), gateway, epoch));
            case SignalReceived(Signal signal, GatewayId from) -> signal.proves();
            default -> Optional.empty();
        };
    }

    private static void ackAnnounce(Flipped s, HandoffEvent.AtCorrespondent event, List<HandoffAction> actions) {
        if (event instanceof SignalReceived(Signal signal, GatewayId from) && signal.body() instanceof Announce) {
            actions.add(new Send(
                    signal.sender(),
                    new Signal(signal.migration(), signal.vm(), signal.epoch(), s.self, new AnnounceAck())));
        }
    }

    private static Send ackMarker(State s) {
        GatewayId source = s.plan().source();
        return new Send(source, s.plan().signal(s.self(), new EndMarkerAck(source, Direction.OUTBOUND)));
    }

    private static SetTimer markerBound(HandoffPlan plan, long nowNs) {
        return new SetTimer(
                Timer.markerBound(plan.source()), nowNs + plan.timing().markerBoundNs());
    }

    private static boolean isOf(HandoffPlan plan, Signal signal) {
        return signal.migration().equals(plan.migration()) && signal.epoch().equals(plan.epoch());
    }
}
