// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

/**
 * How a scenario is run.
 *
 * @param moves 0: as many as the scenario has of itself
 * @param vms how many VMs move together, in scenarios that move several; 0: as many as the scenario has of itself
 * @param only cells of a matrix: names, victims or steps, with commas between them; empty: all
 * @param mechanism how packets are carried: overlay or paging
 * @param prefix of the namespaces; empty: one is made up
 * @param keep let the lab stand, with its logs, if something went wrong
 */
public record ScenarioOptions(
        Scenario scenario, int moves, int vms, String only, long seed, String mechanism, String prefix, boolean keep) {
    /** All that a lab can be run with. */
    public static final java.util.List<String> MECHANISMS = java.util.List.of(Lab.OVERLAY, Lab.PAGING);

    /** @throws LabException if there is no such mechanism */
    public ScenarioOptions {
        if (!MECHANISMS.contains(mechanism)) {
            throw new LabException(
                    "--mechanism " + mechanism + ": there is only " + String.join(" and ", MECHANISMS) + " so far");
        }
    }

    public static ScenarioOptions demo(String mechanism) {
        return new ScenarioOptions(Scenarios.DEMO, 0, 0, "", 1, mechanism, "", false);
    }
}
