// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SimulationTest {
    @Test
    void aThousandFaultedMigrationsBreakNoInvariant() {
        SimRunner.Campaign campaign = SimRunner.campaign(1_000, 1, false, done -> {});
        assertThat(campaign.failures()).isEmpty();
        assertThat(campaign.done()).isGreaterThan(500);
        assertThat(campaign.rolledBack()).isGreaterThan(100);
    }

    @Test
    void threeHundredByIlnpBreakNone() {
        SimRunner.Campaign campaign = SimRunner.campaign(300, 1, true, done -> {});
        assertThat(campaign.failures()).isEmpty();
        assertThat(campaign.done()).isGreaterThan(150);
        assertThat(campaign.rolledBack()).isGreaterThan(30);
        assertThat(SimRunner.repeat(20, 3, true, done -> {}).different()).isEmpty();
    }

    @Test
    void everyOrderOfASmallMoveIsFine() {
        SimRunner.Exhausted calm = SimRunner.exhaustive(0, 0, 0, 0, 1, 1, 1_000_000, states -> {});
        assertThat(calm.violations()).isEmpty();
        assertThat(calm.complete()).isTrue();
        SimRunner.Exhausted killed = SimRunner.exhaustive(1, 0, 0, 0, 0, 0, 1_000_000, states -> {});
        assertThat(killed.violations()).isEmpty();
        assertThat(killed.complete()).isTrue();
        assertThat(killed.states()).isGreaterThan(100_000);
    }

    @Test
    void theExhaustiveSearchFindsPlantedFaults() {
        assertThat(searched(Mutation.RESUMED_WITHOUT_ASKING, 1, 1, 0, 0)).isNotEmpty();
        assertThat(searched(Mutation.NO_JOURNAL, 1, 0, 0, 0)).isNotEmpty();
        assertThat(searched(Mutation.NO_OUTBOUND_HOLD, 0, 0, 0, 2)).isNotEmpty();
        assertThat(searched(Mutation.NO_INBOUND_HOLD, 0, 0, 2, 0)).isNotEmpty();
        assertThat(searched(Mutation.BUFFER_NOT_RETURNED, 0, 1, 1, 0)).isNotEmpty();
    }

    private static java.util.List<String> searched(
            Mutation mutation, int crashes, int aborts, int inbound, int outbound) {
        return Exhaustive.search(
                        new SmallWorld.Budget(crashes, 0, 0, aborts, inbound, outbound),
                        mutation,
                        true,
                        2_000_000,
                        states -> {})
                .violations();
    }

    @Test
    void aSeedIsOneStory() {
        for (long seed = 1; seed <= 200; seed++) {
            assertThat(Simulation.run(seed).hash())
                    .as("seed " + seed)
                    .isEqualTo(Simulation.run(seed).hash());
        }
        assertThat(Simulation.run(1).hash()).isNotEqualTo(Simulation.run(2).hash());
        assertThat(SimRunner.replay(17, false)).isEqualTo(SimRunner.replay(17, false));
        assertThat(SimRunner.repeat(100, 3, false, done -> {}).different()).isEmpty();
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
        assertThat(SimRunner.mutants(30_000, 1, mutant -> {}))
                .allSatisfy(
                        mutant -> assertThat(mutant.killed()).as(mutant.name()).isTrue());
    }

    @Test
    void aPlantedFaultIsShownInItsSmallestWorld() {
        SimRunner.Failure failure =
                SimRunner.shrink("source-not-quit", 1_000, 1).orElseThrow();
        assertThat(failure.violation()).contains("orphan");
        assertThat(failure.scenario().lines().count()).isEqualTo(2);
        assertThat(failure.trace()).isNotEmpty();
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
