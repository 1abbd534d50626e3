// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.lab.ScenarioOptions;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "demo",
        description = "Watch a real VM move between three sites under live traffic. Needs root.",
        footer = {
            "",
            "Everything happens in network namespaces of its own on this machine and is removed at the end.",
            "",
            "Examples:",
            "  sojourn demo",
            "  sojourn demo --headless --report r.json",
            "  sojourn demo --mechanism all --report r.json   each mechanism in turn, then one table of all"
        })
final class DemoCommand implements Callable<Integer> {
    private static final String NEXT = """

            Next:
              sudo ./sojourn lab up                         the same three sites, left standing for you to try things in
              sudo ./sojourn lab run loop --moves 30        thirty moves in a row
              less docs/operations.md                       two sites of your own, by hand
            """;

    /** No mechanism, but each of them. */
    private static final String ALL = "all";

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

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
            description =
                    "How packets are carried: overlay, paging, segment, mat, ilnp or label; all: by each of them, one after another (default: ${DEFAULT-VALUE}).")
    String mechanism = "overlay";

    @Option(
            names = "--transparency",
            paramLabel = "DEGREE",
            description = "Who may notice moves by ilnp: visible, invisible or local (default: ${DEFAULT-VALUE}).")
    String transparency = ScenarioOptions.VISIBLE;

    @Option(names = "--json", description = "Print the report to stdout instead of the table.")
    boolean json;

    @Override
    public Integer call() {
        Privileges.requireRoot("./sojourn demo", "it makes network namespaces and taps");
        boolean all = mechanism.equals(ALL);
        if (!all && !ScenarioOptions.MECHANISMS.contains(mechanism)) {
            throw CommandFailure.wrongUse("--mechanism " + mechanism + ": there are "
                    + String.join(", ", ScenarioOptions.MECHANISMS) + ", and all");
        }
        if (!ScenarioOptions.TRANSPARENCIES.contains(transparency)) {
            throw CommandFailure.wrongUse("--transparency " + transparency + ": there are "
                    + String.join(", ", ScenarioOptions.TRANSPARENCIES));
        }
        Labs labs = new Labs(spec.commandLine().getOut(), headless, json);
        int status = all
                ? labs.compare(transparency, report)
                : labs.run(ScenarioOptions.demo(mechanism, transparency), report);
        if (status == 0 && !json && !headless) {
            spec.commandLine().getOut().print(NEXT);
            spec.commandLine().getOut().flush();
        }
        return status;
    }
}
