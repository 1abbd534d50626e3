// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Real Linux guests between real QEMUs, under TCG. */
@Tag("system")
class MigrationSystemTest {
    private static final long GIGABIT = 125_000_000;
    private static final Duration HOLD = Duration.ofMillis(10);

    private Path directory;
    private MoveRig rig;

    @BeforeEach
    void rig() throws IOException {
        directory = MoveRig.directory();
        rig = new MoveRig(directory);
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        new QemuLauncher(directory).running().forEach(LaunchedGuest::destroy);
        MoveRig.remove(directory);
    }

    @ParameterizedTest
    @CsvSource({"0, 1000, 10", "0, 100, 3", "0, 10000, 3", "64, 1000, 5", "2048, 1000, 3", "16384, 1000, 3"})
    void aGuestMovesToAndFroAndIsStoppedWhenWeSay(int dirtyKib, long megabits, int moves) throws IOException {
        MoveRig.Side here = rig.boot("dirty=" + dirtyKib);
        int asked = 0;
        for (int move = 0; move < moves; move++) {
            MoveRig.Side there = rig.incoming(Map.of());
            MoveRig.Measure measure = rig.move(here, there, megabits * 125_000, HOLD);
            System.out.println("dirty " + dirtyKib + " KiB, " + megabits + " Mbit/s: " + measure);
            TestGuest.awaitTick(there);
            assertThat(here.guest().status()).isEqualTo(GuestState.POSTMIGRATE);
            here.guest().quit(Duration.ofSeconds(5));
            here.destroy();
            here = there;
            asked += measure.asked() ? 1 : 0;
        }
        here.destroy();
        assertThat(asked).isEqualTo(moves);
    }

    @Test
    void theSameQemuMovesAwayAfterFiveCancels() throws IOException {
        MoveRig.Side here = rig.boot("dirty=64");
        for (int attempt = 0; attempt < 5; attempt++) {
            MoveRig.Side there = rig.incoming(Map.of());
            try (StreamPump pump = rig.begin(here, there, GIGABIT)) {
                awaitCarried(pump, 4 << 20);
                if (attempt % 2 == 0) {
                    pump.park(); // blocked in its write
                }
                here.guest().cancelMigration(Duration.ofSeconds(5));
                assertThat(here.guest().progress().phase()).isEqualTo(MigrationPhase.CANCELLED);
                assertThat(here.guest().status()).isEqualTo(GuestState.RUNNING);
                TestGuest.awaitTick(here);
            }
            there.destroy();
            assertThat(there.process().alive()).isFalse();
        }
        MoveRig.Side there = rig.incoming(Map.of());
        System.out.println("after five cancels: " + rig.move(here, there, GIGABIT, HOLD));
        TestGuest.awaitTick(there);
        here.destroy();
        there.destroy();
    }

    @Test
    void aDestinationKilledInMidCopyLeavesTheGuestRunningAndAbleToMove() throws IOException {
        MoveRig.Side here = rig.boot("dirty=0");
        MoveRig.Side there = rig.incoming(Map.of());
        try (StreamPump pump = rig.begin(here, there, GIGABIT)) {
            awaitCarried(pump, 4 << 20);
            there.process().process().orElseThrow().destroyForcibly();
            there.events().await(event -> event instanceof GuestEvent.Disconnected);
            here.events().awaitPhase(MigrationPhase.FAILED);
        }
        assertThat(there.guest().status()).isEqualTo(GuestState.GONE);
        assertThat(here.guest().status()).isEqualTo(GuestState.RUNNING);
        assertThat(here.guest().progress().error()).isPresent();
        TestGuest.awaitTick(here);
        there.destroy();

        MoveRig.Side next = rig.incoming(Map.of());
        System.out.println("after a killed destination: " + rig.move(here, next, GIGABIT, HOLD));
        TestGuest.awaitTick(next);
        here.destroy();
        next.destroy();
    }

