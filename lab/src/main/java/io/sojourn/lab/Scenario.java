// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;

/** What is moved where, under which name it is run. */
public enum Scenario {
    DEMO("demo", "once round: st-andrews, hiroshima, gainesville, and home", 3, 3),
    LOOP("loop", "round and round the sites", 30, 10_000),
    BEHIND_OUR_BACK("behind-our-back", "an operator moves the VM by plain QMP, with no word to Sojourn", 2, 100);

    private final String id;
    private final String description;
    private final int moves;
    private final int mostMoves;

    Scenario(String id, String description, int moves, int mostMoves) {
        this.id = id;
        this.description = description;
        this.moves = moves;
        this.mostMoves = mostMoves;
    }

    public static Scenario named(String id) {
        for (Scenario scenario : values()) {
            if (scenario.id.equals(id)) {
                return scenario;
            }
        }
        throw new LabException("no scenario '" + id + "': see 'sojourn lab list'");
    }

    public String id() {
        return id;
    }

    public String description() {
        return description;
    }

    /** How many unless told otherwise. */
    public int moves() {
        return moves;
    }

    /** Destinations in order. {@code count} 0: as many as the scenario has of itself. */
    List<String> destinations(Topology topology, int count) {
        int wanted = count == 0 ? moves : count;
        if (wanted < 1 || wanted > mostMoves) {
            throw new LabException("scenario '" + id + "' takes 1 to " + mostMoves + " moves, not " + wanted);
        }
        List<String> destinations = new ArrayList<>();
        for (int i = 1; i <= wanted; i++) {
            destinations.add(topology.sites().get(i % topology.sites().size()).name());
        }
        return destinations;
    }
}
