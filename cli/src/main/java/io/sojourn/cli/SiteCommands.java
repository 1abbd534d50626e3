// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.JsonNode;

/** Sites. They come into being with their first gateway, so there is nothing to create. */
@Command(
        name = "site",
        description = "List the sites (a site exists once a gateway of it has joined).",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = SiteCommands.Sites.class)
final class SiteCommands {
    @Mixin
    HelpOption helpOption = new HelpOption();

    /** {@code sites}, and {@code site list}. */
    @Command(name = "list", description = "List the sites.")
    static final class Sites implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Override
        public void run() {
            JsonNode answer = options.client().get("/v1/sites");
            if (options.printedAsJson(answer)) {
                return;
            }
            Table table = new Table("SITE", "CONNECTED", "GATEWAYS", "VMS");
            for (JsonNode site : answer.path("items")) {
                table.row(
                        site.path("name").asString(),
                        site.path("connected").asBoolean(false) ? "yes" : "no",
                        Figures.words(site.path("gateways")),
                        Figures.words(site.path("vms")));
            }
            table.lines().forEach(options::println);
        }
    }
}
