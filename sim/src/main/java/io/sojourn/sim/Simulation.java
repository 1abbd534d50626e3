// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.List;

/** One run of one scenario. */
final class Simulation {
    private Simulation() {}

    /**
     * What became of a run.
     *
     * @param hash of every event, in order: equal runs have equal hashes
     * @param violations in words; empty if the invariants held
     * @param virtualNs how long it took, in virtual time
     * @param forgot hosts without a gateway may have met a VM anew: a border knew less of it than another one had
     * @param log what happened, if it was asked for
     */
    record Outcome(
            long hash,
            int done,
            int rolledBack,
            List<String> violations,
            long steps,
            long packets,
            long delivered,
            long virtualNs,
            boolean forgot,
            List<String> log) {}

    static Outcome run(long seed) {
        return run(Scenario.random(seed), Mutation.NONE, false);
    }

    static Outcome run(Scenario scenario, Mutation mutation, boolean logging) {
        World world = new World(scenario, mutation, logging);
        world.run();
        int done = 0;
        int rolledBack = 0;
        for (SimController.Migration migration : world.controller.migrations()) {
            switch (migration.progress) {
                case DONE -> done++;
                case ROLLED_BACK -> rolledBack++;
                default -> {}
            }
        }
        return new Outcome(
                world.monitor.hash(),
                done,
                rolledBack,
                List.copyOf(world.monitor.violations()),
                world.timeline.steps(),
                world.sent(),
                world.monitor.delivered(),
                world.timeline.nowNs(),
                world.monitor.hasForgotten(),
                world.monitor.log());
    }
}
