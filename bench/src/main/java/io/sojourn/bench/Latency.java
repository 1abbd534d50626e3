// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Progress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * Round trips of small UDP packets at a steady rate, on an idle path and while a TCP stream saturates it. What a way adds is what its
 * round trip exceeds the direct one by, halved: a percentile of one way is set against the same percentile of the other.
 */
final class Latency {
    private static final double[] PERCENTILES = {50, 99, 99.99};
    private static final String[] NAMES = {"p50", "p99", "p9999"};

    private final List<Way> ways;
    private final BenchOptions options;
    private final Progress progress;

    Latency(List<Way> ways, BenchOptions options, Progress progress) {
        this.ways = ways;
        this.options = options;
        this.progress = progress;
    }

    Map<String, Object> run() {
        Map<String, Echo.Result> idle = rounds(false);
        Map<String, Echo.Result> loaded = rounds(true);
        List<Object> paths = new ArrayList<>();
        for (Way way : ways) {
            Map<String, Object> path = new LinkedHashMap<>();
            path.put("path", way.name());
            path.put("version", way.version());
            path.put("idle", figures(idle.get(way.name()), idle.get("direct")));
            path.put("loaded", figures(loaded.get(way.name()), loaded.get("direct")));
            paths.add(path);
        }
        return Map.of("paths", paths);
    }

    private Map<String, Echo.Result> rounds(boolean underLoad) {
        Map<String, Echo.Result> results = new LinkedHashMap<>();
        for (int round = 1; round <= options.rounds(); round++) {
            for (Way way : ways) {
                Echo.Result result = underLoad ? loaded(way) : Echo.run(way, options.seconds());
                results.merge(way.name(), result, Echo.Result::plus);
                progress.say(String.format(
                        "round %d %-6s %-14s p50 %6.1f us  p99 %7.1f us  lost %d",
                        round,
                        underLoad ? "loaded" : "idle",
                        way.name(),
                        us(result.rtt(), 50),
                        us(result.rtt(), 99),
                        result.lost()));
            }
        }
        return results;
    }

    private Echo.Result loaded(Way way) {
        Thread stream = Thread.ofPlatform()
                .start(() -> Iperf.run(way, Iperf.Load.oneStream(options.seconds() + 2, options.congestion())));
        try {
            Thread.sleep(1_000); // the stream's slow start is over then
            Echo.Result result = Echo.run(way, options.seconds());
            stream.join();
            return result;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    private static double us(Histogram rtt, double percentile) {
        return rtt.getValueAtPercentile(percentile) / 1000.0;
    }

    private static Map<String, Object> figures(
            Echo.@org.jspecify.annotations.Nullable Result own, Echo.@org.jspecify.annotations.Nullable Result direct) {
        Map<String, Object> out = new LinkedHashMap<>();
        if (own == null) {
            return out;
        }
        for (int i = 0; i < NAMES.length; i++) {
            out.put("rtt_" + NAMES[i] + "_us", Throughput.rounded(us(own.rtt(), PERCENTILES[i])));
        }
        for (int i = 0; i < NAMES.length && direct != null; i++) {
            double added = (us(own.rtt(), PERCENTILES[i]) - us(direct.rtt(), PERCENTILES[i])) / 2;
            out.put("added_" + NAMES[i] + "_us", Throughput.rounded(added));
        }
        out.put("lost", own.lost());
        return out;
    }
}
