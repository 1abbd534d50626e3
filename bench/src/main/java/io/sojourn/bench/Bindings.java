// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.gateway.ForwardingCost;
import io.sojourn.lab.Progress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the number of bindings costs: the packet path of a gateway, in interleaved rounds over tables of different sizes; packets to VMs at
 * random among all, and among a thousand.
 */
final class Bindings {
    private static final int[] BINDINGS = {10, 100, 1_000, 10_000, 100_000, 1_000_000};
    private static final int SPOKEN_TO = 1_000;
    private static final int LOOKUPS = 2_000_000;
    private static final int PACKETS_A_SECOND = 100_000;
    private static final int WARM_UP_PACKETS = 200_000;

    private Bindings() {}

    static Map<String, Object> run(BenchOptions options, Progress progress) {
        List<ForwardingCost> gateways = new ArrayList<>();
        List<List<Double>> forward = new ArrayList<>();
        List<List<Double>> few = new ArrayList<>();
        List<List<Double>> lookup = new ArrayList<>();
        try {
            for (int bindings : BINDINGS) {
                ForwardingCost gateway = new ForwardingCost(bindings);
                gateways.add(gateway);
                forward.add(new ArrayList<>());
                few.add(new ArrayList<>());
                lookup.add(new ArrayList<>());
                gateway.forwardNs(WARM_UP_PACKETS / BINDINGS.length, bindings);
                gateway.lookupNs(LOOKUPS);
                progress.say("stands: a gateway with " + bindings + " bindings");
            }
            for (int round = 1; round <= options.rounds(); round++) {
                for (int i = 0; i < BINDINGS.length; i++) {
                    int packets = options.seconds() * PACKETS_A_SECOND;
                    double forwardNs = gateways.get(i).forwardNs(packets, BINDINGS[i]);
                    double fewNs = gateways.get(i).forwardNs(packets, SPOKEN_TO);
                    double lookupNs = gateways.get(i).lookupNs(LOOKUPS);
                    forward.get(i).add(forwardNs);
                    few.get(i).add(fewNs);
                    lookup.get(i).add(lookupNs);
                    progress.say(String.format(
                            "round %d  %9d bindings  %7.0f ns a packet to any, %7.0f to a thousand; %6.1f ns a lookup",
                            round, BINDINGS[i], forwardNs, fewNs, lookupNs));
                }
            }
        } finally {
            gateways.forEach(ForwardingCost::close);
        }
        double least = Throughput.median(forward.getFirst());
        double leastFew = Throughput.median(few.getFirst());
        List<Object> paths = new ArrayList<>();
        for (int i = 0; i < BINDINGS.length; i++) {
            Map<String, Object> path = new LinkedHashMap<>();
            double forwardNs = Throughput.median(forward.get(i));
            path.put("path", Integer.toString(BINDINGS[i]));
            path.put("bindings", BINDINGS[i]);
            path.put("ns_per_packet", Throughput.rounded(forwardNs));
            double fewNs = Throughput.median(few.get(i));
            path.put("ns_per_packet_of_1000", Throughput.rounded(fewNs));
            path.put("ratio_to_10_of_1000", Throughput.rounded(fewNs / leastFew));
            path.put("lookup_ns", Throughput.rounded(Throughput.median(lookup.get(i))));
            path.put("ratio_to_10", Throughput.rounded(forwardNs / least));
            path.put(
                    "rounds_ns",
                    forward.get(i).stream().map(Throughput::rounded).toList());
            paths.add(path);
        }
        return Map.of("paths", paths);
    }
}
