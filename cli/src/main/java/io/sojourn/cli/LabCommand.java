// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

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

        @Override
        public Integer call() {
            Privileges.requireRoot("./sojourn lab up", REASON);
            return Labs.up(prefix);
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
            List<String> removed = Labs.down(Optional.ofNullable(prefix));
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

        @Override
        public Integer call() {
            return Labs.list(json);
        }
    }

    @Command(
            name = "run",
            description = "Run a scenario in a lab of its own; 'sojourn lab list' names them.",
            footer = {"", "Examples:", "  sojourn lab run loop --moves 30 --report r.json"})
    static final class Run implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Parameters(paramLabel = "SCENARIO", description = "Which one.")
        String scenario = "";

        @Option(names = "--moves", description = "How many moves (default: ${DEFAULT-VALUE}).")
        int moves = 30;

        @Option(names = "--seed", description = "Of everything that is random (default: ${DEFAULT-VALUE}).")
        long seed = 1;

        @Option(
                names = "--report",
                paramLabel = "FILE",
                description = "Write the figures there, as JSON (sojourn.report/1).")
        @Nullable
        Path report;

        @Override
        public Integer call() {
            Privileges.requireRoot("./sojourn lab run " + scenario, REASON);
            return Labs.run(scenario, moves, seed, report);
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
            return Labs.exec(Optional.ofNullable(prefix), place, command);
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
            Labs.image(out);
            spec.commandLine().getOut().println("vmlinuz, initrd.gz and id_ed25519 are in " + out);
            return 0;
        }
    }
}
