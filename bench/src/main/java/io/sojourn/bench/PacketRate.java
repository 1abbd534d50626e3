// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Progress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The most 64-byte packets a second that arrive, whatever is offered; and the most with at most 1 % lost. */
final class PacketRate {
    private static final List<Integer> OFFERED = List.of(
            50_000, 100_000, 125_000, 150_000, 175_000, 200_000, 250_000, 300_000, 400_000, 550_000, 750_000,
            1_000_000);

    private static final double OVERLOADED = 0.5;
    private static final double CLEAN = 0.99;

    private final List<Way> ways;
    private final BenchOptions options;
    private final Progress progress;

    PacketRate(List<Way> ways, BenchOptions options, Progress progress) {
        this.ways = ways;
        this.options = options;
        this.progress = progress;
    }

    Map<String, Object> run() {
        Map<String, List<Double>> most = new LinkedHashMap<>();
        Map<String, List<Double>> clean = new LinkedHashMap<>();
        for (int round = 1; round <= options.rounds(); round++) {
            for (Way way : ways) {
                double best = 0;
                double bestClean = 0;
                for (int offered : options.offered().isEmpty() ? OFFERED : options.offered()) {
                    Flood.Result result = Flood.run(way, offered, options.seconds());
                    progress.say(String.format(
                            "round %d  %-14s %8d offered %8.0f sent %8.0f received a second",
                            round, way.name(), offered, result.sentPerS(), result.receivedPerS()));
                    best = Math.max(best, result.receivedPerS());
                    if (result.receivedPerS() >= CLEAN * result.sentPerS()) {
                        bestClean = Math.max(bestClean, result.receivedPerS());
                    }
                    if (result.receivedPerS() < OVERLOADED * offered) {
                        break;
                    }
                }
                most.computeIfAbsent(way.name(), name -> new ArrayList<>()).add(best);
                clean.computeIfAbsent(way.name(), name -> new ArrayList<>()).add(bestClean);
                progress.say(String.format(
                        "round %d  %-14s %8.0f packets/s at most, %8.0f with 1 %% lost or less",
                        round, way.name(), best, bestClean));
            }
        }
        List<Object> paths = new ArrayList<>();
        for (Way way : ways) {
            Map<String, Object> path = new LinkedHashMap<>();
            path.put("path", way.name());
            path.put("version", way.version());
            path.put(
                    "pps",
                    most.getOrDefault(way.name(), List.of()).stream()
                            .map(Math::round)
                            .toList());
            path.put("median_pps", Math.round(Throughput.median(most.getOrDefault(way.name(), List.of()))));
            path.put("median_clean_pps", Math.round(Throughput.median(clean.getOrDefault(way.name(), List.of()))));
            paths.add(path);
        }
        return Map.of("paths", paths);
    }
}
