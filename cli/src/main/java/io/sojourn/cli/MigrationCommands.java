// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Looking at moves, under way and past. */
final class MigrationCommands {
    private MigrationCommands() {}

    static String path(String id) {
        return "/v1/migrations/" + ControllerClient.segment(id);
    }

    static Table table(JsonNode migrations) {
        Table table = new Table("MIGRATION", "VM", "FROM", "TO", "STATE", "PAUSE", "TOTAL", "OVER THE WAN", "ERROR");
        for (JsonNode migration : migrations) {
            table.row(
                    MigrationText.name(migration),
                    migration.path("vm").asString(),
                    Figures.word(migration.path("from")),
                    Figures.word(migration.path("to")),
                    migration.path("state").asString(),
                    migration.hasNonNull("pauseMs")
                            ? String.format(
                                    Locale.ROOT,
                                    "%.1f ms",
                                    migration.path("pauseMs").asDouble())
                            : "-",
                    migration.hasNonNull("totalMs")
                            ? Figures.millis(migration.path("totalMs").asLong())
                            : "-",
                    migration.hasNonNull("wanBytes")
                            ? Figures.bytes(migration.path("wanBytes").asLong())
                            : "-",
                    migration.path("error").asString(""));
        }
        return table;
    }

    @Command(
            name = "migrations",
            description = "List moves, newest first.",
            footer = {"", "Examples:", "  sojourn migrations --vm web1", "  sojourn migrations --active --json"})
    static final class All implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Option(names = "--vm", description = "Only this VM's.")
        @Nullable
        String vm;

        @Option(names = "--active", description = "Only those under way.")
        boolean active;

        @Override
        public void run() {
            String query = "?active=" + active + (vm == null ? "" : "&vm=" + ControllerClient.segment(vm));
            JsonNode answer = options.client().get("/v1/migrations" + (active || vm != null ? query : ""));
            if (!options.printedAsJson(answer)) {
                table(answer.path("items")).lines().forEach(options::println);
            }
        }
    }

    @Command(name = "migration", description = "Show one move: state, progress, figures, steps.")
    static final class One implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "ID", description = "Its id, such as web1-e2.")
        String id = "";

        @Override
        public void run() {
            JsonNode migration = options.client().get(path(id));
            if (!options.printedAsJson(migration)) {
                MigrationText.lines(migration).forEach(options::println);
            }
        }
    }
}
