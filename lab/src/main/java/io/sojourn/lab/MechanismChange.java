// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * The VM's mechanism is changed while everything talks to it, over all of them and back ({@code sojourn vm set web1 --mechanism paging}); once it moves in between. Nothing may be
 * lost, and what {@code sojourn explain} says of each hop, and of the octets added, must be what the WAN shows.
 */
final class MechanismChange extends Scenario {
    private static final Duration TOLD = Duration.ofSeconds(5);
    private static final Duration WATCHED = Duration.ofSeconds(3);

    MechanismChange() {
        super(
                "mechanism-change",
                "a VM goes from overlay to paging, segment and mat and back, under traffic, and moves in between",
                1,
                1);
    }

    @Override
    List<String> alsoBy() {
        return List.of(Lab.PAGING, Lab.SEGMENT, Lab.MAT);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            change(stage, Lab.PAGING, findings);
            change(stage, Lab.OVERLAY, findings);
            change(stage, Lab.PAGING, findings);
            stage.tour(List.of(topology.sites().get(1).name()), findings);
            change(stage, Lab.SEGMENT, findings);
            change(stage, Lab.MAT, findings);
            change(stage, Lab.OVERLAY, findings);
            return false;
        };
    }

    private static void change(Stage stage, String mechanism, Findings findings) {
        Mover mover = stage.mover();
        Traffic traffic = mover.traffic();
        traffic.moveStarts();
        stage.lab().rest().patch("/v1/vms/" + mover.plan().name(), Map.of("mechanism", mechanism));
        int added = 0;
        int ways = 0;
        for (Topology.Site site : stage.lab().topology().sites()) {
            if (!site.name().equals(mover.at())) {
                JsonNode explained = explained(stage, site.name(), mechanism, findings);
                for (JsonNode way : explained.path("ways")) {
                    added = Math.max(added, way.path("addedBytes").asInt(-1));
                    ways++;
                }
            }
        }
        stage.calmDown(WATCHED);
        int seen = onTheWire(stage);
        Traffic.Window window = traffic.end();
        stage.say(String.format(
                Locale.ROOT,
                "%-8s  %d ways explained, %d octets added, on the WAN %d; %s",
                mechanism,
                ways,
                added,
                seen,
                window.counts()));
        if (window.lost() + window.duplicated() + window.reordered() + window.tcpBroken() + window.bytesMismatched()
                > 0) {
            findings.problems.add("while the VM's mechanism became " + mechanism + ":");
            findings.problems.addAll(window.faults());
        }
        if (seen != added) {
            findings.problems.add("by " + mechanism + ", explain says that " + added
                    + " octets are added, and on the WAN there are " + seen);
        }
    }

    /** Until the site's gateway says that it sends so. */
    private static JsonNode explained(Stage stage, String site, String mechanism, Findings findings) {
        long deadlineNs = System.nanoTime() + TOLD.toNanos();
        while (true) {
            JsonNode answer =
                    stage.lab().rest().get("/v1/vms/" + stage.mover().plan().name() + "/explain?from=" + site);
            boolean all = !answer.path("ways").isEmpty();
            for (JsonNode way : answer.path("ways")) {
                all &= way.path("hops")
                        .path(0)
                        .path("lines")
                        .valueStream()
                        .anyMatch(line -> line.asString("").startsWith(mechanism + ": "));
            }
            if (all) {
                return answer;
            }
            if (System.nanoTime() > deadlineNs) {
                findings.problems.add(
                        "not within " + TOLD.toSeconds() + " s: gateway " + site + " sends by " + mechanism);
                return answer;
            }
            LockSupport.parkNanos(20_000_000);
        }
    }

    private static int onTheWire(Stage stage) {
        int far =
                stage.mover().at().equals(stage.lab().topology().sites().get(1).name()) ? 0 : 1;
        return WireCost.measure(
                        stage.lab(),
                        stage.lab().correspondents().get(far),
                        stage.lab().topology().sites().get(far).name(),
                        stage.mover().plan().address4())
                .addedBytes();
    }
}
