// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FlushPaceTest {
    private static final long BEGIN = 1_000_000_000L;

    private final FlushPace pace = new FlushPace();

    private static long at(int turn) {
        return BEGIN + turn * FlushPace.TURN_NS;
    }

    /** As many frames kept as let the pace be the least. */
    private void begins(int led) {
        pace.keeps(BEGIN - 100 * FlushPace.TURN_NS);
        pace.led(led);
        pace.begin(BEGIN, led, 10);
    }

    @Test
    void theFirstTurnIsOneDatagramOfEachCorrespondentAndItsAnswersAreWaitedFor() {
        begins(0);
        assertThat(pace.turn(at(0), 5)).isEqualTo(5);
        assertThat(pace.turn(at(1), 0)).isZero();
        for (int i = 0; i < 5; i++) {
            pace.said();
        }
        assertThat(pace.turn(at(2), 0)).isEqualTo(4);
    }

    @Test
    void whoComesWhileTheFirstAreBeingAnsweredDoesNotWait() {
        begins(3);
        assertThat(pace.turn(at(0), 2)).isEqualTo(2);
        for (int i = 0; i < 4; i++) {
            pace.said();
        }
        assertThat(pace.turn(at(1), 0)).as("four of five have been answered").isZero();
        pace.said();
        assertThat(pace.turn(at(2), 0)).isEqualTo(4);
    }

    @Test
    void aGuestThatSaysNothingIsNotWaitedForLong() {
        begins(3);
        assertThat(pace.turn(at(11), 0)).isZero();
        assertThat(pace.turn(at(12), 0)).isEqualTo(4);
    }

    @Test
    void whatIsPatientWaitsForTheAnswersAndNotForEver() {
        begins(3);
        pace.turn(at(0), 0);
        assertThat(pace.patientWait(at(24))).isTrue();
        assertThat(pace.patientWait(at(25))).isFalse();
        pace.said();
        pace.said();
        assertThat(pace.patientWait(at(14)))
                .as("two of three have been answered")
                .isTrue();
        pace.said();
        assertThat(pace.patientWait(at(14))).isFalse();
    }

    @Test
    void withNoDatagramToBeginWithThePatientDoNotWait() {
        begins(0);
        assertThat(pace.patientWait(at(0))).isFalse();
        pace.turn(at(0), 0);
        assertThat(pace.patientWait(at(1))).isFalse();
    }

    @Test
    void withNoDatagramToBeginWithItGrowsToTwiceThePaceAtWhichTheFramesCame() {
        pace.keeps(BEGIN - 10 * FlushPace.TURN_NS);
        pace.begin(BEGIN, 0, 25); // 2.5 a turn
        assertThat(pace.turn(at(0), 0)).isEqualTo(3);
        assertThat(pace.turn(at(1), 0)).isEqualTo(4);
        assertThat(pace.turn(at(2), 0)).isEqualTo(5);
        assertThat(pace.turn(at(3), 0)).isEqualTo(5);
    }

    @Test
    void aTurnOfCorrespondentsHasABound() {
        begins(0);
        assertThat(pace.turn(at(0), 40)).isEqualTo(FlushPace.lead(40)).isLessThan(40);
    }
}
