// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.lab.Scenario;
import io.sojourn.lab.ScenarioOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Sites in network namespaces of this machine. */
@Command(
        name = "lab",
        description = "Sites in network namespaces, to try things in. Needs root.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            LabCommand.Up.class,
            LabCommand.Down.class,
            LabCommand.Listing.class,
            LabCommand.Run.class,
            LabCommand.Exec.class,
            LabCommand.Image.class
        })
final class LabCommand {
    private static final String REASON = "it makes network namespaces and taps";

    @Mixin
    HelpOption helpOption = new HelpOption();

    @Command(
            name = "up",
            description = "Build three sites with a VM and leave them standing.",
            footer = {
                "",
                "Examples:",
                "  sojourn lab up",
                "  sojourn lab exec st-andrews-c -- ping 10.10.1.10",
                "  sojourn lab down"
            })
    static final class Up implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Option(names = "--prefix", description = "Of its namespaces' names; made up if left out.")
        String prefix = "";

        @Option(names = "--json", description = "As JSON.")
        boolean json;

        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Override
        public Integer call() {
            Privileges.requireRoot("./sojourn lab up", REASON);
            Labs labs = new Labs(spec.commandLine().getOut(), false, json);
            String made = io.sojourn.lab.Labs.up(prefix, 1, labs.progress());
            String in = "sudo ./sojourn lab exec --prefix " + made;
            spec.commandLine()
                    .getOut()
                    .print(json ? "{\"prefix\":\"" + made + "\"}\n" : """
                            lab %s stands: VM web1 (10.10.1.10) at st-andrews, hosts st-andrews-c, hiroshima-c and gainesville-c
                              %s hiroshima-c -- ping -c 3 10.10.1.10
                              %s controller -- ./sojourn migrate web1 --to hiroshima --watch
                              sudo ./sojourn lab down --prefix %s
                            """.formatted(made, in, in, made));
            spec.commandLine().getOut().flush();
            return 0;
        }
    }

    @Command(name = "down", description = "Remove every lab that nobody drives, and what dead ones left.")
    static final class Down implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Option(names = "--prefix", description = "Only this one.")
        @Nullable
        String prefix;

        @Option(names = "--json", description = "As JSON.")
        boolean json;

        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Override
        public Integer call() {
            Privileges.requireRoot("./sojourn lab down", "it removes network namespaces");
            List<String> removed = io.sojourn.lab.Labs.down(Optional.ofNullable(prefix));
            var out = spec.commandLine().getOut();
            if (json) {
                out.println(ControllerClient.JSON.valueToTree(removed).toString());
            } else if (removed.isEmpty()) {
                out.println("nothing to remove");
            } else {
                removed.forEach(each -> out.println("lab " + each + " removed"));
            }
            return 0;
        }
    }

    @Command(name = "list", description = "List scenarios, and labs that stand.")
    static final class Listing implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Option(names = "--json", description = "As JSON.")
        boolean json;

        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Override
        public Integer call() {
            var out = spec.commandLine().getOut();
            List<String> standing = io.sojourn.lab.Labs.standing();
            if (json) {
                ObjectNode answer = JsonNodeFactory.instance.objectNode();
                ArrayNode scenarios = answer.putArray("scenarios");
                for (Scenario scenario : Scenario.all()) {
                    scenarios
                            .addObject()
                            .put("id", scenario.id())
                            .put("description", scenario.description())
                            .put("moves", scenario.moves());
                }
                standing.forEach(answer.putArray("labs")::add);
                out.println(answer.toPrettyString());
                return 0;
            }
            Table table = new Table("SCENARIO", "MOVES", "WHAT");
            for (Scenario scenario : Scenario.all()) {
                table.row(scenario.id(), Integer.toString(scenario.moves()), scenario.description());
            }
            table.lines().forEach(out::println);
            out.println(standing.isEmpty() ? "no lab stands" : "standing: " + String.join(", ", standing));
            return 0;
        }
    }

    @Command(
            name = "run",
            description = "Run a scenario in a lab of its own; 'sojourn lab list' names them.",
            footer = {
                "",
                "Examples:",
                "  sojourn lab run loop --moves 30 --report r.json",
                "  sojourn lab run loop --moves 20 --rtts 0,300",
                "  sojourn lab run kill-matrix --only s:COPY,d:HOLD"
            })
    static final class Run implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Parameters(paramLabel = "SCENARIO", description = "Which one.")
        String scenario = "";

        @Option(
                names = {"--moves", "--times"},
                description = "How many moves, or switches; as many as the scenario has of itself if left out.")
        int moves;

        @Option(
                names = "--vms",
                description = "How many VMs move together, where several do (default: the scenario's).")
        int vms;

        @Option(
                names = "--only",
                paramLabel = "CELLS",
                description =
                        "Of a matrix: cells such as s:COPY, or all of a victim (s) or of a step (COPY); commas between.")
        String only = "";

        @Option(
                names = "--mechanism",
                paramLabel = "NAME",
                description =
                        "How packets are carried: overlay, paging, segment, mat, ilnp or label (default: ${DEFAULT-VALUE}).")
        String mechanism = "overlay";

        @Option(
                names = "--transparency",
                paramLabel = "DEGREE",
                description = "Who may notice moves by ilnp: visible, invisible or local (default: ${DEFAULT-VALUE}).")
        String transparency = ScenarioOptions.VISIBLE;

        @Option(
                names = "--rtts",
                paramLabel = "MS",
                split = ",",
                description =
                        "Of loop: round trips of the links that the moves go over, in turn, in ms (0,20,80,150,300).")
        List<Double> rtts = List.of();

        @Option(names = "--seconds", description = "Of label-suspend: how long the VM stands still (120).")
        int seconds;

        @Option(names = "--seed", description = "Of everything that is random (default: ${DEFAULT-VALUE}).")
        long seed = 1;

        @Option(
                names = "--report",
                paramLabel = "FILE",
                description = "Write the figures there, as JSON (sojourn.report/1).")
        @Nullable
        Path report;

        @Option(names = "--headless", description = "No colour, no line that changes in place.")
        boolean headless;

        @Option(names = "--json", description = "Print the report to stdout instead of the table.")
        boolean json;

        @Option(names = "--prefix", description = "Of its namespaces' names; made up if left out.")
        String prefix = "";

        @Option(names = "--keep", description = "Leave the lab standing, with its logs, if a move was not ok.")
        boolean keep;

        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Override
        public Integer call() {
            Privileges.requireRoot("./sojourn lab run " + scenario, REASON);
            ScenarioOptions options = new ScenarioOptions(
                    Scenario.named(scenario),
                    moves,
                    vms,
                    only,
                    rtts,
                    seed,
                    mechanism,
                    transparency,
                    prefix,
                    keep,
                    seconds);
            return new Labs(spec.commandLine().getOut(), headless, json).run(options, report);
        }
    }

    @Command(
            name = "exec",
            description = "Run a command in a place of a lab that stands.",
            footer = {"", "Examples:", "  sojourn lab exec hiroshima-c -- ping -c 3 10.10.1.10"})
    static final class Exec implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Option(names = "--prefix", description = "Of which lab, if several stand.")
        @Nullable
        String prefix;

        @Parameters(index = "0", paramLabel = "PLACE", description = "Such as st-andrews, st-andrews-c, controller.")
        String place = "";

        @Parameters(index = "1..*", arity = "1..*", paramLabel = "COMMAND", description = "What to run, after --.")
        List<String> command = List.of();

        @Override
        public Integer call() {
            Privileges.requireRoot("./sojourn lab exec " + place, "it enters a network namespace");
            return io.sojourn.lab.Labs.exec(prefix == null ? "" : prefix, place, command);
        }
    }

    @Command(
            name = "image",
            description = "Make the small Linux that the lab boots, from Debian's packages.",
            footer = {"", "Examples:", "  sojourn lab image --out /tmp/guest"})
    static final class Image implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Option(
                names = "--out",
                paramLabel = "DIR",
                required = true,
                description = "Where to put vmlinuz, initrd.gz and the SSH key.")
        Path out = Path.of("");

        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Override
        public Integer call() {
            io.sojourn.lab.Labs.image(out);
            spec.commandLine().getOut().println("vmlinuz, initrd.gz and id_ed25519 are in " + out);
            return 0;
        }
    }
}
