// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RangeSetTest {
    private static final int UNIVERSE = 400;

    @Test
    void agreesWithABitSetWhateverIsDoneToIt() {
        for (long seed = 0; seed < 200; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            RangeSet set = new RangeSet(1000);
            BitSet oracle = new BitSet();
            int floor = 0;
            for (int step = 0; step < 300; step++) {
                if (random.nextInt(20) == 0) {
                    floor = Math.min(UNIVERSE - 1, floor + random.nextInt(20));
                    set.trimBelow(floor);
                    oracle.clear(0, floor);
                } else {
                    int start = floor + random.nextInt(UNIVERSE - floor);
                    int end = Math.min(UNIVERSE, start + random.nextInt(12));
                    assertThat(set.add(start, end)).isTrue();
                    oracle.set(start, end);
                }
                check(set, oracle, random, seed);
            }
        }
    }

    private static void check(RangeSet set, BitSet oracle, SplittableRandom random, long seed) {
        int ranges = 0;
        for (int at = oracle.nextSetBit(0); at >= 0; at = oracle.nextSetBit(oracle.nextClearBit(at))) {
            assertThat(set.start(ranges)).as("seed %d", seed).isEqualTo(at);
            assertThat(set.end(ranges)).as("seed %d", seed).isEqualTo(oracle.nextClearBit(at));
            ranges++;
        }
        assertThat(set.size()).isEqualTo(ranges);
        int probe = random.nextInt(UNIVERSE);
        int until = probe + random.nextInt(10);
        assertThat(set.firstMissing(probe)).isEqualTo(oracle.nextClearBit(probe));
        assertThat(set.contains(probe, until)).isEqualTo(oracle.nextClearBit(probe) >= until);
        int above = oracle.nextSetBit(probe + 1);
        while (above > 0 && oracle.get(above - 1)) {
            above = oracle.nextSetBit(oracle.nextClearBit(above));
        }
        assertThat(set.nextStartAbove(probe)).isEqualTo(above < 0 ? Long.MAX_VALUE : above);
    }

    @Test
    void refusesOneRangeTooManyAndStaysAsItWas() {
        RangeSet set = new RangeSet(3);
        assertThat(set.add(0, 1) && set.add(10, 11) && set.add(20, 21)).isTrue();
        assertThat(set.add(30, 31)).isFalse();
        assertThat(set.add(5, 6)).isFalse();
        assertThat(set.add(1, 10)).isTrue();
        assertThat(set.size()).isEqualTo(2);
        assertThat(set.end(0)).isEqualTo(11);
    }
}
