// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.location.Locator64;
import io.sojourn.wire.DropReason;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UpdateSendingTest {
    private static final List<Advertised> A = List.of(new Advertised(new Locator64(1), 10, 300));
    private static final List<Advertised> B = List.of(new Advertised(new Locator64(2), 10, 300));

    @Test
    void sendsOnTheScheduleAndGivesUp() {
        UpdateSending state = UpdateSending.SETTLED.tell(A, 0, 100);
        List<Long> sent = new ArrayList<>();
        long refusedAt = 0;
        for (long now = 0; now < 60_000; now += 50) {
            UpdateSending.Step step = state.at(now);
            if (step.sends()) {
                sent.add(now);
            }
            if (step.next() instanceof UpdateSending.Refused && !(state instanceof UpdateSending.Refused)) {
                refusedAt = now;
            }
            state = step.next();
        }
        assertThat(sent).containsExactly(100L, 1_100L, 3_100L, 6_100L, 10_100L, 15_100L, 21_100L);
        assertThat(refusedAt).isEqualTo(28_100);
        assertThat(state.acknowledged(A)).as("late, and still welcome").isEqualTo(UpdateSending.SETTLED);
    }

    @Test
    void isSettledByTheAcknowledgementOfWhatWasSentAndOfNothingElse() {
        UpdateSending waiting = UpdateSending.SETTLED.tell(A, 0, 0);
        assertThat(waiting.check(A)).as("not sent yet").isEqualTo(DropReason.STALE_ACKNOWLEDGEMENT);
        UpdateSending sent = waiting.at(0).next();
        assertThat(sent.check(B)).isEqualTo(DropReason.STALE_ACKNOWLEDGEMENT);
        assertThat(sent.acknowledged(B)).isEqualTo(sent);
        assertThat(sent.check(A)).isEqualTo(DropReason.NONE);
        assertThat(sent.acknowledged(A)).isEqualTo(UpdateSending.SETTLED);
        assertThat(UpdateSending.SETTLED.check(A)).isEqualTo(DropReason.STALE_ACKNOWLEDGEMENT);
    }

    @Test
    void aNewMoveTakesTheOldOnesPlace() {
        UpdateSending sent = UpdateSending.SETTLED.tell(A, 0, 0).at(0).next();
        UpdateSending moved = sent.tell(B, 500, 0);
        assertThat(moved.check(A)).isEqualTo(DropReason.STALE_ACKNOWLEDGEMENT);
        assertThat(moved.at(500).sends()).isTrue();
        assertThat(moved.at(500).next().check(B)).isEqualTo(DropReason.NONE);
    }
}
