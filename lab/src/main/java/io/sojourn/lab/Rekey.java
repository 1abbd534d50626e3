// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** Moves while every session between gateways gets new keys every few seconds: before, during and after each move. */
final class Rekey extends Scenario {
    private static final int AFTER_S = 2;

    Rekey() {
        super("rekey", "round the sites with new keys between gateways every 2 s", 3, 1_000);
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return Map.of("rekey-after-s", AFTER_S);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            long before = rekeys(stage);
            stage.tour(destinations, findings);
            long during = rekeys(stage) - before;
            stage.say(during + " sessions got new keys meanwhile");
            if (during == 0) {
                findings.problems.add("no session got new keys: nothing was shown");
            }
            return false;
        };
    }

    private static long rekeys(Stage stage) {
        long sum = 0;
        for (JsonNode gateway : stage.lab().rest().get("/v1/gateways").path("items")) {
            sum += gateway.path("counters").path("rekeyed").asLong(0);
        }
        return sum;
    }
}
