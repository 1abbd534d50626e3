// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.handoff.Signal.Direction;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;

/** One move of one VM from S to D with the correspondents C1 and C2, in every state, and everything that can happen to it. */
final class Samples {
    static final GatewayId S = new GatewayId("s");
    static final GatewayId D = new GatewayId("d");
    static final GatewayId C1 = new GatewayId("c1");
    static final GatewayId C2 = new GatewayId("c2");
    static final GatewayId X = new GatewayId("x");
    static final VmId VM = new VmId("web1");
    static final long RTT_NS = 100_000_000;
    static final HandoffPlan PLAN = new HandoffPlan(
            new MigrationId(new UUID(1, 2)),
            VM,
            S,
            D,
            new Epoch(6),
            new Epoch(7),
            List.of(C1, C2),
            Ordering.STRICT,
            Timing.forRtt(RTT_NS));
    static final Binding AFTER = PLAN.after();

    private Samples() {}

    static Signal signal(GatewayId sender, Signal.Body body) {
        return PLAN.signal(sender, body);
    }

    static Signal announce() {
        return signal(D, new Signal.Announce(S, PLAN.previous(), PLAN.ordering()));
    }

    static HandoffEvent.SignalReceived received(GatewayId sender, Signal.Body body) {
        return new HandoffEvent.SignalReceived(signal(sender, body), sender);
    }

    static Map<String, SourceHandoff.State> sourceStates() {
        Map<String, SourceHandoff.State> states = new LinkedHashMap<>();
        states.put("Armed", new SourceHandoff.Armed(PLAN));
        states.put("Copying", new SourceHandoff.Copying(PLAN));
        states.put("Held", new SourceHandoff.Held(PLAN));
        states.put("Stopping", new SourceHandoff.Stopping(PLAN));
        states.put("Paused", new SourceHandoff.Paused(PLAN, Set.of(C1, C2, D), 0));
        states.put("Asking", new SourceHandoff.Asking(PLAN, "why", false, false, 0));
        states.put("Asking(guest unknown, returned)", new SourceHandoff.Asking(PLAN, "why", true, true, 0));
        states.put("TakingBack", new SourceHandoff.TakingBack(PLAN, "why", false, false, false, Set.of(C1, C2), 0));
        states.put("TakingBack(burnt)", new SourceHandoff.TakingBack(PLAN, "why", false, true, false, Set.of(), 0));
        states.put("TakingBack(returned)", new SourceHandoff.TakingBack(PLAN, "why", false, false, true, Set.of(), 0));
        states.put("TakingBack(resuming)", new SourceHandoff.TakingBack(PLAN, "why", true, true, true, Set.of(), 0));
        states.put("TakingBack(but c1)", new SourceHandoff.TakingBack(PLAN, "why", false, true, true, Set.of(C1), 0));
        states.put(
                "Draining", new SourceHandoff.Draining(PLAN, AFTER, Set.of(C1), Set.of(C1, C2, D), false, false, 0, 0));
        states.put("Draining(done)", new SourceHandoff.Draining(PLAN, AFTER, Set.of(), Set.of(), false, true, 0, 0));
        states.put("Released", new SourceHandoff.Released(PLAN, AFTER));
        states.put("RolledBack", new SourceHandoff.RolledBack(PLAN));
        return states;
    }

    static Map<String, DestinationHandoff.State> destinationStates() {
        Map<String, DestinationHandoff.State> states = new LinkedHashMap<>();
        OptionalLong none = OptionalLong.empty();
        states.put("Armed", new DestinationHandoff.Armed(PLAN, false));
        states.put("Armed(source stopped)", new DestinationHandoff.Armed(PLAN, true));
        states.put("Continuing", new DestinationHandoff.Continuing(PLAN, true, 0));
        states.put("Claiming", new DestinationHandoff.Claiming(PLAN, 0));
        states.put("Finding", new DestinationHandoff.Finding(PLAN));
        states.put("Active", new DestinationHandoff.Active(PLAN, Set.of(S, C1, C2), Set.of(C1, C2, D), true, 0));
        states.put("Active(but s)", new DestinationHandoff.Active(PLAN, Set.of(S), Set.of(), false, 0));
        states.put("Active(but c1's marker)", new DestinationHandoff.Active(PLAN, Set.of(), Set.of(C1), false, 0));
        states.put("Burning", new DestinationHandoff.Burning(PLAN, "why", false, false, none, 0));
        states.put("Burning(gone)", new DestinationHandoff.Burning(PLAN, "why", true, false, none, 0));
        states.put("Burning(gone, asked)", new DestinationHandoff.Burning(PLAN, "why", true, true, none, 0));
        states.put(
                "Burning(asked, returned)",
                new DestinationHandoff.Burning(PLAN, "why", false, true, OptionalLong.of(3), 0));
        states.put("Settled", new DestinationHandoff.Settled(PLAN));
        states.put("Burnt", new DestinationHandoff.Burnt(PLAN, 3));
        return states;
    }

    static Map<String, CorrespondentHandoff.State> correspondentStates() {
        Map<String, CorrespondentHandoff.State> states = new LinkedHashMap<>();
        states.put("Armed", new CorrespondentHandoff.Armed(PLAN, C1, false));
        states.put("Armed(outbound ended)", new CorrespondentHandoff.Armed(PLAN, C1, true));
        states.put("Flipped", new CorrespondentHandoff.Flipped(PLAN, C1, AFTER, true, true, 0));
        states.put("Flipped(outbound ended)", new CorrespondentHandoff.Flipped(PLAN, C1, AFTER, true, false, 0));
        states.put("Flipped(marker acked)", new CorrespondentHandoff.Flipped(PLAN, C1, AFTER, false, true, 0));
        states.put("Settled", new CorrespondentHandoff.Settled(PLAN, C1, AFTER));
        states.put("Disarmed", new CorrespondentHandoff.Disarmed(PLAN, C1));
        return states;
    }

