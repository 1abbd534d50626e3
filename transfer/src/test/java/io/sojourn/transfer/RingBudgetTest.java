// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RingBudgetTest {
    private static final int MIB = 1 << 20;

    private final RingBudget budget = new RingBudget(256L * MIB);

    @Test
    void whoeverComesWhenLittleIsLeftGetsLessAndNeverNone() {
        assertThat(sizes(take(10))).containsExactly(64, 64, 64, 32, 16, 8, 4, 4, 4, 4);
    }

    @Test
    void whatIsGivenBackIsThereForTheNext() {
        List<ByteRing> rings = take(10);
        rings.forEach(ByteRing::closeProducer);
        assertThat(sizes(take(1))).containsExactly(4);
        rings.forEach(ByteRing::closeConsumer);
        rings.forEach(ByteRing::closeConsumer);
        assertThat(sizes(take(3))).containsExactly(64, 64, 32); // the one of 4 is still there
    }

    @Test
    void smallOnesAreAsTheyWereAskedFor() {
        assertThat(budget.ring(8 * MIB).capacityBytes()).isEqualTo(8 * MIB);
    }

    private List<ByteRing> take(int count) {
        return IntStream.range(0, count).mapToObj(i -> budget.ring(64 * MIB)).toList();
    }

    private static List<Integer> sizes(List<ByteRing> rings) {
        return rings.stream().map(ring -> ring.capacityBytes() / MIB).toList();
    }
}
