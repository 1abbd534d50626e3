// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** What every long-running process takes. */
final class ProcessOptions {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    @Option(names = "--config", paramLabel = "FILE", required = true, description = "Its configuration, in YAML.")
    Path config = Path.of("");

    @Option(names = "--log-json", description = "Log as JSON, one object a line.")
    boolean logJson;

    @Option(names = "--verbose", description = "Log what is decided, too.")
    boolean verbose;

    /** Checks the file and sets logging up; call before any other class of ours has a logger. */
    Path prepare() {
        Processes.requireReadable(config);
        Logging.forProcess(logJson, verbose);
        return config.toAbsolutePath();
    }
}
