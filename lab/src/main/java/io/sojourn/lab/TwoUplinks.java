// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.model.identity.IpPrefix;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * The VM's site has two uplinks, each with a page, so whoever talks to it has two mobile addresses of it. The first uplink is cut in mid-stream: the gateway tells everybody
 * straight to use the second, and nothing is lost that was sent after the update; then the first comes back, under make before break; then the VM moves.
 *
 * <pre>
 *   st-andrews   wan0 = 100.64.1.2,  page 100.81.0.0/16    preference 100
 *                wan1 = 100.64.11.2, page 100.91.0.0/16    preference 50
 * </pre>
 */
final class TwoUplinks extends Scenario {
    private static final Uplink SECOND = new Uplink("st-andrews-2", home(), 11);
    private static final double LONGER_MS = 20;
    private static final Duration TOLD = Duration.ofSeconds(20);
    private static final Duration WATCHED = Duration.ofSeconds(5);
    private static final Duration RECOVERY = Duration.ofSeconds(30);

    TwoUplinks() {
        super("mat-two-uplinks", "one of two uplinks of the VM's site is cut in mid-stream, and comes back", 1, 3);
    }

    private static Topology.Site home() {
        return Topology.threeContinents().sites().getFirst();
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.MAT;
    }

    @Override
    List<Uplink> uplinks() {
        return List.of(SECOND);
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withUplink(SECOND, LONGER_MS);
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return site.equals(home())
                ? Map.of(
                        "listen",
                        "0.0.0.0:" + Configs.GATEWAY_PORT,
                        "advertise",
                        site.wan4() + ":" + Configs.GATEWAY_PORT,
                        "uplinks",
                        List.of(
                                Map.of("device", Lab.WAN_DEVICE, "page", List.of(site.page4(), site.page6())),
                                Map.of("device", Uplink.DEVICE, "page", List.of(SECOND.page4(), SECOND.page6()))))
                : Map.of();
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Traffic traffic = stage.mover().traffic();
            Place host = stage.lab().place(home().name());
            awaitWays(stage, home().page4(), home().page6(), findings);
            stage.say("both mobile addresses are registered, that of the first uplink is used");

            stage.calmDown(Duration.ofSeconds(1));
            traffic.end();
            traffic.moveStarts();
            host.ip(List.of("link set " + Lab.WAN_DEVICE + " down"));
            awaitWays(stage, SECOND.page4(), SECOND.page6(), findings);
            traffic.outageEnds();
            judge(stage, "cut; all sites use the second", traffic.end(), true, findings);
            findings.problems.addAll(traffic.recovered(RECOVERY));
            traffic.end(); // what came twice or late for the cut
            stage.calmDown(WATCHED);
            judge(stage, "by the second uplink", traffic.end(), false, findings);

            traffic.moveStarts();
            restore(host);
            awaitWays(stage, home().page4(), home().page6(), findings);
            stage.calmDown(WATCHED);
            judge(stage, "back; all sites use the first", traffic.end(), false, findings);
            Roam.awaitAttached(stage, home()); // TCP to the controller did not survive the cut
            stage.tour(destinations, findings);
            return false;
        };
    }

    /** As the host's own configuration does when a cable is plugged in. */
    private static void restore(Place host) {
        host.ip(List.of(
                "link set " + Lab.WAN_DEVICE + " up",
                "addr replace " + home().wan6() + "/64 dev " + Lab.WAN_DEVICE + " nodad",
                "route replace default dev " + Lab.WAN_DEVICE,
                "route replace ::/0 dev " + Lab.WAN_DEVICE));
    }

    private static void judge(Stage stage, String what, Traffic.Window window, boolean mayLose, Findings findings) {
        stage.say(String.format(
                Locale.ROOT,
                "%s: silence at most %.0f ms, %s, RTT %.1f ms",
                what,
                window.paths().stream()
                        .mapToDouble(path -> path.figures().gapMs())
                        .max()
                        .orElse(Double.NaN),
                window.counts(),
                window.paths().get(2).rttAfterMs()));
        long bad = window.duplicated() + window.tcpBroken() + window.bytesMismatched() + (mayLose ? 0 : window.lost());
        if (bad > 0) {
            findings.problems.add(what + ":");
            findings.problems.addAll(window.faults());
        }
    }

    /** Until the other sites' gateways say that they send to mobile addresses in that page. */
    private static void awaitWays(Stage stage, String page4, String page6, Findings findings) {
        long beganNs = System.nanoTime();
        List<IpPrefix> pages = List.of(IpPrefix.parse(page4), IpPrefix.parse(page6));
        for (Topology.Site site : stage.lab().topology().sites()) {
            if (site.equals(home())) {
                continue;
            }
            while (!isBy(stage, site, pages)) {
                if (System.nanoTime() - beganNs > TOLD.toNanos()) {
                    findings.problems.add("not within " + TOLD.toSeconds() + " s: gateway " + site.name()
                            + " sends to mobile addresses in " + page4 + " and " + page6);
                    return;
                }
                LockSupport.parkNanos(10_000_000);
            }
        }
    }

    private static boolean isBy(Stage stage, Topology.Site from, List<IpPrefix> pages) {
        JsonNode ways = stage.lab()
                .rest()
                .get("/v1/vms/" + stage.mover().plan().name() + "/explain?from=" + from.name())
                .path("ways");
        boolean all = !ways.isEmpty();
        for (JsonNode way : ways) {
            all &= way.path("hops")
                    .path(0)
                    .path("lines")
                    .valueStream()
                    .map(line -> line.asString(""))
                    .anyMatch(line -> line.startsWith("mat: ") && leadsTo(line, pages));
        }
        return all;
    }

    /** The line names the rewritten destination behind a {@code >}. */
    private static boolean leadsTo(String line, List<IpPrefix> pages) {
        String destination = line.substring(line.indexOf("> ") + 2);
        int end = destination.indexOf(',');
        var address = io.sojourn.model.identity.IpAddress.parse(end < 0 ? destination : destination.substring(0, end));
        return pages.stream().anyMatch(page -> page.contains(address));
    }
}
