// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;

/** Every gateway stands behind a stateful firewall that lets out what it sends, and in what answers: UDP outbound only, at all sites. */
final class Firewall extends Scenario {
    Firewall() {
        super("firewall", "round the sites, each of which lets UDP out and only answers in", 3, 100);
    }

    @Override
    void furnish(Lab lab) {
        lab.topology().sites().forEach(site -> NetFilter.outboundOnly(lab.place(site.name())));
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            stage.tour(destinations, findings);
            long turnedAway = topology.sites().stream()
                    .mapToLong(site -> NetFilter.turnedAway(stage.lab().place(site.name())))
                    .sum();
            stage.say("the firewalls turned away " + turnedAway + " packets");
            if (turnedAway == 0) {
                findings.problems.add("no firewall turned anything away: nothing was shown");
            }
            return false;
        };
    }
}
