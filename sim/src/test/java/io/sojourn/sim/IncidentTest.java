// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.EventText;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class IncidentTest {
    private static final HandoffPlan PLAN = new HandoffPlan(
            new MigrationId(new UUID(1, 2)),
            new VmId("web1"),
            new GatewayId("a"),
            new GatewayId("b"),
            new Epoch(1),
            new Epoch(2),
            List.of(new GatewayId("c")),
            Ordering.STRICT,
            Timing.forRtt(20_000_000));

    /** Writes as a gateway does. */
    private static final class Log {
        final List<String> lines = new ArrayList<>();
        final EventText text = new EventText();
        final boolean source;
        Object state;

        Log(boolean source) {
            this.source = source;
            JournalRecord.Role role = source ? JournalRecord.Role.SOURCE : JournalRecord.Role.DESTINATION;
            lines.add("1000 5 begin arm " + (source ? "a" : "b") + " "
                    + new JournalRecord(role, JournalRecord.Stage.ARMED, PLAN).toLine());
            state = source
                    ? SourceHandoff.arm(PLAN, 5).state()
                    : DestinationHandoff.arm(PLAN, 5).state();
        }

        Log told(HandoffEvent... events) {
            for (HandoffEvent event : events) {
                long now = lines.size() * 10L;
                Step<?> step = source
                        ? SourceHandoff.apply((SourceHandoff.State) state, (HandoffEvent.AtSource) event, now)
                        : DestinationHandoff.apply(
                                (DestinationHandoff.State) state, (HandoffEvent.AtDestination) event, now);
                state = step.state();
                lines.add((1000 + now) + " " + now + " " + text.write(event) + " => "
                        + state.getClass().getSimpleName() + " "
                        + step.actions().stream()
                                .map(a -> a.getClass().getSimpleName())
                                .collect(Collectors.joining(",")));
            }
            return this;
        }
    }

    private final Log a = new Log(true)
            .told(
                    new HandoffEvent.Start(),
                    new HandoffEvent.StreamParked(),
                    new HandoffEvent.QueueDrained(),
                    new HandoffEvent.GuestStopped(30),
                    new HandoffEvent.StreamDone());
    private final Log b = new Log(false).told(new HandoffEvent.IncomingComplete(), new HandoffEvent.GuestResumed(40));

    @Test
    void aMoveIsToldAgainAndEndsInTheSameWay() {
        Incident.Replay replay = Incident.replay(Map.of("a", a.lines, "b", b.lines));
        assertThat(replay.problems()).isEmpty();
        assertThat(replay.events()).isEqualTo(7);
        assertThat(replay.trace()).anyMatch(line -> line.contains("a S Stopping --GuestStopped"));
        assertThat(replay.trace()).anyMatch(line -> line.contains("b D Continuing --GuestResumed"));
    }

    @Test
    void aMachineThatDoesSomethingElseNowIsSeen() {
        a.lines.set(3, a.lines.get(3).replace("=> Stopping ", "=> Held "));
        assertThat(Incident.replay(Map.of("a", a.lines)).problems())
                .singleElement()
                .asString()
                .contains("a: at QueueDrained")
                .contains("and now does Stopping");
    }

    @Test
    void aRestartedGatewayGoesOnInTheSameFile() {
        a.lines.add("2000 7 begin recover a "
                + new JournalRecord(JournalRecord.Role.SOURCE, JournalRecord.Stage.SWITCHING, PLAN).toLine());
        Incident.Replay replay = Incident.replay(Map.of("a", a.lines));
        assertThat(replay.problems()).isEmpty();
        assertThat(replay.trace().getLast()).contains("recovers Asking");
    }

    @Test
    void aGuestThatRanInTwoPlacesIsSeen() {
        GatewayId d = PLAN.destination();
        Signal burnt = new Signal(PLAN.migration(), PLAN.vm(), PLAN.epoch(), d, new Signal.AbortAck(0));
        List<String> resumed = new Log(true)
                .told(
                        new HandoffEvent.Start(),
                        new HandoffEvent.GuestStopped(5),
                        new HandoffEvent.AbortRequested("x"),
                        new HandoffEvent.SignalReceived(burnt, d))
                .lines;
        assertThat(Incident.replay(Map.of("a", resumed)).problems()).isEmpty();
        assertThat(Incident.replay(Map.of("a", resumed, "b", b.lines)).problems())
                .containsExactly("invariant 1: a resumed the guest, and b delivers to it");
    }

    @Test
    void whatIsNoLineIsSaid() {
        assertThat(Incident.replay(Map.of("a", List.of("hello"))).problems()).hasSize(1);
    }
}
