// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Progress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Gbit/s of TCP through each way, in interleaved rounds, and in the first second of a fresh gateway. */
final class Throughput {
    private static final int SETTLE_SECONDS = 6;

    private final List<Way> ways;
    private final BenchOptions options;
    private final Progress progress;

    Throughput(List<Way> ways, BenchOptions options, Progress progress) {
        this.ways = ways;
        this.options = options;
        this.progress = progress;
    }

    Map<String, Object> run() {
        Iperf.Load load = new Iperf.Load(
                options.streams(), options.reverse(), options.v6(), options.congestion(), options.seconds());
        Map<String, List<Iperf.Result>> results = new LinkedHashMap<>();
        for (int round = 1; round <= options.rounds(); round++) {
            for (Way way : ways) {
                if (load.v6() && !way.carriesV6()) {
                    continue;
                }
                Iperf.Result result = Iperf.run(way, load);
                if (results.isEmpty()) {
                    progress.say("TCP's congestion control is " + result.congestion());
                }
                results.computeIfAbsent(way.name(), name -> new ArrayList<>()).add(result);
                progress.say(String.format(
                        "round %d  %-14s %6.2f Gbit/s  %5.2f CPU s/Gbit  %d retransmits",
                        round, way.name(), result.gbit(), result.cpuSPerGbit(), result.retransmits()));
            }
        }
        double vxlan = median(results.getOrDefault("kernel-vxlan", List.of()).stream()
                .map(Iperf.Result::gbit)
                .toList());
        List<Object> paths = new ArrayList<>();
        for (Way way : ways) {
            List<Iperf.Result> own = results.get(way.name());
            if (own != null) {
                paths.add(path(way, own, vxlan));
            }
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("load", load);
        out.put(
                "congestion_control",
                results.values().stream()
                        .flatMap(List::stream)
                        .map(Iperf.Result::congestion)
                        .distinct()
                        .toList());
        out.put("paths", paths);
        return out;
    }

    private Map<String, Object> path(Way way, List<Iperf.Result> results, double vxlan) {
        List<Double> gbit = results.stream().map(Iperf.Result::gbit).toList();
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("path", way.name());
        out.put("version", way.version());
        out.put("gbit", gbit.stream().map(Throughput::rounded).toList());
        out.put("median_gbit", rounded(median(gbit)));
        out.put("ratio_to_vxlan", vxlan == 0 ? 0 : rounded(median(gbit) / vxlan));
        out.put(
                "cpu_s_per_gbit",
                rounded(median(results.stream().map(Iperf.Result::cpuSPerGbit).toList())));
        out.put(
                "retransmits",
                results.stream().mapToLong(Iperf.Result::retransmits).sum());
        if (way instanceof SojournWay) {
            out.put("first_second", firstSecond(way));
        }
        return out;
    }

    /** What a fresh gateway carries in the second after it says that it is ready, against what it carries later. */
    private Map<String, Object> firstSecond(Way way) {
        List<Double> shares = new ArrayList<>();
        List<Double> first = new ArrayList<>();
        for (int round = 0; round < options.freshStarts(); round++) {
            way.restart();
            List<Double> seconds = Iperf.run(way, Iperf.Load.oneStream(SETTLE_SECONDS, options.congestion()))
                    .secondsGbit();
            double steady = median(seconds.subList(seconds.size() / 2, seconds.size()));
            first.add(seconds.getFirst());
            shares.add(seconds.getFirst() / steady);
            progress.say(String.format(
                    "fresh %d  %-14s %6.2f Gbit/s in its first second, %.2f of its steady rate",
                    round + 1, way.name(), seconds.getFirst(), seconds.getFirst() / steady));
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("gbit", first.stream().map(Throughput::rounded).toList());
        out.put("share_of_steady", shares.isEmpty() ? 0 : rounded(median(shares)));
        return out;
    }

    static double median(List<Double> values) {
        if (values.isEmpty()) {
            return 0;
        }
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    static double rounded(double value) {
        return Math.round(value * 1000) / 1000.0;
    }
}
