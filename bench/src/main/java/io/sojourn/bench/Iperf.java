// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Child;
import io.sojourn.lab.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The judge of throughput: iperf3, its server on host B, its client on host A. */
final class Iperf {
    private static final JsonMapper MAPPER = new JsonMapper();

    /**
     * @param gbit received, mean over the run
     * @param secondsGbit of each second
     * @param cpuSPerGbit processor time of the whole machine for each Gbit received
     * @param congestion the congestion control that the sender used
     */
    record Result(double gbit, List<Double> secondsGbit, double cpuSPerGbit, long retransmits, String congestion) {}

    /** Direction and shape of the traffic. */
    record Load(int streams, boolean reverse, boolean v6, String congestion, int seconds) {
        static Load oneStream(int seconds, String congestion) {
            return new Load(1, false, false, congestion, seconds);
        }
    }

    private Iperf() {}

    static Child startServer(Way way) {
        Bed bed = way.bed();
        Child server = Child.start(bed.run, bed.hostB, bed.name + "-iperf3", List.of("iperf3", "-s", "--forceflush"));
        server.awaitText(server.log(), "listening", java.time.Duration.ofSeconds(10));
        return server;
    }

    static Result run(Way way, Load load) {
        List<String> line = new ArrayList<>(List.of(
                "iperf3",
                "-c",
                load.v6() ? Bed.HOST_B_6 : Bed.HOST_B,
                "-J",
                "-i",
                "1",
                "--connect-timeout",
                "3000",
                "-t",
                Integer.toString(load.seconds()),
                "-P",
                Integer.toString(load.streams())));
        if (load.reverse()) {
            line.add("-R");
        }
        if (!load.congestion().isEmpty()) {
            line.addAll(List.of("-C", load.congestion()));
        }
        long before = busyTicks();
        Command.Outcome outcome = Command.attempt(way.bed().hostA.command(line), Map.of(), null);
        long ticks = busyTicks() - before;
        JsonNode json = outcome.out().isBlank() ? MAPPER.createObjectNode() : MAPPER.readTree(outcome.out());
        if (outcome.status() != 0 || json.has("error")) {
            throw new BenchException(way.name() + ": iperf3 failed: "
                    + json.path("error").asString(outcome.err().strip()));
        }
        JsonNode received = json.path("end").path("sum_received");
        double gbits = received.path("bytes").asDouble() * 8 / 1e9;
        List<Double> seconds = new ArrayList<>();
        json.path("intervals")
                .forEach(i -> seconds.add(i.path("sum").path("bits_per_second").asDouble() / 1e9));
        return new Result(
                received.path("bits_per_second").asDouble() / 1e9,
                seconds,
                gbits == 0 ? 0 : ticks / 100.0 / gbits,
                json.path("end").path("sum_sent").path("retransmits").asLong(),
                json.path("end").path("sender_tcp_congestion").asString("unknown"));
    }

    /** In hundredths of a second, all processors together (proc_stat(5): user, nice, system, irq, softirq). */
    static long busyTicks() {
        try {
            String[] words =
                    Files.readAllLines(Path.of("/proc/stat")).getFirst().trim().split("\\s+");
            return Long.parseLong(words[1])
                    + Long.parseLong(words[2])
                    + Long.parseLong(words[3])
                    + Long.parseLong(words[6])
                    + Long.parseLong(words[7]);
        } catch (java.io.IOException e) {
            throw new BenchException("cannot read /proc/stat: " + e.getMessage(), e);
        }
    }
}
