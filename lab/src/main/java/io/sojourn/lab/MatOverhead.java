// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What MAT costs, beside the overlay and no mechanism at all, between sites that are 10 ms of round trip apart (some 600 km, as in the paper). Prints a table in Markdown:
 * docs/mat-overhead.md.
 *
 * <p>The data path is measured between two plain hosts, one of them registered as a VM, because a guest without KVM would cost more than any of them; signalling beside it, on
 * the links to the controller; and a real VM moves by each.
 */
final class MatOverhead extends Scenario {
    private static final double RTT_MS = 10;
    private static final String HOST = "host1";
    private static final int PINGS = 500;
    private static final Duration SETTLE = Duration.ofSeconds(2);
    private static final Duration STREAM = Duration.ofSeconds(5);
    /** One and a half times as long as a registration is repeated after. */
    private static final Duration SIGNALS = Duration.ofSeconds(30);

    private static final Pattern REPLY = Pattern.compile("time=([0-9.]+) ms");

    MatOverhead() {
        super(
                "mat-overhead",
                "what MAT costs in octets, time and signals, beside the overlay and direct, at 10 ms",
                1,
                1);
    }

    @Override
    List<String> alsoBy() {
        return List.of(Lab.MAT);
    }

    @Override
    Topology topology() {
        return Topology.of(
                List.of("st-andrews", "hiroshima", "gainesville"),
                new double[][] {{0, RTT_MS, RTT_MS}, {RTT_MS, 0, RTT_MS}, {RTT_MS, RTT_MS, 0}});
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    /** A column of the table. */
    private static final class Way {
        final String name;
        int addedBytes;
        double firstMs;
        double medianMs;
        double p99Ms;
        double mbitPerS;
        double cpuSecondsPerGbyte;
        double signalBytesPerS;
        double signalPacketsPerS;
        double switchAboveMs = Double.NaN;
        long lost;
        long updates;

        Way(String name) {
            this.name = name;
        }
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Topology.Site near = topology.sites().get(0);
            Topology.Site far = topology.sites().get(1);
            register(lab, near);
            List<Way> ways = new ArrayList<>();
            Way direct = new Way("direct");
            measure(stage, direct, lab.place(far.name()), lab.place(near.name()), near.wan4());
            ways.add(direct);
            Place from = lab.correspondents().get(1);
            Place to = lab.correspondents().getFirst();
            for (String mechanism : List.of(Lab.OVERLAY, Lab.MAT)) {
                Way way = new Way(mechanism);
                for (String vm : List.of(HOST, stage.mover().plan().name())) {
                    lab.rest().patch("/v1/vms/" + vm, Map.of("mechanism", mechanism));
                }
                stage.calmDown(Duration.ofMillis(200)); // the table is everywhere, a mapping has not been asked for
                measure(stage, way, from, to, near.lan4(20));
                way.addedBytes =
                        WireCost.measure(lab, from, far.name(), near.lan4(20)).addedBytes();
                signals(stage, way);
                move(stage, way, findings);
                ways.add(way);
                stage.say(mechanism + " measured");
            }
            table(ways).forEach(line -> stage.progress().say(line));
            if (ways.getLast().addedBytes != 0) {
                findings.problems.add("mat adds " + ways.getLast().addedBytes + " octets to a packet");
            }
            return false;
        };
    }

    /** The first site's plain host becomes a VM that nobody moves. */
    private static void register(Lab lab, Topology.Site near) {
        Place host = lab.correspondents().getFirst();
        String mac = host.run("cat", "/sys/class/net/eth0/address").strip();
        lab.rest()
                .post(
                        "/v1/vms",
                        Map.of(
                                "name",
                                HOST,
                                "nics",
                                List.of(Map.of(
                                        "mac",
                                        mac,
                                        "network",
                                        Lab.NETWORK,
                                        "addresses",
                                        List.of(near.lan4(20), near.lan6(20)))),
                                "site",
                                near.name()));
    }

    private static void measure(Stage stage, Way way, Place from, Place to, String address) {
        way.firstMs = pings(from, address, 1).getFirst();
        stage.calmDown(SETTLE);
        List<Double> times = pings(from, address, PINGS);
        way.medianMs = times.get(times.size() / 2);
        way.p99Ms = times.get((int) (0.99 * times.size()) - 1);
        try (BulkStream stream = BulkStream.start(from, to, address)) {
            stage.calmDown(SETTLE);
            long bytes = stream.receivedBytes();
            double cpu = gatewaysSeconds(stage.lab());
            long beganNs = System.nanoTime();
            stage.calmDown(STREAM);
            double seconds = (System.nanoTime() - beganNs) / 1e9;
            bytes = stream.receivedBytes() - bytes;
            way.mbitPerS = bytes * 8 / seconds / 1e6;
            way.cpuSecondsPerGbyte = (gatewaysSeconds(stage.lab()) - cpu) / (bytes / 1e9);
        }
    }

