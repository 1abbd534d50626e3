// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunStatesTest {
    @Test
    void thePauseReachesFromOneHypervisorToTheOther(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("web1.trace"), """
                7@100.000001:runstate_set current_run_state 6 (prelaunch) new_state 9 (running)
                7@200.500000:runstate_set current_run_state 9 (running) new_state 4 (paused)
                7@200.600000:runstate_set current_run_state 4 (paused) new_state 3 (finish-migrate)
                """);
        Files.createDirectories(folder.resolve("qemu"));
        Files.writeString(folder.resolve("qemu/web1.0a.trace"), """
                8@199.000000:runstate_set current_run_state 6 (prelaunch) new_state 1 (inmigrate)
                8@200.631250:runstate_set current_run_state 4 (paused) new_state 9 (running)
                """);
        assertThat(RunStates.lastPause(folder, "web1", 150_000_000))
                .hasValueSatisfying(pause -> assertThat(pause.ms()).isEqualTo(131.25));
        assertThat(RunStates.lastPause(folder, "web1", 201_000_000)).isEmpty();
    }

    @Test
    void aGuestThatWasTakenBackHasNotMoved(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("web1.trace"), """
                7@200.500000:runstate_set current_run_state 9 (running) new_state 4 (paused)
                7@201.500000:runstate_set current_run_state 4 (paused) new_state 9 (running)
                """);
        assertThat(RunStates.lastPause(folder, "web1", 0)).isEmpty();
    }
}
