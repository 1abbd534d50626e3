// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Round and round the sites, each move over a link of another length, from none at all to half the circumference of the earth and more. */
final class Loop extends Scenario {
    private static final List<Double> RTTS_MS = List.of(0.0, 20.0, 80.0, 150.0, 300.0);
    private static final double LONGEST_RTT_MS = 1_000;
    /** A link that has changed makes packets overtake each other for as long as the old one was; and the gateways measure it anew. */
    private static final Duration AFTER_CHANGE = Duration.ofMillis(3_000);

    Loop() {
        super("loop", "round and round the sites, over links of 0, 20, 80, 150 and 300 ms RTT in turn", 30, 10_000);
    }

    /** All links begin with 80 ms: the least that sets the others apart. */
    @Override
    Topology topology() {
        return Topology.of(
                List.of("st-andrews", "hiroshima", "gainesville"),
                new double[][] {{0, 80, 80}, {80, 0, 80}, {80, 80, 0}});
    }

    @Override
    boolean takesRtts() {
        return true;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        List<Double> rttsMs = options.rttsMs().isEmpty() ? RTTS_MS : options.rttsMs();
        if (rttsMs.stream().anyMatch(rttMs -> !(rttMs >= 0 && rttMs <= LONGEST_RTT_MS))) {
            throw new LabException("--rtts " + rttsMs + ": each must be 0 to " + LONGEST_RTT_MS + " ms");
        }
        return (stage, findings) -> {
            Map<Report.Move, Double> rtts = new LinkedHashMap<>();
            try (WanControl wan = stage.lab().wan()) {
                int number = 0;
                for (String destination : destinations) {
                    double rttMs = rttsMs.get(number++ % rttsMs.size());
                    stretch(stage, wan, stage.mover().at(), destination, rttMs);
                    boolean arrived = stage.step(destination, destinations.size(), findings);
                    rtts.put(findings.moves.getLast(), rttMs);
                    if (!arrived) {
                        break;
                    }
                }
            }
            findings.summary = summary(rtts);
            return false;
        };
    }

    private static void stretch(Stage stage, WanControl wan, String from, String to, double rttMs) {
        wan.link(from, to, Map.of("delay_ms", rttMs / 2));
        wan.link(to, from, Map.of("delay_ms", rttMs / 2));
        Topology topology = stage.lab().topology();
        stage.calmDown(AFTER_CHANGE);
        stage.direct().changed(stage.lab(), topology.site(from), topology.site(to), rttMs);
        stage.mover().traffic().begin();
        stage.calmDown(Duration.ofSeconds(1)); // over which the round trip 'before' is taken
    }

    static Report.Summary summary(Map<Report.Move, Double> rtts) {
        List<Report.Row> rows = new ArrayList<>();
        for (double rttMs : new TreeSet<>(rtts.values())) {
            List<Report.Move> moves = rtts.entrySet().stream()
                    .filter(entry -> entry.getValue() == rttMs)
                    .map(Map.Entry::getKey)
                    .toList();
            if (!moves.isEmpty()) {
                rows.add(new Report.Row(
                        rttMs, moves.size(), addedGap(moves), pauseMinusDelay(moves), switchMinusDelay(moves)));
            }
        }
        List<Report.Move> all = List.copyOf(rtts.keySet());
        return new Report.Summary(all.size(), addedGap(all), pauseMinusDelay(all), switchMinusDelay(all), rows);
    }

    private static Report.Spread addedGap(List<Report.Move> moves) {
        return Report.Spread.of(
                moves.stream().map(move -> move.network().addedGapMs()).toList());
    }

    private static Report.Spread pauseMinusDelay(List<Report.Move> moves) {
        return Report.Spread.of(moves.stream()
                .map(move -> move.hypervisor().pauseMs() - move.hypervisor().pauseFloorMs())
                .toList());
    }

    /** The word to flip takes the way from the destination to the farthest correspondent, which is that much of it. */
    private static Report.Spread switchMinusDelay(List<Report.Move> moves) {
        List<Double> figures = new ArrayList<>();
        for (Report.Move move : moves) {
            Double switchMs = move.network().switchMs();
            if (switchMs != null) {
                figures.add(switchMs - move.network().announceDelayMs());
            }
        }
        return Report.Spread.of(figures);
    }
}
