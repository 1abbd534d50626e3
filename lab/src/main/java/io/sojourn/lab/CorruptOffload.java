// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * The WAN damages what a kernel cut from super-frames, as a kernel does that cuts them wrongly: the gateway demotes the offload within
 * a second, a stream through it goes on, and when the damage is over the offload comes back. Then the VM moves as ever.
 */
final class CorruptOffload extends Scenario {
    private static final Duration HEALTHY = Duration.ofSeconds(3);
    private static final Duration DAMAGED = Duration.ofSeconds(6);
    private static final Duration STEP = Duration.ofMillis(20);
    private static final Duration RESTORED_BOUND = Duration.ofSeconds(30);
    private static final double DEMOTED_BOUND_MS = 1_000;

    CorruptOffload() {
        super(
                "corrupt-offload",
                "the WAN damages super-frames: demoted within 1 s, a stream goes on; then a move",
                1,
                10);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            damage(stage, findings);
            stage.calmDown(Duration.ofSeconds(2));
            stage.movers().forEach(mover -> mover.traffic().begin());
            stage.tour(destinations, findings);
            return false;
        };
    }

    private static void damage(Stage stage, Findings findings) {
        List<Place> hosts = stage.lab().correspondents();
        String from = stage.lab().topology().sites().get(0).name();
        String to = stage.lab().topology().sites().get(1).name();
        String address = stage.lab().topology().sites().get(1).lan4(20);
        try (BulkStream stream = BulkStream.start(hosts.get(0), hosts.get(1), address);
                WanControl wan = stage.lab().wan()) {
            stage.calmDown(HEALTHY);
            wan.link(from, to, Map.of("corrupt_segments", 1.0));
            double demotedMs = watch(stage, wan, from, to);
            long before = stream.receivedBytes();
            stage.calmDown(HEALTHY);
            double mbit = (stream.receivedBytes() - before) * 8e-6 / HEALTHY.toSeconds();
            long damaged = wan.stats(from, to).corrupted();
            wan.link(from, to, Map.of("corrupt_segments", 0.0));
            stage.say(String.format(
                    Locale.ROOT,
                    "%d segments damaged from %s to %s, the last %.0f ms after the first; the stream then went on at %.0f Mbit/s",
                    damaged,
                    from,
                    to,
                    demotedMs,
                    mbit));
            if (damaged == 0) {
                findings.problems.add("no segment of a super-frame was damaged: nothing was shown");
            }
            if (demotedMs > DEMOTED_BOUND_MS) {
                findings.problems.add(String.format(Locale.ROOT, "demoted after %.0f ms only", demotedMs));
            }
            if (mbit < 1 || !stream.broken().isEmpty()) {
                findings.problems.add("the stream did not go on " + stream.broken());
            }
        }
        restored(stage, findings);
    }

    /** From the first damaged segment to the last, in milliseconds. */
    private static double watch(Stage stage, WanControl wan, String from, String to) {
        long first = 0;
        long last = 0;
        long seen = wan.stats(from, to).corrupted();
        long end = System.nanoTime() + DAMAGED.toNanos();
        while (System.nanoTime() < end) {
            long now = System.nanoTime();
            long damaged = wan.stats(from, to).corrupted();
            if (damaged > seen) {
                first = first == 0 ? now : first;
                last = now;
                seen = damaged;
            }
            stage.calmDown(STEP);
        }
        return (last - first) / 1e6;
    }

    private static void restored(Stage stage, Findings findings) {
        long demoted = counter(stage, "offload-demoted");
        long end = System.nanoTime() + RESTORED_BOUND.toNanos();
        while (counter(stage, "offload-restored") < demoted && System.nanoTime() < end) {
            stage.calmDown(Duration.ofMillis(200));
        }
        stage.say("offloads demoted " + demoted + " times, restored " + counter(stage, "offload-restored"));
        if (demoted == 0 || counter(stage, "offload-restored") < demoted) {
            findings.problems.add("the offload did not come back after the damage was over");
        }
    }

    private static long counter(Stage stage, String name) {
        long sum = 0;
        for (JsonNode gateway : stage.lab().rest().get("/v1/gateways").path("items")) {
            sum += gateway.path("counters").path(name).asLong(0);
        }
        return sum;
    }
}
