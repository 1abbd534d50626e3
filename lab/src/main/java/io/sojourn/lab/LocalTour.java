// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;
import java.util.Map;

/**
 * The demo within one ILNP site (RFC 6748 section 6.1): two places, a kilometre apart, behind the border of the first. What leaves has that border's locator wherever the VM runs, and
 * nobody outside can tell that it has moved.
 *
 * <pre>
 *   guardbridge ══ st-andrews, fd66:1:0::/64 ── WAN ── gainesville
 * </pre>
 */
final class LocalTour extends Tour {
    private static final double BETWEEN_PLACES_MS = 1;
    private static final double OUTSIDE_MS = 110;

    @Override
    Topology topology() {
        return Topology.of(List.of("st-andrews", "guardbridge", "gainesville"), new double[][] {
            {0, BETWEEN_PLACES_MS, OUTSIDE_MS}, {BETWEEN_PLACES_MS, 0, OUTSIDE_MS}, {OUTSIDE_MS, OUTSIDE_MS, 0}
        });
    }

    @Override
    Map<String, String> borders() {
        return Map.of("guardbridge", "st-andrews");
    }

    /** To and fro between the two. */
    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> places = topology.sites().stream().map(Topology.Site::name).toList();
        List<String> destinations =
                List.of(places.get(1), places.get(0), places.get(1)).subList(0, count(options));
        return (stage, findings) -> {
            stage.tour(destinations, findings);
            return false;
        };
    }
}
