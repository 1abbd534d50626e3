// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * Two sites behind NATs, each with a private address that nobody else knows; the third is their relay. They find the direct path
 * themselves, fall back to the relay when it is cut, and take it again when it opens. A VM moves on each kind of path.
 *
 * <pre>
 *   st-andrews 192.168.1.2 - NAT 100.64.1.2 ═══╗          ╔═══ 100.64.2.2 NAT - 192.168.2.2 hiroshima
 *                                               ╚══ WAN ══╝
 *                                         gainesville, the relay
 * </pre>
 */
final class Nat extends Scenario {
    private static final Duration PUNCHED = Duration.ofSeconds(20);
    private static final Duration DETOUR = Duration.ofSeconds(20);
    private static final Duration RECOVERY = Duration.ofSeconds(20);

    Nat() {
        super("nat", "two sites behind NATs: hole punching, a relay while there is no direct path, and back", 3, 3);
    }

    @Override
    boolean isBehindNat(Topology.Site site) {
        return site.number() <= 2;
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        String relay = Topology.threeContinents().sites().getLast().name();
        return isBehindNat(site)
                ? Map.of("listen", Lab.natInside(site) + ":" + Configs.GATEWAY_PORT, "relays", List.of(relay))
                : Map.of();
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        Topology.Site a = topology.sites().get(0);
        Topology.Site b = topology.sites().get(1);
        return (stage, findings) -> {
            awaitLog(stage, a, b, "direct path, at " + Topology.wanAddress4(b.number()), 1, PUNCHED);
            awaitLog(stage, b, a, "direct path, at " + Topology.wanAddress4(a.number()), 1, PUNCHED);
            stage.say("both NATs are punched: " + a.name() + " and " + b.name() + " talk straight to each other");
            stage.tour(List.of(b.name()), findings);

            Traffic traffic = stage.mover().traffic();
            Place nat = stage.lab().place(a.name() + Lab.NAT_SUFFIX);
            NetFilter.block(nat, b.wan4());
            awaitLog(stage, a, b, "no direct path; by way of", 2, DETOUR);
            awaitLog(stage, b, a, "no direct path; by way of", 2, DETOUR);
            traffic.outageEnds();
            findings.problems.addAll(traffic.recovered(RECOVERY));
            sessions(stage, "the direct path is cut: by way of the relay", traffic.end(), findings);
            stage.calmDown(Duration.ofSeconds(2));
            traffic.begin();
            stage.calmDown(Duration.ofSeconds(2));
            stage.tour(List.of(a.name()), findings);

            NetFilter.unblock(nat);
            awaitLog(stage, a, b, "direct path, at", 2, PUNCHED);
            awaitLog(stage, b, a, "direct path, at", 2, PUNCHED);
            stage.calmDown(Duration.ofSeconds(2));
            sessions(stage, "the direct path is open again, and taken", traffic.end(), findings);
            traffic.begin();
            stage.calmDown(Duration.ofSeconds(2));
            stage.tour(List.of(b.name()), findings);
            return false;
        };
    }

    /** What is lost with the path is lost; no session may be. */
    private static void sessions(Stage stage, String what, Traffic.Window window, Findings findings) {
        stage.say(what + "; " + window.lost() + " packets lost meanwhile, " + window.tcpOpen() + " sessions open "
                + window.tcpBroken() + " broken");
        if (window.tcpBroken() + window.bytesMismatched() + window.duplicated() > 0) {
            findings.problems.addAll(window.faults());
        }
    }

    /** Until the gateway of {@code at} has said so of {@code of}, {@code times} in all. */
    private static void awaitLog(
            Stage stage, Topology.Site at, Topology.Site of, String words, int times, Duration bound) {
        long deadlineNs = System.nanoTime() + bound.toNanos();
        String line = "gateway " + of.name() + ": " + words;
        while (true) {
            try (var lines = Files.lines(stage.lab().log(Lab.gatewayProcess(at.name())))) {
                if (lines.filter(l -> l.contains(line)).count() >= times) {
                    return;
                }
            } catch (IOException e) {
                throw new LabException("cannot read the log of gateway " + at.name() + ": " + e.getMessage(), e);
            }
            if (System.nanoTime() > deadlineNs) {
                throw new LabException("not within " + bound.toSeconds() + " s: gateway " + at.name() + " says '" + line
                        + "' for time " + times);
            }
            LockSupport.parkNanos(100_000_000);
        }
    }
}
