// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A host out on the WAN that knows nothing of MAT: no gateway, no mapping, plain IP. It speaks to the VM's home address, which the WAN routes to the VM's home; the gateway
 * there passes its packets on by mobile addresses to wherever the VM is, and what comes back goes out there in plain IP. The VM moves away, on, and home.
 *
 * <pre>
 *   legacy 100.64.8.2 ── plain IP ── WAN ── st-andrews, home of 10.10.1.0/24 ══ mobile addresses ══ where the VM is
 * </pre>
 */
final class LegacyPeer extends Scenario {
    private static final String LEGACY = "legacy";
    private static final int NUMBER = 8;
    private static final double RTT_MS = 40;
    private static final String PREFIX4 = "100.64.8.0/24";
    private static final String PREFIX6 = "fd64:8::/64";

    LegacyPeer() {
        super(
                "mat-legacy-peer",
                "a host without MAT talks in plain IP, by way of the VM's home, while the VM moves",
                3,
                3);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.MAT;
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withOutsider(LEGACY, RTT_MS);
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(LEGACY, NUMBER);
    }

    private static Topology.Site home() {
        return Topology.threeContinents().sites().getFirst();
    }

    @Override
    List<String> routedTo(Topology.Site site) {
        return site.equals(home()) ? List.of(site.prefix4(), site.prefix6()) : List.of();
    }

    @Override
    List<String> inTheOpen() {
        return List.of(PREFIX4, PREFIX6);
    }

    @Override
    List<Object> subnets() {
        return List.of(
                Map.of("prefix", PREFIX4, "gateway", "100.64.8.1", "homeSite", home().name()),
                Map.of("prefix", PREFIX6, "gateway", "fd64:8::1", "homeSite", home().name()));
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return site.equals(home()) ? Map.of("on-underlay", List.of(PREFIX4, PREFIX6)) : Map.of();
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Mover mover = stage.mover();
            // What the WAN brings to the VM's home for home addresses is the gateway's.
            lab.place(home().name())
                    .ip(List.of(
                            "route add " + home().prefix4() + " dev sjpage",
                            "route add " + home().prefix6() + " dev sjpage"));
            try (Traffic legacy = Traffic.start(
                    lab.run(),
                    List.of(lab.place(LEGACY)),
                    lab.image(),
                    mover.plan().address4(),
                    mover.plan().address6(),
                    load(),
                    options.seed())) {
                stage.calmDown(Duration.ofSeconds(2));
                legacy.begin();
                stage.calmDown(Duration.ofSeconds(1));
                for (String destination : destinations) {
                    legacy.moveStarts();
                    stage.tour(List.of(destination), findings);
                    judge(stage, destination, legacy.end(), findings);
                }
            }
            return false;
        };
    }

    private static void judge(Stage stage, String site, Traffic.Window window, Findings findings) {
        stage.say(String.format(
                Locale.ROOT,
                "without MAT, VM at %s: %s, RTT %.1f ms",
                site,
                window.counts(),
                window.paths().getFirst().rttAfterMs()));
        if (window.lost() + window.duplicated() + window.reordered() + window.tcpBroken() + window.bytesMismatched()
                > 0) {
            findings.problems.add("the host without MAT, while the VM went to " + site + ":");
            findings.problems.addAll(window.faults());
        }
    }
}
