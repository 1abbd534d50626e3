// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class EventTextTest {
    private static final GatewayId A = new GatewayId("gw-a");
    private static final List<HandoffEvent> ALL = List.of(
            new HandoffEvent.Start(),
            new HandoffEvent.AbortRequested("an operator, and why => not"),
            new HandoffEvent.TableSaysBinding(A, new Epoch(7)),
            new HandoffEvent.Forget(),
            new HandoffEvent.StreamParked(),
            new HandoffEvent.GuestStopped(12),
            new HandoffEvent.GuestResumed(-13),
            new HandoffEvent.GuestGone(),
            new HandoffEvent.StreamDone(),
            new HandoffEvent.StreamFailed(""),
            new HandoffEvent.IncomingFailed("refused"),
            new HandoffEvent.IncomingComplete(),
            new HandoffEvent.QueueDrained(),
            new HandoffEvent.QueueNotDrained(),
            new HandoffEvent.Rarp(),
            new HandoffEvent.FirstFrame(),
            new HandoffEvent.HoldStarted(A),
            new HandoffEvent.BufferReturned(3),
            new HandoffEvent.Quiet(4),
            new HandoffEvent.SignalReceived(
                    new Signal(
                            new MigrationId(new UUID(1, 2)),
                            new VmId("web1"),
                            new Epoch(2),
                            A,
                            new Signal.EndMarker(A, Signal.Direction.INBOUND)),
                    A),
            new HandoffEvent.PeerReachable(A),
            new HandoffEvent.PeerUnreachable(A),
            new HandoffEvent.TimerFired(Timer.of(Timer.Kind.GIVE_UP)),
            new HandoffEvent.TimerFired(Timer.markerBound(A)));

    @Test
    void everyEventIsReadAsItWasWritten() {
        EventText text = new EventText();
        for (HandoffEvent event : ALL) {
            assertThat(text.read(text.write(event))).contains(event);
        }
    }

    @Test
    void noEventIsForgotten() {
        List<String> kinds = Arrays.stream(HandoffEvent.class.getDeclaredClasses())
                .filter(Class::isRecord)
                .map(Class::getSimpleName)
                .toList();
        assertThat(ALL.stream().map(event -> event.getClass().getSimpleName())).containsAll(kinds);
    }

    @Test
    void aTornLineIsNone() {
        EventText text = new EventText();
        for (String torn :
                List.of("", "Sta", "GuestStopped", "GuestStopped x", "SignalReceived gw-a 53", "TimerFired")) {
            assertThat(text.read(torn)).isEmpty();
        }
    }
}
