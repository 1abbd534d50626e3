// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static io.sojourn.handoff.Samples.C1;
import static io.sojourn.handoff.Samples.C2;
import static io.sojourn.handoff.Samples.D;
import static io.sojourn.handoff.Samples.NOW_NS;
import static io.sojourn.handoff.Samples.PLAN;
import static io.sojourn.handoff.Samples.S;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.handoff.Signal.Direction;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A move from S to D with the correspondents C1 and C2, told step by step; signals between them arrive at once. */
class StoryTest {
    private SourceHandoff.State s = new SourceHandoff.RolledBack(PLAN);
    private DestinationHandoff.State d = new DestinationHandoff.Settled(PLAN);
    private CorrespondentHandoff.State c1 = new CorrespondentHandoff.Disarmed(PLAN, C1);
    private CorrespondentHandoff.State c2 = new CorrespondentHandoff.Disarmed(PLAN, C2);
    private final List<String> told = new ArrayList<>();
    private final ArrayDeque<Runnable> underWay = new ArrayDeque<>();
    private int copies = 1;
    private boolean cutFromD;

    @BeforeEach
    void arm() {
        Step<DestinationHandoff.State> atD = DestinationHandoff.arm(PLAN, NOW_NS);
        d = atD.state();
        tell("D", atD.actions());
        Step<SourceHandoff.State> atS = SourceHandoff.arm(PLAN, NOW_NS);
        s = atS.state();
        tell("S", atS.actions());
        c1 = CorrespondentHandoff.arm(PLAN, C1, NOW_NS).state();
        c2 = CorrespondentHandoff.arm(PLAN, C2, NOW_NS).state();
        told.clear();
    }

    private void atS(HandoffEvent.AtSource event) {
        Step<SourceHandoff.State> step = SourceHandoff.apply(s, event, NOW_NS);
        s = step.state();
        tell("S", step.actions());
        arrive();
    }

    private void atD(HandoffEvent.AtDestination event) {
        Step<DestinationHandoff.State> step = DestinationHandoff.apply(d, event, NOW_NS);
        d = step.state();
        tell("D", step.actions());
        arrive();
    }

    private void atC(GatewayId self, HandoffEvent.AtCorrespondent event) {
        Step<CorrespondentHandoff.State> step = CorrespondentHandoff.apply(self.equals(C1) ? c1 : c2, event, NOW_NS);
        if (self.equals(C1)) {
            c1 = step.state();
        } else {
            c2 = step.state();
        }
        tell(self.name().toUpperCase(java.util.Locale.ROOT), step.actions());
    }

    private void tell(String who, List<HandoffAction> actions) {
        for (HandoffAction action : actions) {
            told.add(who + ": " + TransitionTable.brief(action));
            if (action instanceof HandoffAction.Send(GatewayId to, Signal signal)) {
                send(who, to, signal);
            } else if (action instanceof HandoffAction.SendInOrder(GatewayId to, Signal signal)) {
                send(who, to, signal);
            } else if (action instanceof HandoffAction.ReturnBuffer) {
                underWay.add(() -> atD(new HandoffEvent.BufferReturned(3)));
            }
        }
    }

    private void send(String who, GatewayId to, Signal signal) {
        if (cutFromD && (who.equals("D") || to.equals(D))) {
            return;
        }
        GatewayId from = new GatewayId(who.toLowerCase(java.util.Locale.ROOT));
        for (int copy = 0; copy < copies; copy++) {
            HandoffEvent.SignalReceived event = new HandoffEvent.SignalReceived(signal, from);
            underWay.add(() -> {
                if (to.equals(S)) {
                    atS(event);
                } else if (to.equals(D)) {
                    atD(event);
                } else {
                    atC(to, event);
                }
            });
        }
    }

    private void arrive() {
        while (!underWay.isEmpty()) {
            underWay.remove().run();
        }
    }

