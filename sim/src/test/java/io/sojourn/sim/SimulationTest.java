// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SimulationTest {
    @Test
    void aThousandFaultedMigrationsBreakNoInvariant() {
        SimRunner.Campaign campaign = SimRunner.campaign(1_000, 1, done -> {});
        assertThat(campaign.failures()).isEmpty();
        assertThat(campaign.done()).isGreaterThan(500);
        assertThat(campaign.rolledBack()).isGreaterThan(100);
    }

    @Test
    void aSeedIsOneStory() {
        for (long seed = 1; seed <= 200; seed++) {
            assertThat(Simulation.run(seed).hash())
                    .as("seed " + seed)
                    .isEqualTo(Simulation.run(seed).hash());
        }
        assertThat(Simulation.run(1).hash()).isNotEqualTo(Simulation.run(2).hash());
        assertThat(SimRunner.replay(17)).isEqualTo(SimRunner.replay(17));
    }

    @Test
    void loggingChangesNothing() {
        for (long seed = 1; seed <= 20; seed++) {
            Scenario scenario = Scenario.random(seed);
            assertThat(Simulation.run(scenario, Mutation.NONE, true).hash())
                    .isEqualTo(Simulation.run(scenario, Mutation.NONE, false).hash());
        }
    }

    @Test
    void plantedFaultsAreFound() {
        assertThat(SimRunner.mutations()).hasSizeGreaterThanOrEqualTo(20);
        assertThat(SimRunner.mutants(10_000, 1, mutant -> {}))
                .allSatisfy(
                        mutant -> assertThat(mutant.killed()).as(mutant.name()).isTrue());
    }

    @Test
    void aFailingScenarioIsCutDownToWhatMatters() {
        Scenario large = null;
        for (long seed = 1; large == null; seed++) {
            Scenario scenario = Scenario.random(seed);
            if (scenario.moves().size() > 2
                    && scenario.faults().size() > 1
                    && !Simulation.run(scenario, Mutation.SOURCE_NOT_QUIT, false)
                            .violations()
                            .isEmpty()) {
                large = scenario;
            }
        }
        Scenario small = Shrinker.shrink(large, Mutation.SOURCE_NOT_QUIT);
        assertThat(Simulation.run(small, Mutation.SOURCE_NOT_QUIT, false).violations())
                .isNotEmpty();
        assertThat(small.faults()).isEmpty();
        assertThat(small.moves().size()).isLessThan(large.moves().size());
    }
}
