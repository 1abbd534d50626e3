// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class TopologyTest {
    private final Topology topology = Topology.threeContinents();

    @Test
    void delaysAreTheSameBothWaysAndNoneWithinASite() {
        assertThat(topology.oneWayMs("st-andrews", "hiroshima")).isEqualTo(125);
        assertThat(topology.oneWayMs("hiroshima", "gainesville")).isEqualTo(90);
        assertThat(topology.oneWayMs("st-andrews", "gainesville")).isEqualTo(55);
        assertThat(topology.oneWayMs("gainesville", "gainesville")).isZero();
    }

    @Test
    void everyPlaceHasALinkToTheController() {
        topology.sites()
                .forEach(site -> assertThat(topology.oneWayMs(Topology.CONTROLLER, site.name()))
                        .isPositive());
    }

    @Test
    void scenariosGoRoundTheSitesAndEndAtHome() {
        assertThat(Tour.destinations(topology, 3)).containsExactly("hiroshima", "gainesville", "st-andrews");
        assertThat(Tour.destinations(topology, 30)).hasSize(30).endsWith("gainesville", "st-andrews");
        ScenarioOptions tooMany =
                new ScenarioOptions(Scenarios.DEMO, 9, 0, "", List.of(), 1, "overlay", "visible", "", false);
        assertThatThrownBy(() -> Scenarios.DEMO.begin(topology, tooMany)).hasMessageContaining("1 to 3 moves");
        assertThatThrownBy(() -> Scenario.named("nowhere")).hasMessageContaining("lab list");
    }
}
