// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a play has seen so far. */
final class Findings {
    final List<Report.Move> moves = new ArrayList<>();
    final List<Report.Cell> cells = new ArrayList<>();
    /** What is wrong beside moves and cells, one line each; a report with any is not ok. */
    final List<String> problems = new ArrayList<>();

    Report.@Nullable Summary summary;

    Report.@Nullable Switches switches;

    boolean ok() {
        return problems.isEmpty()
                && moves.stream().allMatch(Report.Move::ok)
                && cells.stream().allMatch(Report.Cell::ok);
    }
}
