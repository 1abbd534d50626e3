// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The report for a person. */
public final class ReportTable {
    private static final String GREEN = "\u001b[32m";
    private static final String RED = "\u001b[31m";
    private static final String BOLD = "\u001b[1m";
    private static final String PLAIN = "\u001b[0m";

    private ReportTable() {}

    public static String render(Report report, boolean colour) {
        StringBuilder out = new StringBuilder();
        List<String[]> rows = new ArrayList<>();
        rows.add(new String[] {
            "move",
            "pause",
            "floor",
            "added gap",
            "lost",
            "dup",
            "late",
            "TCP+SSH",
            "broken",
            "RTT after",
            "direct",
            "took",
            "over WAN"
        });
        for (Report.Move move : report.moves()) {
            rows.add(new String[] {
                move.from() + " -> " + move.to(),
                ms(move.hypervisor().pauseMs()),
                ms(move.hypervisor().pauseFloorMs()),
                ms(move.network().addedGapMs()),
                Long.toString(move.network().lost()),
                Long.toString(move.network().duplicated()),
                Long.toString(move.network().reordered()),
                Integer.toString(move.sessions().tcpOpen()),
                Integer.toString(move.sessions().tcpBroken()),
                ms(move.path().rttAfterMs()),
                ms(move.path().rttDirectMs()),
                String.format(Locale.ROOT, "%.1f s", move.hypervisor().totalMs() / 1e3),
                String.format(Locale.ROOT, "%.0f MB", move.hypervisor().wanBytes() / 1e6)
            });
        }
        int[] widths = new int[rows.getFirst().length];
        rows.forEach(row -> {
            for (int i = 0; i < row.length; i++) {
                widths[i] = Math.max(widths[i], row[i].length());
            }
        });
        out.append('\n');
        for (int r = 0; r < rows.size(); r++) {
            String line = line(rows.get(r), widths);
            boolean good = r == 0 || report.moves().get(r - 1).ok();
            out.append(
                            r == 0
                                    ? paint(line, BOLD, colour)
                                    : paint((good ? "ok  " : "BAD "), good ? GREEN : RED, colour) + line)
                    .append('\n');
            if (r == 0) {
                out.insert(1, "    ");
            } else {
                report.moves().get(r - 1).problems().stream()
                        .limit(12)
                        .forEach(problem -> out.append("      ").append(problem).append('\n'));
            }
        }
        report.problems()
                .forEach(problem -> out.append(paint(problem, RED, colour)).append('\n'));
        return out.append('\n').append(summary(report)).toString();
    }

    private static String summary(Report report) {
        long probes = report.moves().stream()
                .flatMap(move -> move.correspondents().stream())
                .mapToLong(Report.Correspondent::sent)
                .sum();
        long lost =
                report.moves().stream().mapToLong(move -> move.network().lost()).sum();
        int broken = report.moves().stream()
                .mapToInt(move -> move.sessions().tcpBroken())
                .sum();
        return String.format(
                Locale.ROOT,
                "%d moves, %,d probes, %d lost, %d sessions broken: %s%n"
                        + "  pause      the guest stood still (its hypervisors' own times); floor: the one-way delay, which no copy can beat%n"
                        + "  added gap  silence of a 1 kHz probe beyond that, at the worst correspondent%n",
                report.moves().size(),
                probes,
                lost,
                broken,
                report.ok() ? "nothing noticed." : "NOT as it should be.");
    }

    private static String line(String[] row, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < row.length; i++) {
            String blanks = " ".repeat(widths[i] - row[i].length());
            line.append(i == 0 ? row[i] + blanks : "  " + blanks + row[i]);
        }
        return line.toString();
    }

    private static String ms(double value) {
        return String.format(Locale.ROOT, "%.1f ms", value);
    }

    private static String paint(String text, String colour, boolean on) {
        return on ? colour + text + PLAIN : text;
    }
}
