// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Landing places: a QEMU that the operator started with {@code -incoming defer}, waiting for one VM. */
@Command(
        name = "landing",
        description = "Register a QEMU of your own that waits for a VM (-incoming defer).",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {LandingCommands.Add.class, LandingCommands.Landings.class, LandingCommands.Remove.class})
final class LandingCommands {
    @Mixin
    HelpOption helpOption = new HelpOption();

    private static String path(String vm) {
        return VmCommands.path(vm) + "/landings";
    }

    @Command(
            name = "add",
            description = "Register a landing place. The move that lands there uses it up.",
            footer = {"", "Examples:", "  sojourn landing add web1 --site hiroshima --qmp /run/web1-incoming.qmp"})
    static final class Add implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "VM", description = "For which VM.")
        String vm = "";

        @Option(names = "--site", description = "At which site.")
        @Nullable
        String site;

        @Option(names = "--gateway", description = "At which gateway, if the site has several.")
        @Nullable
        String gateway;

        @Option(
                names = "--qmp",
                paramLabel = "PATH",
                required = true,
                description = "QMP socket of that QEMU, at the gateway.")
        String qmp = "";

        @Override
        public void run() {
            if (site == null && gateway == null) {
                throw CommandFailure.wrongUse(
                        "where does it wait? Give --site (or --gateway, if the site has several)");
            }
            ObjectNode landing = JsonNodeFactory.instance.objectNode().put("qmp", qmp);
            if (site != null) {
                landing.put("site", site);
            }
            if (gateway != null) {
                landing.put("gateway", gateway);
            }
            JsonNode created = options.client().post(path(vm), landing);
            if (!options.printedAsJson(created)) {
                options.println("landing place for " + vm + " at "
                        + created.path("gateway").asString());
            }
        }
    }

    @Command(name = "list", description = "List a VM's landing places.")
    static final class Landings implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "VM", description = "Of which VM.")
        String vm = "";

        @Override
        public void run() {
            JsonNode answer = options.client().get(path(vm));
            if (options.printedAsJson(answer)) {
                return;
            }
            Table table = new Table("SITE", "GATEWAY", "QMP", "SINCE");
            for (JsonNode landing : answer.path("items")) {
                table.row(
                        Figures.word(landing.path("site")),
                        Figures.word(landing.path("gateway")),
                        landing.path("qmp").asString(),
                        Figures.word(landing.path("createdAt")));
            }
            table.lines().forEach(options::println);
        }
    }

    @Command(name = "remove", description = "Forget a landing place. The QEMU itself is left alone.")
    static final class Remove implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(index = "0", paramLabel = "VM", description = "Of which VM.")
        String vm = "";

        @Parameters(index = "1", paramLabel = "GATEWAY", description = "At which gateway.")
        String gateway = "";

        @Override
        public void run() {
            options.client().delete(path(vm) + "/" + ControllerClient.segment(gateway));
            options.deleted("landing place", gateway);
        }
    }
}
