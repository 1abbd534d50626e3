// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** A migration as a person reads it. */
final class MigrationText {
    private MigrationText() {}

    /** {@code web1-e2}: the VM and the epoch that the move makes. The controller takes this name as well as the id. */
    static String name(JsonNode move) {
        String id = move.path("id").asString("");
        return move.path("epoch").asLong(0) > 0 && move.hasNonNull("vm")
                ? move.path("vm").asString() + "-e" + move.path("epoch").asLong()
                : id;
    }

    static List<String> lines(JsonNode move) {
        List<String> lines = new ArrayList<>();
        String state = move.path("state").asString();
        lines.add(name(move) + "  " + move.path("vm").asString() + "  "
                + move.path("from").asString() + " -> " + move.path("to").asString() + "  " + state + "  epoch "
                + move.path("epoch").asLong(0));
        if (move.hasNonNull("error") && !move.path("error").asString().isEmpty()) {
            lines.add("  why            " + move.path("error").asString());
        }
        if (!state.equals("DONE") && !state.equals("ROLLED_BACK") && move.hasNonNull("progress")) {
            lines.add("  progress       " + ProgressLine.of(move));
        }
        figures(move, lines);
        counts(move.path("counts"), move, lines);
        timeline(move.path("timeline"), lines);
        return lines;
    }

    private static void figures(JsonNode move, List<String> lines) {
        if (move.hasNonNull("pauseMs")) {
            lines.add(String.format(
                    Locale.ROOT,
                    "  pause          %.1f ms",
                    move.path("pauseMs").asDouble()));
        }
        if (move.hasNonNull("totalMs")) {
            lines.add("  total          " + Figures.millis(move.path("totalMs").asLong()));
        }
        if (move.hasNonNull("wanBytes")) {
            lines.add("  over the WAN   " + Figures.bytes(move.path("wanBytes").asLong()));
        }
    }

    private static void counts(JsonNode counts, JsonNode move, List<String> lines) {
        if (!counts.path("source").isEmpty()) {
            lines.add("  source         " + move.path("fromGateway").asString("") + ": "
                    + Figures.counts(counts.path("source")));
        }
        if (!counts.path("destination").isEmpty()) {
            lines.add("  destination    " + move.path("toGateway").asString("") + ": "
                    + Figures.counts(counts.path("destination")));
        }
        for (Map.Entry<String, JsonNode> gateway : counts.path("correspondents").properties()) {
            lines.add("  correspondent  " + gateway.getKey() + ": " + Figures.counts(gateway.getValue()));
        }
    }

    /** Milliseconds from the pause; before it they are negative. */
    private static void timeline(JsonNode timeline, List<String> lines) {
        if (timeline.isEmpty()) {
            return;
        }
        long zeroUs = timeline.path(0).path("atUs").asLong(0);
        String zero = "the first step";
        for (JsonNode entry : timeline) {
            if (entry.path("event").asString("").equals("pause")) {
                zeroUs = entry.path("atUs").asLong(0);
                zero = "the pause";
                break;
            }
        }
        lines.add("  steps, in ms from " + zero);
        for (JsonNode entry : timeline) {
            lines.add(String.format(
                            Locale.ROOT,
                            "  %12.1f  %-18s %-12s %s",
                            (entry.path("atUs").asLong(0) - zeroUs) / 1e3,
                            entry.path("where").asString(""),
                            entry.path("event").asString(""),
                            entry.path("detail").asString(""))
                    .stripTrailing());
        }
    }
}
