// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ModerationTest {
    private static final long MS = 1_000_000;

    private final Moderation moderation = new Moderation();
    private long nowNs = 1_000 * MS;
    private boolean naps;
    private boolean hasNapped;
    private int singlePerMs;

    /** Frames come evenly, and whoever looks at them does as it is told. */
    private void frames(int perMs, int ms) {
        long between = MS / perMs;
        for (long end = nowNs + ms * MS; nowNs < end; ) {
            long slept = naps ? Math.max(Moderation.NAP_NS, between) : between;
            long singleBefore = nowNs * singlePerMs / MS;
            nowNs += slept;
            int single = (int) (nowNs * singlePerMs / MS - singleBefore);
            naps = moderation.naps((int) (slept / between), single, nowNs);
            hasNapped |= naps;
        }
    }

    @Test
    void aPacketNowAndThenIsNeverHeldUp() {
        frames(1, 50);
        frames(10, 50);
        assertThat(hasNapped).isFalse();
    }

    @Test
    void aFloodIsLookedAtByTheClockForAsLongAsItLasts() {
        for (int ms = 0; ms < 20; ms++) {
            frames(200, 1);
            assertThat(naps || ms < 2).isTrue();
        }
        frames(1, 3);
        assertThat(naps).isFalse();
    }

    @Test
    void framesThatGatherByThemselvesNeedNoNap() {
        for (int i = 0; i < 100; i++) {
            nowNs += MS / 20;
            assertThat(moderation.naps(32, 0, nowNs)).isFalse();
        }
    }

    @Test
    void aPacketThatSomebodyWaitsForBesideAStreamIsNotHeldUpEither() {
        frames(50, 20);
        assertThat(naps).isTrue();
        singlePerMs = 1;
        frames(50, 2);
        singlePerMs = 0;
        for (int ms = 0; ms < 8; ms++) {
            frames(50, 1);
            assertThat(naps).as("%d ms after it", ms).isFalse();
        }
        frames(50, 10);
        assertThat(naps).isTrue();
    }

    @Test
    void aFloodOfSuchPacketsIsLookedAtByTheClock() {
        singlePerMs = 50;
        frames(50, 20);
        assertThat(naps).isTrue();
    }
}
