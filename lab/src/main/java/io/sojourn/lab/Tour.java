// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;

/** The demo: once round the sites. */
class Tour extends Scenario {
    Tour() {
        super("demo", "once round: st-andrews, hiroshima, gainesville, and home", 3, 3);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = destinations(topology, count(options));
        return (stage, findings) -> {
            stage.tour(destinations, findings);
            return false;
        };
    }

    /** The first {@code count} sites after the first one, round and round. */
    static List<String> destinations(Topology topology, int count) {
        List<String> destinations = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            destinations.add(topology.sites().get(i % topology.sites().size()).name());
        }
        return destinations;
    }
}
