// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The comparison for a person: a line for each mechanism. */
public final class ComparisonTable {
    private static final String[] HEAD = {
        "mechanism",
        "pause",
        "added gap",
        "switch",
        "lost",
        "broken",
        "a packet",
        "path",
        "guest changes",
        "correspondents",
        "network between"
    };

    private ComparisonTable() {}

    public static String render(Comparison comparison, boolean colour) {
        StringBuilder out = new StringBuilder("\n");
        List<String[]> rows = new ArrayList<>();
        rows.add(HEAD);
        comparison.mechanisms().forEach(row -> rows.add(row(row)));
        ReportTable.table(
                rows,
                row -> comparison.mechanisms().get(row).ok(),
                row -> problems(comparison, comparison.mechanisms().get(row)),
                colour,
                out);
        boolean isOk = comparison.ok();
        return out.append(String.format(
                        Locale.ROOT,
                        "%n%d moves by %d mechanisms, %d lost, %d sessions broken: %s%n"
                                + "  the worst of each tour. pause: the guest stood still, the one-way delay included; added gap: silence of a probe beyond that;%n"
                                + "  switch: from resumption until the last gateway sends straight to the new site; a packet: octets added on the WAN, as measured; path: round trip over the direct one%n",
                        comparison.moves().size(),
                        comparison.mechanisms().size(),
                        comparison.mechanisms().stream()
                                .mapToLong(Comparison.Row::lost)
                                .sum(),
                        comparison.mechanisms().stream()
                                .mapToInt(Comparison.Row::tcpBroken)
                                .sum(),
                        isOk ? "all as it should be." : "NOT as it should be."))
                .toString();
    }

    private static String[] row(Comparison.Row row) {
        return new String[] {
            row.mechanism(),
            ms(row.pauseMs()),
            ms(row.addedGapMs()),
            ms(row.switchMs()),
            Long.toString(row.lost()),
            Integer.toString(row.tcpBroken()),
            row.addedBytesPerPacket() < 0 ? "-" : "+" + row.addedBytesPerPacket() + " B",
            figure("%.2f", row.pathStretch()),
            row.changes().guest(),
            row.changes().correspondents(),
            row.changes().network()
        };
    }

    private static List<String> problems(Comparison comparison, Comparison.Row row) {
        String own = row.mechanism() + ": ";
        List<String> problems = new ArrayList<>();
        comparison.moves().stream()
                .filter(move -> move.mechanism().equals(row.mechanism()) && !move.ok())
                .forEach(move ->
                        problems.add(move.from() + " -> " + move.to() + " bad: " + String.join("; ", move.failed())));
        comparison.problems().stream()
                .filter(problem -> problem.startsWith(own))
                .forEach(problem -> problems.add(problem.substring(own.length())));
        return problems;
    }

    private static String ms(@Nullable Double value) {
        return figure("%.1f ms", value);
    }

    private static String figure(String format, @Nullable Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, format, value);
    }
}
