// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Against the slow and obvious: a set of all counters that were accepted, and the highest of them. */
class ReplayWindowTest {
    private static final int RUNS = 300;
    private static final int STEPS = 5_000;

    @Test
    void acceptsWhatTheModelAccepts() {
        for (int seed = 0; seed < RUNS; seed++) {
            run(new SplittableRandom(seed), seed);
        }
    }

    private static void run(SplittableRandom random, int seed) {
        ReplayWindow window = new ReplayWindow();
        Set<Long> accepted = new HashSet<>();
        long highest = -1;
        long around = random.nextInt(2) == 0 ? 0 : random.nextLong(SealTimers.REJECT_AFTER_DATAGRAMS);
        for (int step = 0; step < STEPS; step++) {
            long counter = next(random, around);
            boolean may = !accepted.contains(counter) && counter > highest - ReplayWindow.WINDOW;
            assertThat(window.mayAccept(counter))
                    .as("seed %d step %d: %d after %d", seed, step, counter, highest)
                    .isEqualTo(may);
            if (may && random.nextInt(8) != 0) {
                assertThat(window.accept(counter)).isEqualTo(counter > highest);
                accepted.add(counter);
                highest = Math.max(highest, counter);
                around = highest;
            }
        }
    }

    private static long next(SplittableRandom random, long around) {
        long distance = switch (random.nextInt(10)) {
            case 0 -> random.nextLong(-20_000, 20_000);
            case 1 -> random.nextLong(-ReplayWindow.WINDOW - 70, -ReplayWindow.WINDOW + 70);
            case 2 -> random.nextLong(-130, 130);
            case 3 -> random.nextLong(-9_000, 100);
            default -> random.nextLong(-5, 8);
        };
        return Math.max(0, around + distance);
    }

    @Test
    void whatNoCounterCanBeIsRefused() {
        assertThat(new ReplayWindow().mayAccept(-1)).isFalse();
        assertThat(new ReplayWindow().mayAccept(Long.MIN_VALUE)).isFalse();
    }
}
