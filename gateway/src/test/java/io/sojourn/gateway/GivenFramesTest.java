// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.GivenFrames.Given;
import io.sojourn.gateway.GivenFrames.Sample;
import io.sojourn.hypervisor.ReceiveQueues.State;
import org.junit.jupiter.api.Test;

class GivenFramesTest {
    private static final int PORT = 7;

    @Test
    void aGuestThatHadRoomGotAllThatWasRead() {
        assertThat(GivenFrames.given(PORT, sample(1000, 40, false), sample(1020, 60, false)))
                .contains(new Given(PORT, 1020, false));
    }

    @Test
    void oneThatWasReadAfterTheStopIsKeptForTheGuestHere() {
        assertThat(GivenFrames.given(PORT, sample(1000, 40, false), sample(1021, 60, false)))
                .contains(new Given(PORT, 1020, false));
    }

    @Test
    void ofAFullQueueOneIsLostAndOneMoreMayHaveBeenRead() {
        assertThat(GivenFrames.given(PORT, sample(1000, 40, false), sample(1021, 60, true)))
                .contains(new Given(PORT, 1020, true));
        assertThat(GivenFrames.given(PORT, sample(1000, 40, false), sample(1022, 60, true)))
                .contains(new Given(PORT, 1020, true));
    }

    @Test
    void oneThatWaitedForRoomAlreadyIsGivenFirst() {
        assertThat(GivenFrames.given(PORT, sample(1000, 40, true), sample(1020, 61, false)))
                .contains(new Given(PORT, 1020, false));
        assertThat(GivenFrames.given(PORT, sample(1000, 40, true), sample(1001, 40, true)))
                .contains(new Given(PORT, 999, true));
    }

    @Test
    void theIndexGoesRound() {
        assertThat(GivenFrames.given(PORT, sample(1000, 65_530, false), sample(1020, 14, false)))
                .contains(new Given(PORT, 1020, false));
    }

    @Test
    void framesOfSeveralBuffersMakeItUnknown() {
        assertThat(GivenFrames.given(PORT, sample(1000, 40, false), sample(1002, 60, false)))
                .isEmpty();
        assertThat(GivenFrames.given(PORT, sample(1000, 40, false), sample(1010, 44, false)))
                .isEmpty();
    }

    private static Sample sample(long read, int used, boolean full) {
        return new Sample(read, new State(used, full));
    }
}
