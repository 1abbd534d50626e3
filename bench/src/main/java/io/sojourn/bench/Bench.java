// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Place;
import io.sojourn.lab.Progress;
import io.sojourn.lab.Run;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Builds the ways, measures them in turn, and removes them, whatever happens. */
public final class Bench {
    private Bench() {}

    /** @throws BenchException when a way cannot be built or does not carry packets */
    public static BenchReport run(BenchOptions options, Progress progress) {
        if (options.kind() == BenchOptions.Kind.BINDINGS) {
            return BenchReport.of(options, Bindings.run(options, progress));
        }
        if (options.kind() == BenchOptions.Kind.FLOWS) {
            return BenchReport.of(options, apart(options, progress));
        }
        Run run = Run.create("");
        Thread atEnd = Thread.ofPlatform().unstarted(run::removeQuietly);
        Runtime.getRuntime().addShutdownHook(atEnd);
        List<Way> ways = new ArrayList<>();
        try {
            build(run, options, ways);
            for (Way way : ways) {
                Iperf.startServer(way);
                Reach.await(way);
                progress.say("stands: " + way.name() + " (" + way.version() + ")");
            }
            return BenchReport.of(options, measure(ways, options, progress));
        } finally {
            for (Way way : ways) {
                if (way instanceof SojournWay ours) {
                    ours.close();
                }
            }
            run.removeQuietly();
            try {
                Runtime.getRuntime().removeShutdownHook(atEnd);
            } catch (IllegalStateException ending) {
                // It runs already.
            }
        }
    }

    /** What leaves for the world is to find none. */
    private static Map<String, Object> apart(BenchOptions options, Progress progress) {
        Run run = Run.create("");
        try {
            Place nowhere = run.addPlace("nowhere");
            nowhere.ip(List.of("link set lo up"));
            return nowhere.call(() -> Flows.run(options, progress));
        } finally {
            run.removeQuietly();
        }
    }

    private static void build(Run run, BenchOptions options, List<Way> ways) {
        Map<String, java.util.function.Supplier<Way>> known = new LinkedHashMap<>();
        known.put("direct", () -> KernelWay.direct(run));
        known.put("kernel-vxlan", () -> KernelWay.vxlan(run));
        known.put("sojourn-sealed", () -> new SojournWay(run, "sojourn-sealed", "ss", Map.of()));
        known.put("sojourn-plain", () -> new SojournWay(run, "sojourn-plain", "sp", Map.of("transport", "plain")));
        if (options.mechanism().isEmpty()) {
            PeerWay.makers(run).forEach(known::put);
        } else {
            known.remove("kernel-vxlan");
            String name = "sojourn-" + options.mechanism();
            known.put(name, () -> new SojournWay(run, name, "sn", Map.of(), options.mechanism()));
        }
        for (String name : options.only()) {
            if (!known.containsKey(name)) {
                throw new BenchException("no path '" + name + "' here; there are " + String.join(", ", known.keySet()));
            }
        }
        known.forEach((name, maker) -> {
            if (options.only().isEmpty() || options.only().contains(name)) {
                ways.add(maker.get());
            }
        });
    }

    private static Map<String, Object> measure(List<Way> ways, BenchOptions options, Progress progress) {
        return switch (options.kind()) {
            case THROUGHPUT -> new Throughput(ways, options, progress).run();
            case LATENCY -> new Latency(ways, options, progress).run();
            case IDLE -> new IdleCost(ways, options, progress).run();
            case PPS -> new PacketRate(ways, options, progress).run();
            case BINDINGS, FLOWS -> throw new IllegalStateException("has no ways");
        };
    }
}
