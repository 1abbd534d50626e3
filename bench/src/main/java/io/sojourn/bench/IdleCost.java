// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Child;
import io.sojourn.lab.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * What the processes of a way take of a processor while no packet comes: all ways stand at once and are watched for the same time.
 * Processor time is the kernel's, in nanoseconds, of all threads (/proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst).
 */
final class IdleCost {
    /** A gateway that has just started compiles still what it does once a second. */
    private static final long SETTLE_NS = 30_000_000_000L;

    private final List<Way> ways;
    private final BenchOptions options;
    private final Progress progress;

    IdleCost(List<Way> ways, BenchOptions options, Progress progress) {
        this.ways = ways.stream().filter(way -> !way.carriers().isEmpty()).toList();
        this.options = options;
        this.progress = progress;
    }

    Map<String, Object> run() {
        sleep(SETTLE_NS);
        Map<String, List<Double>> percents = new LinkedHashMap<>();
        for (int round = 1; round <= options.rounds(); round++) {
            Map<Child, Long> before = busyNs();
            long begin = System.nanoTime();
            sleep(options.seconds() * 1_000_000_000L);
            Map<Child, Long> after = busyNs();
            double tookNs = System.nanoTime() - begin;
            for (Way way : ways) {
                double most = 0;
                for (Child carrier : way.carriers()) {
                    long ns = after.getOrDefault(carrier, 0L) - before.getOrDefault(carrier, 0L);
                    most = Math.max(most, 100 * ns / tookNs);
                }
                percents.computeIfAbsent(way.name(), name -> new ArrayList<>()).add(most);
                progress.say(String.format("round %d  %-14s %6.3f %% of a processor", round, way.name(), most));
            }
        }
        List<Object> paths = new ArrayList<>();
        for (Way way : ways) {
            List<Double> own = percents.getOrDefault(way.name(), List.of());
            Map<String, Object> path = new LinkedHashMap<>();
            path.put("path", way.name());
            path.put("version", way.version());
            path.put("idle_percent", own.stream().map(Throughput::rounded).toList());
            path.put("median_idle_percent", Throughput.rounded(Throughput.median(own)));
            paths.add(path);
        }
        return Map.of("paths", paths);
    }

    private Map<Child, Long> busyNs() {
        Map<Child, Long> busy = new LinkedHashMap<>();
        ways.forEach(way -> way.carriers().forEach(carrier -> busy.put(carrier, busyNs(carrier.pid()))));
        return busy;
    }

    /** A thread that ends in between takes what it has used with it. */
    private static long busyNs(long pid) {
        long ns = 0;
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
            for (Path thread : threads) {
                try {
                    ns += Long.parseLong(
                            Files.readString(thread.resolve("schedstat")).split(" ")[0]);
                } catch (NoSuchFileException ended) {
                    continue;
                }
            }
        } catch (IOException | UncheckedIOException e) {
            throw new BenchException("cannot read the processor time of process " + pid + ": " + e.getMessage(), e);
        }
        return ns;
    }

    private static void sleep(long ns) {
        long end = System.nanoTime() + ns;
        for (long left = ns; left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }
}
