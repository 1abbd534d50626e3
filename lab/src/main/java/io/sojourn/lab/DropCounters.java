// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/**
 * Every place where the kernel, a gateway or the WAN emulator throws packets away and counts it: sockets' buffers, interfaces' queues, reasons, links. Read before and after a move, it
 * tells where a lost packet went. Names such as {@code hiroshima Udp RcvbufErrors}, {@code hiroshima tap-web1 tx-dropped}, {@code wan a > b dropped_queue}.
 */
final class DropCounters {
    private static final List<String> UDP = List.of("RcvbufErrors", "SndbufErrors", "InCsumErrors");
    private static final int RX_DROPPED = 3;
    private static final int TX_DROPPED = 11;

    private DropCounters() {}

    static Map<String, Long> read(Lab lab) {
        Map<String, Long> counters = new TreeMap<>();
        for (Place place : lab.places()) {
            place.call(() -> {
                udp(place.name(), Files.readAllLines(Path.of("/proc/thread-self/net/snmp")), counters);
                interfaces(place.name(), Files.readAllLines(Path.of("/proc/thread-self/net/dev")), counters);
                return counters.size();
            });
        }
        for (JsonNode gateway : lab.rest().get("/v1/gateways").path("items")) {
            gateway.path("counters").properties().forEach(field -> {
                if (field.getKey().startsWith("drop-")) {
                    counters.put(
                            "gateway " + gateway.path("name").asString("") + " " + field.getKey(),
                            field.getValue().asLong());
                }
            });
        }
        try (WanControl wan = WanControl.connect(Configs.wanSocket(lab.run()))) {
            for (JsonNode link : wan.stats().path("links")) {
                link.properties().forEach(field -> {
                    if (field.getKey().startsWith("dropped_") || field.getKey().equals("lost")) {
                        String name = "wan " + link.path("from").asString("") + " > "
                                + link.path("to").asString("");
                        counters.put(
                                name + " " + field.getKey(), field.getValue().asLong());
                    }
                });
            }
        }
        return counters;
    }

    /** What has grown, one line each. An interface that is new counts from 0. */
    static List<String> grown(Map<String, Long> before, Map<String, Long> after) {
        return after.entrySet().stream()
                .filter(counter -> counter.getValue() > before.getOrDefault(counter.getKey(), 0L))
                .map(counter ->
                        counter.getKey() + " +" + (counter.getValue() - before.getOrDefault(counter.getKey(), 0L)))
                .toList();
    }

    /** Two lines begin with {@code Udp:}, the first has the names (proc_pid_net(5)). */
    static void udp(String place, List<String> snmp, Map<String, Long> into) {
        List<String[]> lines = snmp.stream()
                .filter(line -> line.startsWith("Udp:"))
                .map(line -> line.split(" ", -1))
                .toList();
        for (int i = 1; lines.size() == 2 && i < lines.getFirst().length; i++) {
            if (UDP.contains(lines.getFirst()[i])) {
                into.put(place + " Udp " + lines.getFirst()[i], Long.parseLong(lines.getLast()[i]));
            }
        }
    }

    static void interfaces(String place, List<String> dev, Map<String, Long> into) {
        for (String line : dev) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                String name = place + " " + line.substring(0, colon).strip();
                String[] columns = line.substring(colon + 1).strip().split("\\s+", -1);
                into.put(name + " rx-dropped", Long.parseLong(columns[RX_DROPPED]));
                into.put(name + " tx-dropped", Long.parseLong(columns[TX_DROPPED]));
            }
        }
    }
}