    /** Sorted. */
    private static List<Double> pings(Place from, String address, int count) {
        String out = from.run("ping", "-n", "-c", Integer.toString(count), "-i", "0.01", "-W", "3", address);
        List<Double> times = out.lines()
                .map(REPLY::matcher)
                .filter(java.util.regex.Matcher::find)
                .map(matcher -> Double.parseDouble(matcher.group(1)))
                .sorted()
                .toList();
        if (times.size() < count) {
            throw new LabException(count - times.size() + " of " + count + " pings from " + from.name() + " to "
                    + address + " were not answered");
        }
        return times;
    }

    /** Of processor, that all gateways have used so far; proc(5). */
    private static double gatewaysSeconds(Lab lab) {
        double seconds = 0;
        for (Topology.Site site : lab.topology().sites()) {
            Path stat = Path.of("/proc/" + lab.pid(Lab.gatewayProcess(site.name())) + "/stat");
            try {
                String text = Files.readString(stat);
                String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
                seconds += (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
            } catch (IOException e) {
                throw new LabException("cannot read " + stat + ": " + e.getMessage(), e);
            }
        }
        return seconds;
    }

    /** Everything between controller and gateways, while everybody goes on talking. */
    private static void signals(Stage stage, Way way) {
        long[] before = controllerLinks(stage.lab());
        long beganNs = System.nanoTime();
        stage.calmDown(SIGNALS);
        double seconds = (System.nanoTime() - beganNs) / 1e9;
        long[] after = controllerLinks(stage.lab());
        way.signalPacketsPerS = (after[0] - before[0]) / seconds;
        way.signalBytesPerS = (after[1] - before[1]) / seconds;
    }

    /** Packets and octets. */
    private static long[] controllerLinks(Lab lab) {
        long[] sum = new long[2];
        try (WanControl wan = lab.wan()) {
            for (Topology.Site site : lab.topology().sites()) {
                for (WanControl.LinkStats link : List.of(
                        wan.stats(Topology.CONTROLLER, site.name()), wan.stats(site.name(), Topology.CONTROLLER))) {
                    sum[0] += link.packets();
                    sum[1] += link.bytes();
                }
            }
        }
        return sum;
    }

    private static void move(Stage stage, Way way, Findings findings) {
        Mover mover = stage.mover();
        mover.traffic().begin();
        String to = mover.at().equals("hiroshima") ? "st-andrews" : "hiroshima";
        long updates = updates(stage.lab());
        stage.tour(List.of(to), findings);
        way.updates = updates(stage.lab()) - updates;
        Report.Network network = findings.moves.getLast().network();
        way.lost = network.lost();
        Double switchMs = network.switchMs();
        way.switchAboveMs = switchMs == null ? Double.NaN : switchMs - network.announceDelayMs();
    }

    private static long updates(Lab lab) {
        return lab.rest()
                .get("/v1/gateways")
                .path("items")
                .valueStream()
                .mapToLong(gateway ->
                        gateway.path("counters").path("mappings-updated").asLong(0))
                .sum();
    }

    private static List<String> table(List<Way> ways) {
        List<String> lines = new ArrayList<>();
        StringBuilder head = new StringBuilder("|  |");
        StringBuilder rule = new StringBuilder("| --- |");
        ways.forEach(way -> {
            head.append(' ').append(way.name).append(" |");
            rule.append(" ---: |");
        });
        lines.add(head.toString());
        lines.add(rule.toString());
        row(lines, ways, "octets added to a packet", way -> String.format(Locale.ROOT, "%d", way.addedBytes));
        row(lines, ways, "round trip, median (ms)", way -> ms(way.medianMs));
        row(lines, ways, "round trip, p99 (ms)", way -> ms(way.p99Ms));
        row(lines, ways, "round trip of the first packet (ms)", way -> ms(way.firstMs));
        row(
                lines,
                ways,
                "one TCP stream, link of 1 Gbit/s (Mbit/s)",
                way -> String.format(Locale.ROOT, "%.0f", way.mbitPerS));
        row(
                lines,
                ways,
                "gateways' processor (s a GB)",
                way -> way.name.equals("direct") ? "-" : String.format(Locale.ROOT, "%.2f", way.cpuSecondsPerGbyte));
        row(
                lines,
                ways,
                "to and from the controller, all sites (packets a second)",
                way -> way.name.equals("direct") ? "-" : String.format(Locale.ROOT, "%.1f", way.signalPacketsPerS));
        row(
                lines,
                ways,
                "the same (octets a second)",
                way -> way.name.equals("direct") ? "-" : String.format(Locale.ROOT, "%.0f", way.signalBytesPerS));
        row(
                lines,
                ways,
                "Mapping Updates for a move",
                way -> way.name.equals("direct") ? "-" : Long.toString(way.updates));
        row(
                lines,
                ways,
                "switch above the one-way delay in a move (ms)",
                way -> Double.isNaN(way.switchAboveMs) ? "-" : ms(way.switchAboveMs));
        row(lines, ways, "probes lost in a move", way -> way.name.equals("direct") ? "-" : Long.toString(way.lost));
        return lines;
    }

    private static String ms(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    private static void row(
            List<String> lines, List<Way> ways, String what, java.util.function.Function<Way, String> of) {
        StringBuilder line = new StringBuilder("| ").append(what).append(" |");
        ways.forEach(way -> line.append(' ').append(of.apply(way)).append(" |"));
        lines.add(line.toString());
    }
}
