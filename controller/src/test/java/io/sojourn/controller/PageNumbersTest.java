// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import org.junit.jupiter.api.Test;

class PageNumbersTest {
    private static BitSet taken(int... numbers) {
        BitSet taken = new BitSet();
        taken.set(0);
        for (int number : numbers) {
            taken.set(number);
        }
        return taken;
    }

    @Test
    void aNumberThatIsFreeAgainComesAfterAllOthers() {
        assertThat(PageNumbers.free(taken(), -1, 1, 10)).isEqualTo(1);
        assertThat(PageNumbers.free(taken(1, 3), -1, 1, 10)).isEqualTo(4);
        assertThat(PageNumbers.free(taken(1, 3), 4, 1, 10)).isEqualTo(5);
        assertThat(PageNumbers.free(taken(1, 9), 9, 1, 10)).isEqualTo(2);
    }

    @Test
    void hostsNeedSoManyTogether() {
        assertThat(PageNumbers.free(taken(1, 4), 1, 2, 10)).isEqualTo(2);
        assertThat(PageNumbers.free(taken(1, 4), 1, 3, 10)).isEqualTo(5);
        assertThat(PageNumbers.free(taken(1, 4), 1, 6, 10)).isZero();
        assertThat(PageNumbers.free(taken(1, 2, 3), -1, 1, 4)).isZero();
    }
}
