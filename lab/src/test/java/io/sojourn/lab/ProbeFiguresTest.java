// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ProbeFiguresTest {
    private static final long MS = 1_000_000;
    private static final long START = 1_000 * MS;

    private final long[] sent = LongStream.range(0, 10).map(i -> START + i * MS).toArray();

    private long[] answeredAfter(long ns) {
        return LongStream.of(sent).map(time -> time + ns).toArray();
    }

    @Test
    void aSteadyPathHasNoFault() {
        ProbeFigures figures = ProbeFigures.of(sent, answeredAfter(5 * MS), 0, MS);
        assertThat(figures).isEqualTo(new ProbeFigures(10, 0, 0, 0, 0, 0, 5));
    }

    @Test
    void aProbeWithoutReplyIsLost() {
        long[] received = answeredAfter(5 * MS);
        received[3] = 0;
        received[9] = 0;
        assertThat(ProbeFigures.of(sent, received, 0, MS).lost()).isEqualTo(2);
    }

    @Test
    void aBufferedStretchIsAGapAndNothingElse() {
        long[] received = answeredAfter(5 * MS);
        for (int i = 4; i < 8; i++) {
            received[i] = received[8];
        }
        ProbeFigures figures = ProbeFigures.of(sent, received, 0, MS);
        assertThat(figures.gapMs()).isCloseTo(4, within(0.001));
        assertThat(figures.gapAtNs()).isEqualTo(received[8]);
        assertThat(figures.lost() + figures.reordered()).isZero();
    }

    @Test
    void aReplyThatIsOvertakenIsReorderedOnce() {
        long[] received = answeredAfter(5 * MS);
        received[4] = received[7] + MS / 2;
        assertThat(ProbeFigures.of(sent, received, 0, MS).reordered()).isEqualTo(1);
    }

    @Test
    void aLateSenderIsNoGapOfTheNetwork() {
        for (int i = 5; i < sent.length; i++) {
            sent[i] += 30 * MS;
        }
        assertThat(ProbeFigures.of(sent, answeredAfter(5 * MS), 0, MS).gapMs()).isZero();
    }

    @Test
    void withNoReplyAtAllNothingIsClaimed() {
        ProbeFigures figures = ProbeFigures.of(sent, new long[10], 0, MS);
        assertThat(figures.lost()).isEqualTo(10);
        assertThat(figures.medianRttMs()).isNaN();
    }
}
