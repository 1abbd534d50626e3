// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Back and forth between two sites, each move a second after the one before: nothing of the last move may be in the way of the next. */
final class PingPong extends Scenario {
    private static final Duration APART = Duration.ofSeconds(1);

    PingPong() {
        super("ping-pong", "back and forth between st-andrews and gainesville, moves one second apart", 20, 1_000);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        int moves = count(options);
        List<String> destinations = new ArrayList<>();
        for (int i = 1; i <= moves; i++) {
            destinations.add(
                    (i % 2 == 1 ? topology.sites().getLast() : topology.sites().getFirst()).name());
        }
        return (stage, findings) -> {
            stage.movers().forEach(mover -> mover.settleFor(APART));
            stage.tour(destinations, findings);
            return false;
        };
    }
}