    @ParameterizedTest
    @CsvSource({"memory-mb, 160", "machine, pc"})
    void aDestinationThatRefusesTheStreamIsDetectedAndTheGuestGoesOn(String parameter, String value)
            throws IOException {
        MoveRig.Side here = rig.boot("dirty=0");
        MoveRig.Side there = rig.incoming(Map.of(parameter, value));
        try (StreamPump pump = rig.begin(here, there, GIGABIT)) {
            there.events()
                    .await(event -> event instanceof GuestEvent.Disconnected
                            || event instanceof GuestEvent.MigrationStatus status
                                    && status.phase() == MigrationPhase.FAILED);
            here.events()
                    .await(event -> event instanceof GuestEvent.MigrationStatus status
                            && status.phase().ended());
        }
        System.out.println(parameter + " refused: " + there.events().all() + " "
                + here.events().all() + " " + there.process().complaint());
        assertThat(there.process().complaint()).contains("qemu-system-x86_64");
        here.guest().cont();
        assertThat(here.guest().status()).isEqualTo(GuestState.RUNNING);
        TestGuest.awaitTick(here);
        here.destroy();
        there.destroy();
    }

    @Test
    void aGuestSentWholeCanBeTakenBackWhenTheDestinationWasNotContinued() throws IOException {
        MoveRig.Side here = rig.boot("dirty=0");
        MoveRig.Side there = rig.incoming(Map.of());
        try (StreamPump pump = rig.begin(here, there, 10 * GIGABIT)) {
            awaitCarried(pump, 4 << 20);
            here.guest().stop();
            there.events().awaitPhase(MigrationPhase.COMPLETED);
            here.events().awaitPhase(MigrationPhase.COMPLETED);
        }
        assertThat(there.guest().status()).isEqualTo(GuestState.PAUSED);
        assertThat(here.guest().status()).isEqualTo(GuestState.POSTMIGRATE);
        there.destroy();
        here.guest().cont();
        assertThat(here.guest().status()).isEqualTo(GuestState.RUNNING);
        TestGuest.awaitTick(here);

        MoveRig.Side next = rig.incoming(Map.of());
        rig.move(here, next, GIGABIT, HOLD);
        TestGuest.awaitTick(next);
        here.destroy();
        next.destroy();
    }

    /** As a killed destination after the guest was stopped by us: nothing resumes it but our cont. */
    @Test
    void aDestinationKilledAfterTheStopLeavesAGuestThatContinues() throws IOException {
        MoveRig.Side here = rig.boot("dirty=64");
        MoveRig.Side there = rig.incoming(Map.of());
        try (StreamPump pump = rig.begin(here, there, GIGABIT)) {
            awaitCarried(pump, 4 << 20);
            pump.park();
            here.guest().stop();
            there.process().process().orElseThrow().destroyForcibly();
            pump.open();
            here.events().awaitPhase(MigrationPhase.FAILED);
        }
        assertThat(here.guest().status()).isEqualTo(GuestState.PAUSED);
        here.guest().cont();
        assertThat(here.guest().status()).isEqualTo(GuestState.RUNNING);
        TestGuest.awaitTick(here);
        here.destroy();
        there.destroy();
    }

    /** The idlest of guests on a path without end: nothing but the stop ends its copy. */
    @Test
    void qemuDoesNotStopTheGuestBeforeWeDo() throws IOException {
        MoveRig.Side here = rig.boot("dirty=0");
        assumeThat(here.guest().streamGreeting())
                .as(
                        "%s finishes an idle guest by itself: it has no switchover-ack",
                        here.guest().version())
                .isNotEmpty();
        MoveRig.Side there = rig.incoming(Map.of());
        try (StreamPump pump = rig.begin(here, there, 10 * GIGABIT)) {
            here.events().await(event -> event instanceof GuestEvent.MigrationPass pass && pass.pass() > 100);
            assertThat(here.guest().status()).isEqualTo(GuestState.RUNNING);
            TestGuest.awaitTick(here);
            here.guest().stop();
            there.events().awaitPhase(MigrationPhase.COMPLETED);
            here.events().awaitPhase(MigrationPhase.COMPLETED);
        }
        there.guest().cont();
        TestGuest.awaitTick(there);
        here.destroy();
        there.destroy();
    }

    private static void awaitCarried(StreamPump pump, long bytes) {
        Awaitility.await()
                .pollInterval(Duration.ofMillis(1))
                .atMost(Duration.ofSeconds(20))
                .until(() -> pump.carriedBytes() >= bytes);
    }
}
