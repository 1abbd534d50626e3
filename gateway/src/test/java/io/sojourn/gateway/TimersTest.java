// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TimersTest {
    private final Timers timers = new Timers();
    private final List<String> fired = new ArrayList<>();

    @Test
    void timersFireInOrderOfTimeAndOnlyOnce() {
        timers.set("b", 20, () -> fired.add("b"));
        timers.set("a", 10, () -> fired.add("a"));
        assertThat(timers.untilNextNs(4)).isEqualTo(6);
        assertThat(timers.run(15)).isEqualTo(1);
        assertThat(timers.run(25)).isEqualTo(1);
        assertThat(timers.run(99)).isZero();
        assertThat(fired).containsExactly("a", "b");
        assertThat(timers.untilNextNs(99)).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void settingATimerAgainMovesIt() {
        timers.set("a", 10, () -> fired.add("early"));
        timers.set("a", 30, () -> fired.add("late"));
        timers.run(20);
        assertThat(fired).isEmpty();
        timers.run(30);
        assertThat(fired).containsExactly("late");
    }

    @Test
    void aCancelledTimerNeverFiresEvenWhenItIsSetByAnother() {
        timers.set("a", 10, () -> timers.cancel("b"));
        timers.set("b", 10, () -> fired.add("b"));
        timers.run(10);
        assertThat(fired).isEmpty();
    }
}
