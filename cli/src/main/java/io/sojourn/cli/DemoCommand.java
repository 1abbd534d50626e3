// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "demo",
        description = "Watch a real VM move between three sites under live traffic. Needs root.",
        footer = {
            "",
            "Everything happens in network namespaces of its own on this machine and is removed at the end.",
            "",
            "Examples:",
            "  sojourn demo",
            "  sojourn demo --headless --report r.json"
        })
final class DemoCommand implements Callable<Integer> {
    @Mixin
    HelpOption helpOption = new HelpOption();

    @Option(names = "--headless", description = "No colour, no pause, no question.")
    boolean headless;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Write the figures there, as JSON (sojourn.report/1).")
    @Nullable
    Path report;

    @Option(
            names = "--mechanism",
            paramLabel = "NAME",
            description = "How packets are carried (default: ${DEFAULT-VALUE}).")
    String mechanism = "overlay";

    @Option(names = "--json", description = "Print the report to stdout instead of the table.")
    boolean json;

    @Override
    public Integer call() {
        Privileges.requireRoot("./sojourn demo", "it makes network namespaces and taps");
        return Labs.demo(headless, json, report, mechanism);
    }
}
