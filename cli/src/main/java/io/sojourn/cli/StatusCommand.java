// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.JsonNode;

@Command(name = "status", description = "The whole picture: gateways, paths, moves under way, warnings.")
final class StatusCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Override
    public void run() {
        JsonNode status = options.client().get("/v1/status");
        if (options.printedAsJson(status)) {
            return;
        }
        options.println("controller " + Figures.word(status.path("software")) + ", up since "
                + Figures.word(status.path("startedAt")) + "; "
                + status.path("networks").asInt(0) + " networks, "
                + status.path("vms").asInt(0) + " VMs");
        options.println("");
        GatewaysCommand.table(status.path("gateways")).lines().forEach(options::println);
        if (!status.path("paths").isEmpty()) {
            options.println("");
            paths(status.path("paths")).lines().forEach(options::println);
        }
        if (!status.path("migrations").isEmpty()) {
            options.println("");
            MigrationCommands.table(status.path("migrations")).lines().forEach(options::println);
        }
        if (!status.path("warnings").isEmpty()) {
            options.println("");
            status.path("warnings").forEach(warning -> options.println("warning: " + warning.asString()));
        }
    }

    private static Table paths(JsonNode paths) {
        Table table = new Table("PATH", "REACHABLE", "RTT", "MTU");
        for (JsonNode path : paths) {
            boolean reachable = path.path("reachable").asBoolean(false);
            int mtu = path.path("mtu").asInt(0);
            table.row(
                    path.path("from").asString() + " -> " + path.path("to").asString(),
                    reachable ? "yes" : "no",
                    reachable ? Figures.microsAsMillis(path.path("rttUs").asLong(0)) : "-",
                    mtu == 0 ? "-" : Integer.toString(mtu));
        }
        return table;
    }
}
