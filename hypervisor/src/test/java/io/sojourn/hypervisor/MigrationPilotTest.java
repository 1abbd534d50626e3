// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.hypervisor.MigrationPilot.Decision;
import io.sojourn.hypervisor.MigrationPilot.Limits;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MigrationPilotTest {
    private static final long MIB = 1 << 20;
    private static final long TOTAL = 128 * MIB;
    private static final PathFacts GIGABIT = new PathFacts(125_000_000, Duration.ofMillis(250));
    private static final Duration HOLD = Duration.ofMillis(10);

    private final MigrationPilot unlimited = new MigrationPilot(GIGABIT, new Limits(0, 6), HOLD);

    private static MigrationProgress sample(long atMs, MigrationPhase phase, int pass, long remaining) {
        return new MigrationProgress(
                atMs * 1_000_000, phase, TOTAL, remaining, 0, pass, 0, 4096, 0, 0, 0, atMs, Optional.empty());
    }

    private static MigrationProgress active(long atMs, int pass, long remaining) {
        return sample(atMs, MigrationPhase.ACTIVE, pass, remaining);
    }

    @Test
    void beforeItBeginsAndOnceQemuFinishesByItselfTheCarrierReads() {
        assertThat(unlimited.decide(sample(1, MigrationPhase.SETUP, 0, 0))).isEqualTo(new Decision.Continue());
        assertThat(unlimited.decide(active(2, 1, TOTAL))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(sample(3, MigrationPhase.DEVICE, 3, 0))).isEqualTo(new Decision.Continue());
        assertThat(unlimited.decide(sample(4, MigrationPhase.COMPLETED, 3, 0))).isEqualTo(new Decision.Continue());
    }

    @Test
    void theFirstPassIsReadInGulpsThenInSipsAndNeverParked() {
        long before = Long.MAX_VALUE;
        for (long remaining : new long[] {4096 * MIB, 512 * MIB, 64 * MIB, 5 * MIB, 4 * MIB, MIB, 4096, 0}) {
            Decision decision = unlimited.decide(active(2, 1, remaining));
            assertThat(decision)
                    .isInstanceOfSatisfying(
                            Decision.Throttle.class,
                            throttle -> assertThat(throttle.bytes()).isGreaterThanOrEqualTo(MigrationPilot.SIP_BYTES));
            long bytes = ((Decision.Throttle) decision).bytes();
            assertThat(bytes).isLessThanOrEqualTo(before);
            before = bytes;
        }
        assertThat(before).isEqualTo(MigrationPilot.SIP_BYTES);
    }

    @Test
    void anIdleGuestIsParkedInItsSecondPassBeforeThePassIsOver() {
        unlimited.decide(active(0, 1, TOTAL));
        assertThat(unlimited.decide(active(1000, 2, 900_000)))
                .isInstanceOf(Decision.Throttle.class); // the third would be nothing
        assertThat(unlimited.decide(active(1002, 2, 700_000))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1004, 2, 480_000)))
                .isEqualTo(new Decision.Park(900_000 + MigrationPilot.IN_FLIGHT_BYTES, 9 + 125 + 3));
    }

    @Test
    void aVeryShortSecondPassIsParkedAtOnce() {
        unlimited.decide(active(0, 1, TOTAL));
        assertThat(unlimited.decide(active(1000, 2, 260_000))).isInstanceOf(Decision.Park.class);
        assertThat(unlimited.decide(active(1002, 2, 100_000)))
                .as("it stays parked")
                .isInstanceOf(Decision.Park.class);
    }

    @Test
    void shrinkingPassesAreFollowedDown() {
        unlimited.decide(active(0, 1, TOTAL));
        assertThat(unlimited.decide(active(1000, 2, 60 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1500, 3, 20 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1510, 3, 15 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1700, 4, 400_000))).isInstanceOf(Decision.Park.class);
    }

    @Test
    void aPassThatMayGoUnheldIsNotBegun() {
        unlimited.decide(active(0, 1, TOTAL));
        unlimited.decide(active(1000, 2, 15 * MIB)); // 125 ms, after a second that dirtied 15 MiB: about 2 MiB next
        assertThat(unlimited.decide(active(1090, 2, 4 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1100, 2, 450_000))).isInstanceOf(Decision.Park.class);
    }

    /** An eighth of what the path was said to carry: 30 MiB take two seconds, in which as much again is dirtied. */
    @Test
    void aCopyIsReckonedWithAsFastAsItIs() {
        for (long atMs = 0; atMs <= 2000; atMs += 100) {
            unlimited.decide(carried(atMs, 1, TOTAL, atMs * 15_600));
        }
        unlimited.decide(carried(2010, 2, 30 * MIB, 31_350_000));
        assertThat(unlimited.decide(carried(4000, 2, 450_000, 62_000_000))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(carried(4020, 3, 300_000, 62_300_000)))
                .isEqualTo(new Decision.Park(
                        300_000 + MigrationPilot.IN_FLIGHT_BYTES,
                        (300_000 + MigrationPilot.IN_FLIGHT_BYTES) * 1000 / 125_000_000 + 125 + 3));
    }

    private static MigrationProgress carried(long atMs, int pass, long remaining, long transferred) {
        return new MigrationProgress(
                atMs * 1_000_000 + 1,
                MigrationPhase.ACTIVE,
                TOTAL,
                remaining,
                transferred,
                pass,
                0,
                4096,
                0,
                0,
                0,
                atMs,
                Optional.empty());
    }

    @Test
    void whatRunsThroughItsLastPassAfterAllIsParkedAtOnce() {
        unlimited.decide(active(0, 1, TOTAL));
        assertThat(unlimited.decide(active(1000, 2, 2 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1010, 3, 6 * MIB))).isInstanceOf(Decision.Park.class);
    }

    @Test
    void aGuestThatSuddenlyWorksHardIsFollowedOn() {
        unlimited.decide(active(0, 1, TOTAL));
        assertThat(unlimited.decide(active(1000, 2, 2 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(1020, 3, 60 * MIB)))
                .as("enough of it can be held back")
                .isInstanceOf(Decision.Throttle.class);
    }

    @Test
    void aBusyGuestIsParkedWhenItsPassesShrinkNoMore() {
        unlimited.decide(active(0, 1, TOTAL));
        assertThat(unlimited.decide(active(150, 2, 20 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(320, 3, 19 * MIB))).isInstanceOf(Decision.Throttle.class);
        assertThat(unlimited.decide(active(480, 4, 20 * MIB)))
                .isInstanceOfSatisfying(
                        Decision.Park.class,
                        park -> assertThat(park.estimatedPauseMs()).isBetween(290L, 305L));
    }

    @Test
    void aGuestThatDoesNotFitTheLimitIsGivenUpAtTheLastPassWithItsReason() {
        MigrationPilot pilot = new MigrationPilot(GIGABIT, new Limits(200, 5), HOLD);
        pilot.decide(active(0, 1, TOTAL));
        for (int pass = 2; pass < 5; pass++) {
            assertThat(pilot.decide(active(pass * 1000L, pass, 40 * MIB))).isInstanceOf(Decision.Throttle.class);
        }
        assertThat(pilot.decide(active(5000, 5, 40 * MIB)))
                .isInstanceOfSatisfying(
                        Decision.GiveUp.class,
                        giveUp ->
                                assertThat(giveUp.reason()).contains("after 5 passes", "40960 KiB", "at most 200 ms"));
    }

    @Test
    void withoutLimitTheLastPassIsParkedWhateverItIs() {
        unlimited.decide(active(0, 1, TOTAL));
        for (int pass = 2; pass < 6; pass++) { // grows: never as good as the best
            assertThat(unlimited.decide(active(pass * 1000L, pass, 30 * MIB * pass)))
                    .isInstanceOf(Decision.Throttle.class);
        }
        assertThat(unlimited.decide(active(6000, 6, 200 * MIB))).isInstanceOf(Decision.Park.class);
    }

    @Test
    void samplesFromBeforeAnAnnouncedPassLetNothingThrough() {
        unlimited.decide(active(0, 1, TOTAL));
        unlimited.passBegan(2);
        assertThat(unlimited.decide(active(1000, 1, 4096))).isEqualTo(new Decision.Throttle(0));
        assertThat(unlimited.decide(active(1001, 2, 300_000))).isInstanceOf(Decision.Park.class);
    }
}