    private void untilPaused() {
        atS(new HandoffEvent.Start());
        atS(new HandoffEvent.StreamParked());
        atS(new HandoffEvent.QueueDrained());
        atS(new HandoffEvent.GuestStopped(1));
        assertThat(s).isInstanceOf(SourceHandoff.Paused.class);
    }

    private void untilActive() {
        untilPaused();
        atD(new HandoffEvent.IncomingComplete());
        atD(new HandoffEvent.GuestResumed(2));
    }

    @Test
    void aMove() {
        atS(new HandoffEvent.Start());
        assertThat(told).contains("S: StartCopy");

        told.clear();
        atS(new HandoffEvent.StreamParked());
        assertThat(told).containsSubsequence("S: journal SWITCHING", "S: RedirectOn d e7", "S: AwaitQueueDrained");

        told.clear();
        atS(new HandoffEvent.QueueDrained());
        assertThat(told).contains("S: StopGuest");

        told.clear();
        atS(new HandoffEvent.GuestStopped(1));
        assertThat(told)
                .containsSubsequence(
                        "S: ReleaseStream", "S: END_MARKER(OUTBOUND s)>>d", "S: END_MARKER(OUTBOUND s)>>c1");
        assertThat(told).contains("C1: ReleaseOutbound", "D: END_MARKER_ACK(OUTBOUND s)>s");

        told.clear();
        atD(new HandoffEvent.IncomingComplete());
        assertThat(told).containsSubsequence("D: journal CONTINUING", "D: ContinueGuest");

        told.clear();
        atD(new HandoffEvent.GuestResumed(2));
        assertThat(told)
                .containsSubsequence(
                        "D: journal ACTIVE",
                        "D: ANNOUNCE>s",
                        "D: ANNOUNCE>c1",
                        "D: HoldFrom c1",
                        "D: END_MARKER(INBOUND d)>>s",
                        "D: route d e7",
                        "D: FlushBuffer",
                        "D: DeliverLive",
                        "D: RefreshNeighbours");
        assertThat(told)
                .containsSubsequence("S: journal MOVED", "S: route d e7", "S: QuitGuest", "S: ANNOUNCE_ACK>d")
                .containsSubsequence("C1: END_MARKER(INBOUND c1)>>s", "C1: route d e7", "C1: ANNOUNCE_ACK>d")
                .containsSubsequence("S: END_MARKER(INBOUND c1)>>d", "D: ReleaseHold c1");
        assertThat(d).isInstanceOf(DestinationHandoff.Settled.class);
        assertThat(c1).isInstanceOf(CorrespondentHandoff.Settled.class);
        assertThat(c2).isInstanceOf(CorrespondentHandoff.Settled.class);

        told.clear();
        atS(new HandoffEvent.GuestGone());
        Step<SourceHandoff.State> quiet = SourceHandoff.apply(
                s, new HandoffEvent.Quiet(0), NOW_NS + PLAN.timing().quietNs());
        assertThat(quiet.state()).isInstanceOf(SourceHandoff.Released.class);
        assertThat(quiet.actions().stream().map(TransitionTable::brief))
                .containsSubsequence("delete e6", "tombstone d e7", "journal ENDED", "Finished");
    }

    @Test
    void everySignalTwiceIsTheSameMove() {
        copies = 2;
        untilActive();
        assertThat(d).isInstanceOf(DestinationHandoff.Settled.class);
        assertThat(c1).isInstanceOf(CorrespondentHandoff.Settled.class);
        assertThat(s).isInstanceOf(SourceHandoff.Draining.class);
        assertThat(told.stream().filter("S: QuitGuest"::equals)).hasSize(1);
        assertThat(told.stream().filter("D: FlushBuffer"::equals)).hasSize(1);
    }

