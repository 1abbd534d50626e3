// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StallsTest {
    private static final long MS = 1_000_000;

    private final Counters counters = new Counters();
    private final Stalls stalls = new Stalls(counters);

    @Test
    void onlyWhatTookLongIsCounted() {
        stalls.sample(0);
        stalls.ended("packets came", 0, 19 * MS);
        stalls.ended("it overslept", 5 * MS, 4 * MS); // woken before its time
        assertThat(counters.get(Counters.Kind.STALLED)).isZero();
        stalls.ended("packets came", 0, 21 * MS);
        assertThat(counters.get(Counters.Kind.STALLED)).isOne();
    }
}
