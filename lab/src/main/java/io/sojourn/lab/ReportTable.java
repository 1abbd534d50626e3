// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** The report for a person. */
public final class ReportTable {
    private static final String GREEN = "\u001b[32m";
    private static final String RED = "\u001b[31m";
    private static final String BOLD = "\u001b[1m";
    private static final String PLAIN = "\u001b[0m";

    private static final int MOST_PROBLEMS = 12;
    private static final String[] MOVE_HEAD = {
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
        "over WAN",
        "signed"
    };
    private static final String[] CELL_HEAD = {
        "cell", "move", "ended", "after", "runs at", "QEMUs", "silence", "lost", "dup", "late", "TCP+SSH", "broken",
        "orphans"
    };

    private ReportTable() {}

    public static String render(Report report, boolean colour) {
        StringBuilder out = new StringBuilder("\n");
        if (!report.moves().isEmpty()) {
            List<String[]> rows = new ArrayList<>();
            rows.add(MOVE_HEAD);
            report.moves().forEach(move -> rows.add(row(move)));
            table(
                    rows,
                    row -> report.moves().get(row).ok(),
                    row -> problems(report.moves().get(row)),
                    colour,
                    out);
        }
        if (!report.cells().isEmpty()) {
            List<String[]> rows = new ArrayList<>();
            rows.add(CELL_HEAD);
            report.cells().forEach(cell -> rows.add(row(cell)));
            table(
                    rows,
                    row -> report.cells().get(row).ok(),
                    row -> problems(report.cells().get(row)),
                    colour,
                    out);
        }
        report.problems()
                .forEach(problem -> out.append(paint(problem, RED, colour)).append('\n'));
        Report.Summary figures = report.summary();
        if (figures != null) {
            out.append('\n').append(SummaryText.of(figures));
        }
        return out.append('\n').append(summary(report)).toString();
    }

    private static String[] row(Report.Move move) {
        return new String[] {
            (move.vm().equals("web1") ? "" : move.vm() + "  ") + move.from() + " -> " + move.to(),
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
            String.format(Locale.ROOT, "%.0f MB", move.hypervisor().wanBytes() / 1e6),
            signed(move.certificate())
        };
    }

    private static String signed(Certified certificate) {
        if (certificate.verified()) {
            return certificate.losses().isEmpty() ? "by both" : "losses";
        }
        return certificate.document() == null ? "-" : "NO";
    }

    private static String[] row(Report.Cell cell) {
        return new String[] {
            cell.cell(),
            cell.from() + " -> " + cell.to(),
            cell.ended(),
            String.format(Locale.ROOT, "%.1f s", cell.endedAfterMs() / 1e3),
            cell.runsAt().isEmpty() ? "nowhere" : cell.runsAt(),
            Integer.toString(cell.hypervisors()),
            String.format(Locale.ROOT, "%.1f s", cell.silenceMs() / 1e3),
            Long.toString(cell.lost()),
            Long.toString(cell.duplicated()),
            Long.toString(cell.reordered()),
            Integer.toString(cell.tcpOpen()),
            Integer.toString(cell.tcpBroken()),
            Integer.toString(cell.orphans().size())
        };
    }

    private static List<String> problems(Report.Move move) {
        List<String> all = new ArrayList<>();
        if (!move.failed().isEmpty()) {
            all.add("bad: " + String.join("; ", move.failed()));
        }
        all.addAll(move.problems());
        if (!move.incident().files().isEmpty()) {
            all.add("told again by: sojourn sim --incident, with beside the report "
                    + String.join(" ", move.incident().files()));
        }
        return all;
    }

    private static List<String> problems(Report.Cell cell) {
        List<String> all = new ArrayList<>(cell.problems());
        cell.orphans().forEach(orphan -> all.add("left behind: " + orphan));
        return all;
    }

    /** Rows under a head, each with what is wrong with it. */
    static void table(
            List<String[]> rows,
            IntPredicate good,
            IntFunction<List<String>> problems,
            boolean colour,
            StringBuilder out) {
        int[] widths = new int[rows.getFirst().length];
        rows.forEach(row -> {
            for (int i = 0; i < row.length; i++) {
                widths[i] = Math.max(widths[i], row[i].length());
            }
        });
        out.append("    ")
                .append(paint(line(rows.getFirst(), widths), BOLD, colour))
                .append('\n');
        for (int r = 1; r < rows.size(); r++) {
            boolean isGood = good.test(r - 1);
            out.append(paint(isGood ? "ok  " : "BAD ", isGood ? GREEN : RED, colour))
                    .append(line(rows.get(r), widths))
                    .append('\n');
            problems.apply(r - 1).stream()
                    .limit(MOST_PROBLEMS)
                    .forEach(problem -> out.append("      ").append(problem).append('\n'));
        }
    }

    private static String summary(Report report) {
        if (!report.cells().isEmpty()) {
            long good = report.cells().stream().filter(Report.Cell::ok).count();
            return String.format(
                    Locale.ROOT,
                    "%d cells, %d ok: each ends done or rolled back by itself, with the VM in one place, its sessions alive and nothing left behind%n"
                            + "  silence    the longest that a probe went unanswered; packets are lost while a gateway is dead or a link cut%n",
                    report.cells().size(),
                    good);
        }
        if (report.moves().isEmpty()) {
            return String.format("%s%n", report.ok() ? "All is as it should be." : "NOT as it should be.");
        }
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
                        + "  added gap  silence of a probe beyond that, at the worst correspondent%n",
                report.moves().size(),
                probes,
                lost,
                broken,
                verdict(report.ok(), lost));
    }

    private static String verdict(boolean isOk, long lost) {
        if (!isOk) {
            return "NOT as it should be.";
        }
        return lost == 0 ? "nothing noticed." : "every session went on.";
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
