// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.gateway.FlowCost;
import io.sojourn.lab.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the number of flows with the world outside costs: the way of a packet through SNAT, out and in, in interleaved rounds over tables that hold a thousand and a million; how fast flows begin, and how much
 * memory they take.
 */
final class Flows {
    private static final int[] FLOWS = {1_000, 1_000_000};
    private static final int CAPACITY = 1 << 20;
    private static final int PACKETS_A_SECOND = 100_000;
    private static final int WARM_UP_PACKETS = 200_000;

    private Flows() {}

    static Map<String, Object> run(BenchOptions options, Progress progress) {
        List<FlowCost> gateways = new ArrayList<>();
        List<List<Double>> out = new ArrayList<>();
        List<List<Double>> in = new ArrayList<>();
        List<Double> newPerSecond = new ArrayList<>();
        List<Long> residentBytes = new ArrayList<>();
        try {
            warmUp(); // or the first flows would pay for the compiler
            for (int flows : FLOWS) {
                long before = residentBytes();
                FlowCost gateway = new FlowCost(flows, CAPACITY);
                gateways.add(gateway);
                out.add(new ArrayList<>());
                in.add(new ArrayList<>());
                long spentNs = gateway.begin();
                newPerSecond.add(flows * 1e9 / spentNs);
                residentBytes.add(residentBytes() - before);
                gateway.outNs(WARM_UP_PACKETS);
                gateway.inNs(WARM_UP_PACKETS);
                progress.say(String.format(
                        "stands: a gateway with %,d flows, begun at %,.0f a second; %,d MiB more resident",
                        flows, newPerSecond.getLast(), residentBytes.getLast() >> 20));
            }
            for (int round = 1; round <= options.rounds(); round++) {
                for (int i = 0; i < FLOWS.length; i++) {
                    int packets = options.seconds() * PACKETS_A_SECOND;
                    double outNs = gateways.get(i).outNs(packets);
                    double inNs = gateways.get(i).inNs(packets);
                    out.get(i).add(outNs);
                    in.get(i).add(inNs);
                    progress.say(String.format(
                            "round %d  %,9d flows  %5.0f ns a packet out, %5.0f in", round, FLOWS[i], outNs, inNs));
                }
            }
        } finally {
            gateways.forEach(FlowCost::close);
        }
        return report(out, in, newPerSecond, residentBytes);
    }

    private static void warmUp() {
        try (FlowCost gateway = new FlowCost(FLOWS[0] * 100, CAPACITY)) {
            gateway.begin();
            gateway.outNs(WARM_UP_PACKETS);
            gateway.inNs(WARM_UP_PACKETS);
        }
    }

    private static Map<String, Object> report(
            List<List<Double>> out, List<List<Double>> in, List<Double> newPerSecond, List<Long> residentBytes) {
        double leastOut = Throughput.median(out.getFirst());
        double leastIn = Throughput.median(in.getFirst());
        List<Object> paths = new ArrayList<>();
        for (int i = 0; i < FLOWS.length; i++) {
            Map<String, Object> path = new LinkedHashMap<>();
            double outNs = Throughput.median(out.get(i));
            double inNs = Throughput.median(in.get(i));
            path.put("path", Integer.toString(FLOWS[i]));
            path.put("flows", FLOWS[i]);
            path.put("new_flows_per_s", Math.round(newPerSecond.get(i)));
            path.put("resident_mib", residentBytes.get(i) >> 20);
            path.put("table_bytes_most", FlowCost.bytes(CAPACITY));
            path.put("ns_per_packet_out", Throughput.rounded(outNs));
            path.put("ns_per_packet_in", Throughput.rounded(inNs));
            path.put("ratio_to_1000_out", Throughput.rounded(outNs / leastOut));
            path.put("ratio_to_1000_in", Throughput.rounded(inNs / leastIn));
            path.put(
                    "rounds_out_ns",
                    out.get(i).stream().map(Throughput::rounded).toList());
            path.put("rounds_in_ns", in.get(i).stream().map(Throughput::rounded).toList());
            paths.add(path);
        }
        return Map.of("paths", paths);
    }

    private static long residentBytes() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) << 10;
                }
            }
            return 0;
        } catch (IOException e) {
            throw new BenchException("cannot read what memory this process has: " + e.getMessage());
        }
    }
}