    @Test
    void beforeTheStreamIsReleasedTheSourceTakesTheGuestBackAtOnce() {
        atS(new HandoffEvent.Start());
        atS(new HandoffEvent.StreamParked());
        atS(new HandoffEvent.QueueDrained());
        cutFromD = true;
        told.clear();
        atS(new HandoffEvent.AbortRequested("user"));
        assertThat(told)
                .containsSubsequence(
                        "S: journal ABORTED", "S: RedirectOff", "S: ResumeGuest", "S: ABORT>>d", "S: ABORT>c1");
        assertThat(c1).isInstanceOf(CorrespondentHandoff.Disarmed.class);
    }

    @Test
    void afterItOnlyTheDestinationGivesTheGuestBack() {
        untilPaused();
        cutFromD = true;
        told.clear();
        atS(new HandoffEvent.StreamFailed("path gone"));
        for (int i = 0; i < 1000; i++) {
            for (Timer.Kind kind : Timer.Kind.values()) {
                atS(new HandoffEvent.TimerFired(Timer.of(kind)));
            }
        }
        assertThat(s).isInstanceOf(SourceHandoff.Asking.class);
        assertThat(told).doesNotContain("S: ResumeGuest");

        cutFromD = false;
        told.clear();
        atS(new HandoffEvent.PeerReachable(D));
        assertThat(told).containsSubsequence("S: ABORT>>d", "D: journal BURNT", "D: QuitGuest", "D: ReturnBuffer");
        assertThat(told).doesNotContain("S: ResumeGuest", "D: ABORT_ACK>s");
        atD(new HandoffEvent.GuestGone());
        assertThat(told).containsSubsequence("D: ABORT_ACK>s", "S: ResumeGuest", "S: DeliverLive");
        atS(new HandoffEvent.GuestResumed(3));
        assertThat(s).isInstanceOf(SourceHandoff.RolledBack.class);
        assertThat(d).isInstanceOf(DestinationHandoff.Burnt.class);
    }

    @Test
    void anAbortThatComesTooLateCompletesTheMove() {
        cutFromD = true;
        untilActive();
        atS(new HandoffEvent.AbortRequested("user"));
        cutFromD = false;
        atS(new HandoffEvent.PeerReachable(D));
        assertThat(s).isInstanceOf(SourceHandoff.Draining.class);
        assertThat(told).doesNotContain("S: ResumeGuest").contains("S: RedirectOn d e7");
    }

    @Test
    void theControllersVerdictEndsTheDoubt() {
        untilPaused();
        cutFromD = true;
        atS(new HandoffEvent.StreamFailed("site lost"));
        told.clear();
        atS(new HandoffEvent.TableSaysBinding(S, new Epoch(8)));
        assertThat(told).containsSubsequence("S: route s e8", "S: ResumeGuest");
        cutFromD = false;
        atD(new HandoffEvent.TableSaysBinding(S, new Epoch(8)));
        assertThat(d).isInstanceOf(DestinationHandoff.Burning.class);
        assertThat(told).contains("D: QuitGuest");
    }

    @Test
    void aGuestThatStopsUnaskedIsRedirectedAtOnceAndCounted() {
        atS(new HandoffEvent.Start());
        told.clear();
        atS(new HandoffEvent.GuestStopped(1));
        assertThat(told).containsSubsequence("S: RedirectOn d e7", "S: count unheld", "S: ReleaseStream");
    }

    @Test
    void aFrameActivatesOnlyWhenTheSourceHasStopped() {
        atD(new HandoffEvent.Rarp());
        assertThat(d).isInstanceOf(DestinationHandoff.Armed.class);
        untilPaused();
        atD(new HandoffEvent.IncomingComplete());
        atD(new HandoffEvent.Rarp());
        assertThat(s).isInstanceOf(SourceHandoff.Draining.class);
    }

    @Test
    void aMarkerThatCameBeforeTheAnnouncementProvesTheMove() {
        cutFromD = true;
        untilActive();
        cutFromD = false;
        atS(Samples.received(C1, new Signal.EndMarker(C1, Direction.INBOUND)));
        assertThat(s).isInstanceOf(SourceHandoff.Draining.class);
        assertThat(told).contains("S: END_MARKER(INBOUND c1)>>d");
    }

