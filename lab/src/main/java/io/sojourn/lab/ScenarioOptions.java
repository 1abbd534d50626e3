// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

/**
 * How a scenario is run.
 *
 * @param moves 0: as many as the scenario has of itself
 * @param prefix of the namespaces; empty: one is made up
 * @param keep let the lab stand, with its logs, if something went wrong
 */
public record ScenarioOptions(Scenario scenario, int moves, long seed, String prefix, boolean keep) {
    public static ScenarioOptions demo() {
        return new ScenarioOptions(Scenario.DEMO, 0, 1, "", false);
    }
}