    /** Everything that may happen anywhere; a machine's own are those of its event interface. */
    static Map<String, HandoffEvent> events() {
        Map<String, HandoffEvent> events = new LinkedHashMap<>();
        events.put("Start", new HandoffEvent.Start());
        events.put("AbortRequested", new HandoffEvent.AbortRequested("why"));
        events.put("Forget", new HandoffEvent.Forget());
        events.put("Table(s e6)", new HandoffEvent.TableSaysBinding(S, new Epoch(6)));
        events.put("Table(d e7)", new HandoffEvent.TableSaysBinding(D, new Epoch(7)));
        events.put("Table(x e7)", new HandoffEvent.TableSaysBinding(X, new Epoch(7)));
        events.put("Table(x e8)", new HandoffEvent.TableSaysBinding(X, new Epoch(8)));
        events.put("Table(s e8)", new HandoffEvent.TableSaysBinding(S, new Epoch(8)));
        events.put("StreamParked", new HandoffEvent.StreamParked());
        events.put("StreamDone", new HandoffEvent.StreamDone());
        events.put("StreamFailed", new HandoffEvent.StreamFailed("why"));
        events.put("QueueDrained", new HandoffEvent.QueueDrained());
        events.put("QueueNotDrained", new HandoffEvent.QueueNotDrained());
        events.put("GuestStopped", new HandoffEvent.GuestStopped(5));
        events.put("GuestResumed", new HandoffEvent.GuestResumed(5));
        events.put("GuestGone", new HandoffEvent.GuestGone());
        events.put("IncomingComplete", new HandoffEvent.IncomingComplete());
        events.put("IncomingFailed", new HandoffEvent.IncomingFailed("why"));
        events.put("Rarp", new HandoffEvent.Rarp());
        events.put("FirstFrame", new HandoffEvent.FirstFrame());
        events.put("HoldStarted(c1)", new HandoffEvent.HoldStarted(C1));
        events.put("HoldStarted(d)", new HandoffEvent.HoldStarted(D));
        events.put("BufferReturned", new HandoffEvent.BufferReturned(3));
        events.put("Quiet(since 0)", new HandoffEvent.Quiet(0));
        events.put("Quiet(not)", new HandoffEvent.Quiet(NOW_NS));
        events.put("PeerReachable(d)", new HandoffEvent.PeerReachable(D));
        events.put("PeerReachable(s)", new HandoffEvent.PeerReachable(S));
        events.put("PeerReachable(c1)", new HandoffEvent.PeerReachable(C1));
        events.put("PeerUnreachable(d)", new HandoffEvent.PeerUnreachable(D));
        for (Timer.Kind kind : Timer.Kind.values()) {
            if (kind != Timer.Kind.MARKER_BOUND) {
                events.put("Timer(" + kind + ")", new HandoffEvent.TimerFired(Timer.of(kind)));
            }
        }
        for (GatewayId gateway : List.of(S, D, C1)) {
            events.put("Timer(MARKER_BOUND " + gateway + ")", new HandoffEvent.TimerFired(Timer.markerBound(gateway)));
        }
        events.put("ANNOUNCE", new HandoffEvent.SignalReceived(announce(), D));
        events.put("ANNOUNCE(forged by x)", received(X, new Signal.Announce(S, new Epoch(6), Ordering.STRICT)));
        for (GatewayId gateway : List.of(S, C1)) {
            events.put("ANNOUNCE_ACK(" + gateway + ")", received(gateway, new Signal.AnnounceAck()));
        }
        events.put("END_MARKER(in c1)", received(C1, new Signal.EndMarker(C1, Direction.INBOUND)));
        events.put("END_MARKER(in d)", received(D, new Signal.EndMarker(D, Direction.INBOUND)));
        events.put("END_MARKER(out s)", received(S, new Signal.EndMarker(S, Direction.OUTBOUND)));
        events.put("END_MARKER_ACK(in c1)", received(D, new Signal.EndMarkerAck(C1, Direction.INBOUND)));
        events.put("END_MARKER_ACK(out by c1)", received(C1, new Signal.EndMarkerAck(S, Direction.OUTBOUND)));
        events.put("ABORT", received(S, new Signal.Abort("why")));
        events.put("ABORT_ACK(d 0)", received(D, new Signal.AbortAck(0)));
        events.put("ABORT_ACK(d 3)", received(D, new Signal.AbortAck(3)));
        events.put("ABORT_ACK(c1)", received(C1, new Signal.AbortAck(0)));
        events.put("RETURN_END", received(D, new Signal.ReturnEnd(3)));
        events.put("FAILED", received(D, new Signal.Failed("why")));
        events.put("CLAIM", received(D, new Signal.Claim(PLAN.previous(), PLAN.ordering())));
        events.put("MOVED(d e7)", received(X, new Signal.Moved(D, new Epoch(7))));
        events.put("MOVED(x e8)", received(X, new Signal.Moved(X, new Epoch(8))));
        return events;
    }

    static final long NOW_NS = 100_000_000_000L;
}