    @Test
    void anUnarmedGatewayFlipsOnAnAnnouncement() {
        Step<CorrespondentHandoff.State> step =
                CorrespondentHandoff.unarmed(Samples.announce(), Samples.X, PLAN.timing(), NOW_NS);
        assertThat(step.state()).isInstanceOf(CorrespondentHandoff.Flipped.class);
        assertThat(step.actions().stream().map(TransitionTable::brief))
                .containsSubsequence("END_MARKER(INBOUND x)>>s", "route d e7", "ANNOUNCE_ACK>d");
    }

    @Test
    void aMoveBehindOurBackIsClaimedWithTheSourcesConsent() {
        c1 = new CorrespondentHandoff.Armed(PLAN, C1, true); // as unarmed: nothing is held
        c2 = new CorrespondentHandoff.Armed(PLAN, C2, true);
        Step<DestinationHandoff.State> claim = DestinationHandoff.claim(PLAN, NOW_NS);
        d = claim.state();
        HandoffAction.Send sent = (HandoffAction.Send) claim.actions().get(1);
        Step<SourceHandoff.State> consent =
                SourceHandoff.claimed(sent.signal(), S, List.of(C1, C2), PLAN.timing(), NOW_NS);
        s = consent.state();
        tell("S", consent.actions());
        arrive();
        assertThat(s).isInstanceOf(SourceHandoff.Draining.class);
        assertThat(d).isInstanceOf(DestinationHandoff.Settled.class);
        assertThat(c1).isInstanceOf(CorrespondentHandoff.Settled.class);
        assertThat(told).containsSubsequence("S: RedirectOn d e7", "D: FlushBuffer", "C1: route d e7");
    }

    @Test
    void aForgedClaimMovesNothing() {
        Step<DestinationHandoff.State> claim = DestinationHandoff.claim(PLAN, NOW_NS);
        HandoffAction.Send sent = (HandoffAction.Send) claim.actions().get(1);
        assertThat(sent.signal().proves()).isEmpty();
        HandoffAction.Send refusal =
                (HandoffAction.Send) Late.refuse(sent.signal(), S, "runs here").getFirst();
        Step<DestinationHandoff.State> refused =
                DestinationHandoff.apply(claim.state(), new HandoffEvent.SignalReceived(refusal.signal(), S), NOW_NS);
        assertThat(refused.state()).isInstanceOf(DestinationHandoff.Burnt.class);
        assertThat(refused.actions().stream().map(TransitionTable::brief))
                .contains("count refused")
                .doesNotContain("QuitGuest");
    }

    @Test
    void whatARestartedGatewayMakesOfItsJournal() {
        assertThat(recovered(JournalRecord.Stage.ARMED)).isEqualTo("Asking Finding");
        assertThat(recovered(JournalRecord.Stage.SWITCHING)).isEqualTo("Asking -");
        assertThat(recovered(JournalRecord.Stage.ABORTED)).isEqualTo("TakingBack -");
        assertThat(recovered(JournalRecord.Stage.MOVED)).isEqualTo("Draining -");
        assertThat(recovered(JournalRecord.Stage.CONTINUING)).isEqualTo("- Finding");
        assertThat(recovered(JournalRecord.Stage.ACTIVE)).isEqualTo("- Active");
        assertThat(recovered(JournalRecord.Stage.BURNT)).isEqualTo("- Burning");
        assertThat(recovered(JournalRecord.Stage.ENDED)).isEqualTo("- -");
    }

    private static String recovered(JournalRecord.Stage stage) {
        String source = SourceHandoff.recover(new JournalRecord(JournalRecord.Role.SOURCE, stage, PLAN), NOW_NS)
                .map(step -> step.state().getClass().getSimpleName())
                .orElse("-");
        return source + " "
                + DestinationHandoff.recover(new JournalRecord(JournalRecord.Role.DESTINATION, stage, PLAN), NOW_NS)
                        .map(step -> step.state().getClass().getSimpleName())
                        .orElse("-");
    }
}
