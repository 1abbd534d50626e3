// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.Locale;

/** A summary for a person: a line for each length of link, and one for all. */
final class SummaryText {
    private static final String LINE = "%-10s %5d   %8.1f %8.1f   %8.1f %8.1f   %8.1f %8.1f%n";

    private SummaryText() {}

    static String of(Report.Summary summary) {
        StringBuilder out = new StringBuilder(String.format(
                Locale.ROOT,
                "%-10s %5s   %17s   %17s   %17s%n%-10s %5s   %8s %8s   %8s %8s   %8s %8s%n",
                "",
                "",
                "added gap, ms",
                "pause - delay",
                "switch - delay",
                "RTT",
                "moves",
                "p50",
                "p99",
                "p50",
                "p99",
                "p50",
                "p99"));
        for (Report.Row row : summary.byRtt()) {
            out.append(line(
                    String.format(Locale.ROOT, "%.0f ms", row.rttMs()),
                    row.moves(),
                    row.addedGapMs(),
                    row.pauseMinusDelayMs(),
                    row.switchMinusDelayMs()));
        }
        return out.append(line(
                        "all",
                        summary.moves(),
                        summary.addedGapMs(),
                        summary.pauseMinusDelayMs(),
                        summary.switchMinusDelayMs()))
                .toString();
    }

    private static String line(
            String name, int moves, Report.Spread addedGap, Report.Spread pause, Report.Spread switching) {
        return String.format(
                Locale.ROOT,
                LINE,
                name,
                moves,
                addedGap.p50(),
                addedGap.p99(),
                pause.p50(),
                pause.p99(),
                switching.p50(),
                switching.p99());
    }
}
