// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/**
 * What ILNP costs beside the overlay on the same links, for one and the same VM: it is moved away and home again by each, while everybody talks to it. Prints a table in Markdown: docs/ilnp-overhead.md.
 *
 * <p>What is said about a move is counted where it is sent: the handoff's signals, which all mechanisms have; the state of the VM's correspondents, which goes to the destination's border; and what
 * is said to correspondents, Locator Updates, acknowledgements and nonces.
 */
final class IlnpOverhead extends Scenario {
    private static final Duration SETTLE = Duration.ofSeconds(3);
    /** Until each gateway has said once more what it has counted. */
    private static final Duration HEARTBEATS = Duration.ofSeconds(6);

    private static final String WATCHED_FROM = "gainesville";

    IlnpOverhead() {
        super(
                "ilnp-overhead",
                "what ILNP costs in octets, messages, time and way, beside the overlay on the same links",
                2,
                2);
    }

    @Override
    List<String> alsoBy() {
        return List.of(Lab.ILNP);
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    /** A column of the table. */
    private static final class Way {
        final String name;
        int addedBytes;
        long signals;
        long signalOctets;
        long stateOctets;
        long updates;
        long nonces;
        long messageOctets;
        long lost;
        final List<Report.Move> moves = new ArrayList<>();

        Way(String name) {
            this.name = name;
        }
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        int moves = count(options);
        Topology.Site far = topology.sites().get(1);
        List<String> tour =
                List.of(far.name(), topology.sites().getFirst().name()).subList(0, moves);
        return (stage, findings) -> {
            List<Way> ways = new ArrayList<>();
            ways.add(measure(stage, Lab.OVERLAY, ScenarioOptions.VISIBLE, far, tour, findings));
            ways.add(measure(stage, Lab.ILNP, ScenarioOptions.VISIBLE, far, tour, findings));
            ways.add(measure(stage, Lab.ILNP, "invisible", far, tour, findings));
            table(ways).forEach(line -> stage.progress().say(line));
            ways.stream()
                    .skip(1)
                    .filter(way -> way.addedBytes != 0)
                    .forEach(
                            way -> findings.problems.add(way.name + " adds " + way.addedBytes + " octets to a packet"));
            if (ways.get(1).updates == 0 || ways.get(2).updates != 0) {
                findings.problems.add("Locator Updates and acknowledgements: " + ways.get(1).updates + " when visible, "
                        + ways.get(2).updates + " when invisible");
            }
            return false;
        };
    }

    private static Way measure(
            Stage stage,
            String mechanism,
            String transparency,
            Topology.Site far,
            List<String> tour,
            Findings findings) {
        Lab lab = stage.lab();
        Way way = new Way(mechanism.equals(Lab.ILNP) ? mechanism + ", " + transparency : mechanism);
        lab.rest()
                .patch(
                        "/v1/vms/" + stage.mover().plan().name(),
                        Map.of("mechanism", mechanism, "transparency", transparency));
        stage.calmDown(SETTLE);
        way.addedBytes = WireCost.measure(
                        lab,
                        lab.correspondents().get(1),
                        far.name(),
                        stage.mover().plan().address6())
                .addedBytes();
        stage.calmDown(HEARTBEATS);
        long[] before = said(lab);
        stage.mover().traffic().begin();
        int first = findings.moves.size();
        stage.tour(tour, findings);
        way.moves.addAll(findings.moves.subList(first, findings.moves.size()));
        stage.calmDown(HEARTBEATS);
        long[] after = said(lab);
        int moves = Math.max(1, way.moves.size());
        way.signals = (after[0] - before[0]) / moves;
        way.signalOctets = (after[1] - before[1]) / moves;
        way.stateOctets = (after[2] - before[2]) / moves;
        way.updates = (after[3] - before[3]) / moves;
        way.nonces = (after[4] - before[4]) / moves;
        way.messageOctets = (after[5] - before[5]) / moves;
        way.lost = way.moves.stream().mapToLong(move -> move.network().lost()).sum();
        stage.say(way.name + " measured");
        return way;
    }

    private static long[] said(Lab lab) {
        return new long[] {
            sum(lab, "signals-out"),
            sum(lab, "signal-octets"),
            sum(lab, "node-state-octets"),
            sum(lab, "locator-updates-sent") + sum(lab, "locator-updates-taken"),
            sum(lab, "nonces-sent"),
            sum(lab, "locator-message-octets")
        };
    }

    private static long sum(Lab lab, String counter) {
        long sum = 0;
        for (JsonNode gateway : lab.rest().get("/v1/gateways").path("items")) {
            sum += gateway.path("counters").path(counter).asLong(0);
        }
        return sum;
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
        row(lines, ways, "octets added to an IPv6 packet", way -> Integer.toString(way.addedBytes));
        row(lines, ways, "handoff's signals for a move", way -> Long.toString(way.signals));
        row(lines, ways, "the same (octets)", way -> Long.toString(way.signalOctets));
        row(lines, ways, "state of correspondents (octets)", way -> Long.toString(way.stateOctets));
        row(lines, ways, "Locator Updates and acknowledgements", way -> Long.toString(way.updates));
        row(lines, ways, "nonces in packets of their own", way -> Long.toString(way.nonces));
        row(lines, ways, "Locator Updates, acknowledgements, nonces (octets)", way -> Long.toString(way.messageOctets));
        row(
                lines,
                ways,
                "added gap, away / home (ms)",
                way -> each(way, move -> move.network().addedGapMs()));
        row(
                lines,
                ways,
                "pause, away / home (ms)",
                way -> each(way, move -> move.hypervisor().pauseMs()));
        row(
                lines,
                ways,
                "IPv6 round trip from " + WATCHED_FROM + " while away, by mechanism / direct (ms)",
                IlnpOverhead::path);
        row(lines, ways, "probes lost", way -> Long.toString(way.lost));
        return lines;
    }

    private static String each(Way way, Function<Report.Move, Double> figure) {
        return String.join(
                " / ",
                way.moves.stream()
                        .map(move -> String.format(Locale.ROOT, "%.1f", figure.apply(move)))
                        .toList());
    }

    private static String path(Way way) {
        return way.moves.getFirst().correspondents().stream()
                .filter(c -> c.family() == 6 && c.site().equals(WATCHED_FROM))
                .findFirst()
                .map(c -> String.format(Locale.ROOT, "%.1f / %.1f", c.rttAfterMs(), c.rttDirectMs()))
                .orElse("-");
    }

    private static void row(List<String> lines, List<Way> ways, String what, Function<Way, String> of) {
        StringBuilder line = new StringBuilder("| ").append(what).append(" |");
        ways.forEach(way -> line.append(' ').append(of.apply(way)).append(" |"));
        lines.add(line.toString());
    }
}
