// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static io.sojourn.handoff.SourceHandoff.isOf;
import static io.sojourn.handoff.SourceHandoff.journal;
import static io.sojourn.handoff.SourceHandoff.retransmit;
import static io.sojourn.handoff.SourceHandoff.sendOutboundMarkers;
import static io.sojourn.handoff.SourceHandoff.without;

import io.sojourn.handoff.HandoffAction.*;
import io.sojourn.handoff.HandoffEvent.*;
import io.sojourn.handoff.JournalRecord.Stage;
import io.sojourn.handoff.Signal.Announce;
import io.sojourn.handoff.Signal.AnnounceAck;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.handoff.Signal.EndMarker;
import io.sojourn.handoff.Signal.EndMarkerAck;
import io.sojourn.handoff.SourceHandoff.Draining;
import io.sojourn.handoff.SourceHandoff.Path;
import io.sojourn.handoff.SourceHandoff.Released;
import io.sojourn.handoff.SourceHandoff.State;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What S does for a guest that has gone: passes on what still comes, until nothing does, and forgets it. */
final class SourceDrain {
    private SourceDrain() {}

    static Step<State> drain(HandoffPlan plan, Binding now, Set<GatewayId> unmarked, Path path, long nowNs) {
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

    static Step<State> draining(Draining s, HandoffEvent.AtSource event, long nowNs) {
        HandoffPlan plan = s.plan();
        return switch (event) {
            case GuestGone() -> Step.of(s.gone());
            case GuestResumed(long atNs) ->
                Step.of(s, new StopGuest(), new QuitGuest(), new Count(Counter.STOPPED_AGAIN, 1));
            case Quiet(long lastForwardedNs) -> quiet(s, lastForwardedNs, nowNs);
            case Forget() -> s.guestGone() ? release(s, 0) : Step.of(s, new QuitGuest());
            case PeerReachable(GatewayId gateway) when s.unmarked().contains(gateway) -> remark(s, nowNs);
            case TimerFired(Timer timer) ->
                switch (timer.kind()) {
                    case RETRANSMIT -> remark(s, nowNs);
                    case QUIET -> Step.of(s, new CheckQuiet());
                    case GIVE_UP ->
                        s.guestGone()
                                ? release(s, s.unflipped().size())
                                : Step.of(
                                        s,
                                        new QuitGuest(),
                                        new SetTimer(
                                                timer, nowNs + plan.timing().quietNs()));
                    default -> Step.of(s);
                };
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof EndMarkerAck(GatewayId o, Direction d) ->
                Step.of(s.unmarked(without(s.unmarked(), signal.sender()), s.attempt()));
            case SignalReceived(Signal signal, GatewayId from)
            when isOf(plan, signal) && signal.body() instanceof EndMarker(GatewayId origin, Direction d) ->
                d == Direction.OUTBOUND
                        ? Step.of(s, new ReleaseOutbound(plan.destination()))
                        : Step.of(s.flipped(origin), new SendInOrder(s.now().gateway(), signal));
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
        int age = binding.epoch().compareTo(s.now().epoch());
        if (age < 0) {
            return Step.of(s);
        }
        if (age == 0 && !binding.equals(s.now())) {
            return Step.of(s, new Count(Counter.REFUSED, 1));
        }
        if (announced != null && announced.body() instanceof Announce) {
            actions.add(new Send(
                    announced.sender(),
                    new Signal(
                            announced.migration(),
                            announced.vm(),
                            announced.epoch(),
                            s.plan().source(),
                            new AnnounceAck())));
        }
        Draining next = new Draining(
                s.plan(),
                binding,
                s.unmarked(),
                s.unflipped(),
                s.tableAgrees() || table,
                s.guestGone(),
                s.sinceNs(),
                s.attempt());
        if (age > 0) {
            if (binding.gateway().equals(s.plan().source())) {
                // the VM has come back under a later handoff, whose state here is none of ours
                return new Step<>(next, actions);
            }
            actions.add(new InstallRoute(binding));
            actions.add(new ForwardLate(binding.gateway(), binding.epoch()));
        }
        return new Step<>(next, actions);
    }

    private static Step<State> remark(Draining s, long nowNs) {
        if (s.unmarked().isEmpty()) {
            return Step.of(s);
        }
        List<HandoffAction> actions = new ArrayList<>();
        sendOutboundMarkers(s.plan(), s.unmarked(), actions);
        actions.add(new Count(Counter.RETRANSMITTED, s.unmarked().size()));
        actions.add(retransmit(s.plan(), s.attempt() + 1, nowNs));
        return new Step<>(s.unmarked(s.unmarked(), s.attempt() + 1), actions);
    }

    private static Step<State> quiet(Draining s, long lastForwardedNs, long nowNs) {
        long quietNs = s.plan().timing().quietNs();
        long quietAtNs = Math.max(lastForwardedNs, s.sinceNs()) + quietNs;
        if (nowNs >= quietAtNs && s.guestGone() && (s.unflipped().isEmpty() || s.tableAgrees())) {
            return release(s, 0);
        }
        List<HandoffAction> actions = new ArrayList<>();
        if (!s.guestGone()) {
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
        actions.add(new ReleaseOutbound(s.plan().destination()));
        actions.add(new DeleteState(s.plan().vm(), s.plan().previous()));
        if (!s.now().gateway().equals(s.plan().source())) {
            actions.add(new Tombstone(s.now()));
        }
        actions.add(new Report(Phase.RELEASED, "release", ""));
        actions.add(journal(s.plan(), Stage.ENDED));
        actions.add(new Finished());
        return new Step<>(new Released(s.plan(), s.now()), actions);
    }
}
