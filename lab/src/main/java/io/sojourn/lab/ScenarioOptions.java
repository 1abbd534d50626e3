// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;

/**
 * How a scenario is run.
 *
 * @param moves 0: as many as the scenario has of itself
 * @param vms how many VMs move together, in scenarios that move several; 0: as many as the scenario has of itself
 * @param only cells of a matrix: names, victims or steps, with commas between them; empty: all
 * @param rttsMs round trips of the links that a scenario takes its moves over, in turn; empty: the scenario's own
 * @param mechanism how packets are carried: overlay, paging, segment, mat, ilnp or label
 * @param transparency who may notice moves by ilnp: visible, invisible or local
 * @param prefix of the namespaces; empty: one is made up
 * @param keep let the lab stand, with its logs, if something went wrong
 * @param seconds how long something is to last; 0: as long as it does of itself
 */
public record ScenarioOptions(
        Scenario scenario,
        int moves,
        int vms,
        String only,
        List<Double> rttsMs,
        long seed,
        String mechanism,
        String transparency,
        String prefix,
        boolean keep,
        int seconds) {
    /** All that a lab can be run with. */
    public static final List<String> MECHANISMS =
            List.of(Lab.OVERLAY, Lab.PAGING, Lab.SEGMENT, Lab.MAT, Lab.ILNP, Lab.LABEL);

    public static final String VISIBLE = "visible";
    static final String LOCAL = "local";
    public static final List<String> TRANSPARENCIES = List.of(VISIBLE, "invisible", LOCAL);

    /** Without what only one scenario wants. */
    public ScenarioOptions(
            Scenario scenario,
            int moves,
            int vms,
            String only,
            List<Double> rttsMs,
            long seed,
            String mechanism,
            String transparency,
            String prefix,
            boolean keep) {
        this(scenario, moves, vms, only, rttsMs, seed, mechanism, transparency, prefix, keep, 0);
    }

    /** @throws LabException if there is no such mechanism */
    public ScenarioOptions {
        rttsMs = List.copyOf(rttsMs);
        if (!MECHANISMS.contains(mechanism)) {
            throw new LabException("--mechanism " + mechanism + ": there are " + String.join(", ", MECHANISMS));
        }
        if (!TRANSPARENCIES.contains(transparency)) {
            throw new LabException(
                    "--transparency " + transparency + ": there are " + String.join(", ", TRANSPARENCIES));
        }
        if (transparency.equals(LOCAL)) {
            if (!mechanism.equals(Lab.ILNP)) {
                throw new LabException("--transparency local is of --mechanism ilnp");
            }
            scenario = scenario == Scenarios.DEMO ? Scenarios.DEMO_LOCAL : scenario;
            if (scenario.borders().isEmpty()) {
                throw new LabException(
                        "no site of '" + scenario.id() + "' has several places: --transparency local is for 'demo'");
            }
        }
    }

    public static ScenarioOptions demo(String mechanism, String transparency) {
        return new ScenarioOptions(Scenarios.DEMO, 0, 0, "", List.of(), 1, mechanism, transparency, "", false, 0);
    }
}
