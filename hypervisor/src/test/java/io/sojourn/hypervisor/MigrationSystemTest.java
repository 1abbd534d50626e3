// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
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
    void nothingIsLeft() {
        new QemuLauncher(directory).running().forEach(LaunchedGuest::destroy);
    }

    @ParameterizedTest
    @CsvSource({"0, 10", "64, 5", "2048, 5", "16384, 3"})
    void aGuestMovesToAndFroAndIsStoppedWhenWeSay(int dirtyKib, int moves) throws IOException {
        MoveRig.Side here = rig.boot("dirty=" + dirtyKib);
        int asked = 0;
        for (int move = 0; move < moves; move++) {
            MoveRig.Side there = rig.incoming(Map.of());
            MoveRig.Measure measure = rig.move(here, there, GIGABIT, HOLD);
            System.out.println("dirty " + dirtyKib + " KiB: " + measure);
            TestGuest.awaitTick(there.console());
            assertThat(here.guest().status()).isEqualTo(GuestState.POSTMIGRATE);
            here.guest().quit(Duration.ofSeconds(5));
            here.destroy();
            here = there;
            asked += measure.asked() ? 1 : 0;
        }
        here.destroy();
        assertThat(asked).isEqualTo(moves);
    }
}
