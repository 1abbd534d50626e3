// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class PageTest {
    @Test
    void hasRoomForAllNumbersOrIsRefused() {
        assertThat(Page.parse("100.80.0.0/16", "fd50:1::/48").isNone()).isFalse();
        assertThat(Page.parse("", "")).isEqualTo(Page.NONE);
        assertThatThrownBy(() -> Page.parse("100.80.0.0/17", "")).hasMessageContaining("/16 or shorter");
        assertThatThrownBy(() -> Page.parse("", "fd50:1::/64")).hasMessageContaining("/48 or shorter");
        assertThatThrownBy(() -> Page.parse("fd50:1::/48", "")).hasMessageContaining("is no page");
        long last = Page.vm4(Page.NUMBERS4 - 1, 0xFFFF, true);
        assertThat(last).isEqualTo((1 << 32 - Page.LENGTH4_MAX) - 1);
    }

    @Test
    void noTwoOfANumberMeetNorTwoNumbers() {
        java.util.Set<Long> seen = new java.util.HashSet<>();
        for (int number = 0; number < 64; number++) {
            for (int epoch = 0; epoch < 1 << Page.EPOCH4_BITS; epoch++) {
                assertThat(seen.add(Page.vm4(number, epoch, false))).isTrue();
                assertThat(seen.add(Page.vm4(number, epoch, true))).isTrue();
            }
        }
        int hosts = 100;
        assertThat(Page.numbersOfHosts4(24)).isEqualTo(16);
        assertThat(Page.host4(hosts, 255, true)).isLessThan(Page.vm4(hosts + Page.numbersOfHosts4(24), 0, false));
        assertThat(Page.numbersOfHosts4(32)).isEqualTo(1);
    }

    @Test
    void anEpochIsKnownByItsLowBits() {
        for (long bound = 1; bound < 200; bound++) {
            for (long burnt = 0; burnt < 8; burnt++) {
                long marked = bound + burnt;
                assertThat(epoch(bound, bound, marked)).isEqualTo(bound);
                assertThat(epoch(marked, bound, marked)).isEqualTo(marked);
                assertThat(epoch(marked + 1, bound, marked))
                        .as("of the next move")
                        .isEqualTo(marked + 1);
                assertThat(epoch(Math.max(1, bound - 3), bound, bound)).isEqualTo(Math.max(1, bound - 3));
            }
        }
    }

    private static long epoch(long meant, long bound, long marked) {
        int low = (int) (meant & (1 << Page.EPOCH4_BITS) - 1);
        return Page.epoch(low, Page.EPOCH4_BITS, bound, marked, marked);
    }
}
