// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * The address of a gateway on the underlay changes while its VM's sessions run, and nobody is told: peers follow the newest authentic
 * datagram, so what is lost is what was under way to the old address. Then the VM moves, as always.
 */
final class Roam extends Scenario {
    private static final int NEW_HOST = 77;
    /** A gateway that has nothing else to say sends a path probe every 500 ms; the rest is for a busy machine. */
    private static final double BEYOND_ROUND_TRIP_MS = 600;

    private static final Duration RECOVERY = Duration.ofSeconds(15);
    private static final Duration REATTACHED = Duration.ofSeconds(60);

    Roam() {
        super("roam", "the underlay address of the VM's gateway changes in mid-stream, then the VM moves", 1, 3);
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return Map.of(
                "listen", "0.0.0.0:" + Configs.GATEWAY_PORT, "advertise", site.wan4() + ":" + Configs.GATEWAY_PORT);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Topology.Site home = topology.site(stage.mover().at());
            Traffic traffic = stage.mover().traffic();
            long sessionsBefore = sessions(stage, home);
            stage.calmDown(Duration.ofSeconds(1)); // or the silence would have no beginning
            traffic.moveStarts();
            String now = roam(stage.lab().place(home.name()), home);
            traffic.outageEnds();
            findings.problems.addAll(traffic.recovered(RECOVERY));
            stage.calmDown(Duration.ofSeconds(2));
            judge(stage, home, now, traffic.end(), findings);
            if (sessions(stage, home) != sessionsBefore) {
                findings.problems.add(
                        "a peer made a new session with " + home.name() + " instead of going on with the one it had");
            }
            awaitAttached(stage, home);
            stage.tour(destinations, findings);
            return false;
        };
    }

    /** The new address comes and the old one goes, as when a lease changes. */
    private static String roam(Place place, Topology.Site site) {
        String address = "100.64." + site.number() + "." + NEW_HOST;
        place.ip(List.of(
                "addr add " + address + "/32 dev " + Lab.WAN_DEVICE,
                "addr del " + site.wan4() + "/24 dev " + Lab.WAN_DEVICE));
        return address;
    }

    private static void judge(Stage stage, Topology.Site home, String now, Traffic.Window window, Findings findings) {
        double worst = 0;
        for (Traffic.Path path : window.paths()) {
            String site = path.correspondent().substring(0, path.correspondent().length() - "-c".length());
            double silence = path.figures().gapMs();
            double bound = stage.direct().rttMs(site, home.name()) + BEYOND_ROUND_TRIP_MS;
            worst = Math.max(worst, silence);
            if (silence > bound || site.equals(home.name()) && path.figures().lost() > 0) {
                findings.problems.add(String.format(
                        Locale.ROOT,
                        "IPv%d probe from %s: silent for %.0f ms (allowed: %.0f), %d lost",
                        path.family(),
                        site,
                        silence,
                        bound,
                        path.figures().lost()));
            }
        }
        if (window.tcpBroken() + window.bytesMismatched() + window.duplicated() + window.reordered() > 0) {
            findings.problems.addAll(window.faults());
        }
        stage.say(String.format(
                Locale.ROOT,
                "gateway %s is at %s now: longest silence %.0f ms, %d packets lost that were under way to %s, %d sessions open %d broken",
                home.name(),
                now,
                worst,
                window.lost(),
                home.wan4(),
                window.tcpOpen(),
                window.tcpBroken()));
        for (JsonNode gateway : stage.lab().rest().get("/v1/gateways").path("items")) {
            String name = gateway.path("name").asString("");
            if (!name.equals(home.name())
                    && gateway.path("counters").path("roamed").asLong(0) == 0) {
                findings.problems.add("gateway " + name + " has not followed " + home.name());
            }
        }
    }

    /** How often a peer has begun a session with the site's gateway out of nothing. */
    private static long sessions(Stage stage, Topology.Site with) {
        long sum = 0;
        for (Topology.Site site : stage.lab().topology().sites()) {
            Path log = stage.lab().log(Lab.gatewayProcess(site.name()));
            try (var lines = Files.lines(log)) {
                sum += lines.filter(line -> line.contains("gateway " + with.name() + ": sealed session"))
                        .count();
            } catch (IOException e) {
                throw new LabException("cannot read " + log + ": " + e.getMessage(), e);
            }
        }
        return sum;
    }

    /** TCP to the controller does not survive the change of an address: until it has been made anew. */
    static void awaitAttached(Stage stage, Topology.Site home) {
        String log = Lab.gatewayProcess(home.name());
        long deadlineNs = System.nanoTime() + REATTACHED.toNanos();
        while (true) {
            try (var lines = Files.lines(stage.lab().log(log))) {
                if (lines.filter(line -> line.contains("controller: connected")).count() > 1) {
                    return;
                }
            } catch (IOException e) {
                throw new LabException("cannot read the log of " + log + ": " + e.getMessage(), e);
            }
            if (System.nanoTime() > deadlineNs) {
                throw new LabException(
                        "not within " + REATTACHED.toSeconds() + " s: " + log + " attaches from its new address");
            }
            LockSupport.parkNanos(200_000_000);
        }
    }
}
