// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.lab.Comparison;
import io.sojourn.lab.ComparisonTable;
import io.sojourn.lab.Progress;
import io.sojourn.lab.Report;
import io.sojourn.lab.ReportTable;
import io.sojourn.lab.ScenarioOptions;
import io.sojourn.linux.Threads;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Running a scenario and showing what came of it: progress on stderr, then the table or the JSON on stdout. */
final class Labs {
    private final PrintWriter out;
    private final boolean lively;
    private final boolean json;

    /** @param headless no colour and no line that changes in place, even on a terminal */
    Labs(PrintWriter out, boolean headless, boolean json) {
        this.out = out;
        this.lively = !headless && Terminal.hasOne();
        this.json = json;
    }

    Progress progress() {
        return new Progress(System.err, lively);
    }

    /**
     * Returns the exit status: 0 if every move was ok.
     *
     * @param reportFile also gets the JSON; it is tried first, as a report that cannot be written is better known before than after
     */
    int run(ScenarioOptions options, @Nullable Path reportFile) {
        prepare(reportFile);
        Report report = io.sojourn.lab.Labs.run(options, progress());
        if (reportFile != null) {
            report.write(reportFile);
        }
        out.println(json ? report.json() : ReportTable.render(report, lively && Terminal.isStdout()));
        out.flush();
        return report.exitStatus();
    }

    /** The demo by each mechanism; the exit status is 0 if every move of each was ok. */
    int compare(String transparency, @Nullable Path reportFile) {
        prepare(reportFile);
        Comparison all = io.sojourn.lab.Labs.compare(transparency, Optional.ofNullable(reportFile), progress());
        out.println(json ? all.json() : ComparisonTable.render(all, lively && Terminal.isStdout()));
        out.flush();
        return all.exitStatus();
    }

    private static void prepare(@Nullable Path reportFile) {
        if (reportFile != null) {
            requireWritable(reportFile);
        }
        // The lab must not measure its own collections.
        Threads.setCollectorFirst();
    }

    private static void requireWritable(Path file) {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder) || Files.isDirectory(file)) {
            throw new CommandFailure("--report " + file + ": give a file in a folder that exists");
        }
    }
}
