// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * A link shrinks to 1,280 octets in mid-stream, and grows back. Gateways find out by themselves, tell stations with ICMP in both families,
 * and carry the 1,280 octets that every IPv6 station may send in halves. The VM moves over the narrow link.
 */
final class PathMtu extends Scenario {
    private static final int NARROW = 1280;
    private static final int WIDE = 1500;
    private static final Duration FOUND = Duration.ofSeconds(6);
    /** Growth is looked for every 30 s. */
    private static final Duration FOUND_WIDER = Duration.ofSeconds(40);

    private static final Duration RECOVERY = Duration.ofSeconds(15);

    PathMtu() {
        super("mtu", "a link shrinks to 1280 octets in mid-stream, a VM moves over it, the link grows back", 1, 1);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            Mover mover = stage.mover();
            Traffic traffic = mover.traffic();
            String home = mover.at();
            String far = topology.sites().getLast().name();
            try (WanControl wan = stage.lab().wan()) {
                stage.calmDown(Duration.ofSeconds(1));
                traffic.moveStarts();
                long startNs = System.nanoTime();
                link(wan, home, far, NARROW);
                await(stage, home, far, NARROW, FOUND, findings);
                double foundMs = (System.nanoTime() - startNs) / 1e6;
                traffic.outageEnds();
                findings.problems.addAll(traffic.recovered(RECOVERY));
                Traffic.Window window = traffic.end();
                stage.say(String.format(
                        Locale.ROOT,
                        "link %s - %s carries %d octets: found after %.0f ms; %d probes lost, %d sessions open %d broken",
                        home,
                        far,
                        NARROW,
                        foundMs,
                        window.lost(),
                        window.tcpOpen(),
                        window.tcpBroken()));
                if (window.lost() + window.duplicated() + window.tcpBroken() + window.bytesMismatched() > 0) {
                    findings.problems.addAll(window.faults());
                }
                told(stage, far, mover.plan().address4(), 4, findings);
                told(stage, far, mover.plan().address6(), 6, findings);
                traffic.begin();
                stage.tour(List.of(far), findings);
                link(wan, home, far, WIDE);
                await(stage, home, far, WIDE, FOUND_WIDER, findings);
                stage.say("link " + home + " - " + far + " carries " + WIDE + " octets again, and is used so");
            }
            return false;
        };
    }

    private static void link(WanControl wan, String a, String b, int mtu) {
        wan.link(a, b, Map.of("mtu", mtu));
        wan.link(b, a, Map.of("mtu", mtu));
    }

    /** Until both gateways say so. */
    private static void await(Stage stage, String a, String b, int mtu, Duration bound, Findings findings) {
        long deadlineNs = System.nanoTime() + bound.toNanos();
        while (true) {
            int agreed = 0;
            for (JsonNode path : stage.lab().rest().get("/v1/status").path("paths")) {
                List<String> ends =
                        List.of(path.path("from").asString(""), path.path("to").asString(""));
                agreed +=
                        ends.contains(a) && ends.contains(b) && path.path("mtu").asInt(0) == mtu ? 1 : 0;
            }
            if (agreed == 2) {
                return;
            }
            if (System.nanoTime() > deadlineNs) {
                findings.problems.add("not within " + bound.toSeconds() + " s: both ends of " + a + " - " + b
                        + " know that it carries " + mtu + " octets");
                return;
            }
            LockSupport.parkNanos(50_000_000);
        }
    }

    /** A packet of 1,400 octets that must not be fragmented is answered; the station believes it, and what it then sends arrives. */
    private static void told(Stage stage, String site, String address, int family, Findings findings) {
        Place place = stage.lab().place(site + "-c");
        String payload = Integer.toString(1_400 - (family == 4 ? 28 : 48));
        Command.attempt(
                place.command(
                        List.of("ping", "-n", "-M", "do", "-c", "2", "-i", "0.5", "-W", "1", "-s", payload, address)),
                Map.of(),
                null);
        String route = place.run("ip", "-" + family, "route", "get", address);
        int least = family == 6 ? NARROW : NARROW - stage.mover().addedBytes();
        if (!route.contains("mtu " + least)) {
            findings.problems.add(
                    "IPv" + family + ": " + place.name() + " was not told that packets to the VM may have " + least
                            + " octets: " + route.strip().replaceAll("\\s+", " "));
            return;
        }
        String largest = Integer.toString(least - (family == 4 ? 28 : 48));
        Command.Outcome echo = Command.attempt(
                place.command(
                        List.of("ping", "-n", "-M", "do", "-c", "3", "-i", "0.3", "-W", "2", "-s", largest, address)),
                Map.of(),
                null);
        if (echo.status() != 0 || !echo.out().contains(" 0% packet loss")) {
            findings.problems.add("IPv" + family + ": packets of " + least + " octets do not get through");
        }
        stage.say("IPv" + family + ": stations are told that " + least + " octets fit, and they do");
    }
}
