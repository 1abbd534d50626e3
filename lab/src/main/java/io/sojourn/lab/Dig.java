// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** Asks the controller's name server by an independent resolver, over UDP and over TCP. */
final class Dig {
    static final int PORT = 5353;
    static final String ZONE = "vms.example.net";
    /** What controller.yaml has for it. */
    static final Map<String, Object> CONTROLLER = Map.of("dns", Map.of("listen", "127.0.0.1:" + PORT, "zone", ZONE));

    private static final Duration BOUND = Duration.ofSeconds(10);

    private Dig() {}

    /** The first VM's name. */
    static String vm(Stage stage) {
        return stage.mover().plan().name() + "." + ZONE;
    }

    /** The last group of the VM's IPv6 address, which is all of its identifier in the lab. */
    static String node(Stage stage) {
        String address = stage.mover().plan().address6();
        return address.substring(address.lastIndexOf(':') + 1);
    }

    /** As dig shows the RDATA of L64, without its preference. */
    static String locator(String prefix) {
        StringBuilder groups = new StringBuilder(prefix.substring(0, prefix.indexOf("::")));
        while (groups.chars().filter(c -> c == ':').count() < 3) {
            groups.append(":0");
        }
        return groups.toString();
    }

    /** Until those are all answers, whatever their preference, in whatever order. */
    static void judge(Stage stage, String name, String type, List<String> wanted, Findings findings) {
        long deadlineNs = System.nanoTime() + BOUND.toNanos();
        for (String transport : List.of("+notcp", "+tcp")) {
            List<String> found = answers(stage, transport, name, type);
            while (!isAll(found, wanted) && System.nanoTime() < deadlineNs) {
                LockSupport.parkNanos(100_000_000);
                found = answers(stage, transport, name, type);
            }
            if (!isAll(found, wanted)) {
                findings.problems.add("dig " + transport + " " + name + " " + type + ": " + found + ", not " + wanted);
            }
        }
    }

    private static boolean isAll(List<String> found, List<String> wanted) {
        return found.size() == wanted.size()
                && wanted.stream()
                        .allMatch(one -> found.stream().anyMatch(line -> line.endsWith(" " + one) || line.equals(one)));
    }

    static List<String> answers(Stage stage, String transport, String name, String type) {
        return stage.lab()
                .place(Topology.CONTROLLER)
                .run("dig", "@127.0.0.1", "-p", Integer.toString(PORT), transport, "+short", name, type)
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .toList();
    }
}
