// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.lab.Labs;
import io.sojourn.lab.Progress;
import io.sojourn.lab.Report;
import io.sojourn.lab.Scenario;
import io.sojourn.lab.ScenarioOptions;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The quick ones of the lab's scenarios, on real processes and VMs; here because the lab starts its processes by this module's class path. */
@Tag("system")
class ScenarioSystemTest {
    private final ByteArrayOutputStream said = new ByteArrayOutputStream();

    private Report run(String scenario, int moves, int vms, String only) {
        Progress progress = new Progress(new PrintStream(said, true, StandardCharsets.UTF_8), false);
        return Labs.run(
                new ScenarioOptions(
                        Scenario.named(scenario), moves, vms, only, List.of(), 1, "overlay", "visible", "", false),
                progress);
    }

    @Test
    void aGatewayKilledAtHoldAndOneKilledAtActivateLeaveOneVmAndNothingElse() {
        Report report = run("kill-matrix", 0, 0, "s:HOLD,d:ACTIVATE");

        assertThat(report.ok()).as(said.toString(StandardCharsets.UTF_8)).isTrue();
        assertThat(report.cells()).hasSize(2).allSatisfy(cell -> {
            assertThat(cell.hypervisors()).isEqualTo(1);
            assertThat(cell.tcpOpen()).isPositive();
            assertThat(cell.orphans()).isEmpty();
        });
    }

    @Test
    void twoVmsThatTalkToEachOtherPassEachOther() {
        Report report = run("both-move", 2, 0, "");

        assertThat(report.ok()).as(said.toString(StandardCharsets.UTF_8)).isTrue();
        assertThat(report.moves()).hasSize(4);
    }
}
