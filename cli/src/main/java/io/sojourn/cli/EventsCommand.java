// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

@Command(
        name = "events",
        description = "What changes, as it changes.",
        footer = {
            "",
            "Each line names the revision; --since REVISION continues after it.",
            "",
            "Examples:",
            "  sojourn events --follow",
            "  sojourn events --since 57 --json"
        })
final class EventsCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Option(
            names = "--since",
            paramLabel = "REVISION",
            description = "Continue after this revision; with --follow, from now on if left out.")
    long since = -1;

    @Option(
            names = {"-f", "--follow"},
            description = "Do not end; reconnect when the controller comes back.")
    boolean follow;

    private long last;

    @Override
    public void run() {
        ControllerClient client = options.client();
        last = since;
        if (follow) {
            follow(client);
            return;
        }
        long end = client.get("/v1/status").path("revision").asLong(0);
        last = Math.max(since, 0);
        if (last < end) {
            client.events("/v1/events", last, event -> {
                print(event);
                return last < end;
            });
        }
    }

    private void follow(ControllerClient client) {
        while (true) {
            client.events("/v1/events", last, event -> {
                print(event);
                return true;
            });
            options.note("the controller closed the stream; reading on when it is back");
            Reconnect.await(client);
        }
    }

    private void print(JsonNode event) {
        last = Math.max(last, event.path("revision").asLong(last));
        if (options.json) {
            options.println(event.toString());
            return;
        }
        options.println(String.format(
                        "%6d  %s  %-9s  %s  %s",
                        event.path("revision").asLong(0),
                        event.path("at").asString(""),
                        event.path("kind").asString(""),
                        name(event),
                        detail(event))
                .stripTrailing());
    }

    private static String name(JsonNode event) {
        boolean migration = event.path("kind").asString("").equals("migration") && event.hasNonNull("value");
        return migration
                ? MigrationText.name(event.path("value"))
                : event.path("name").asString("");
    }

    private static String detail(JsonNode event) {
        JsonNode value = event.path("value");
        return switch (event.path("kind").asString("")) {
            case "migration" ->
                value.path("state").asString("") + " " + value.path("from").asString("") + " -> "
                        + value.path("to").asString("");
            case "vm" ->
                event.path("change").asString("").equals("delete")
                        ? "deleted"
                        : value.path("state").asString("") + " at "
                                + value.path("site").asString("");
            case "gateway" -> value.path("connected").asBoolean(false) ? "connected" : "not connected";
            default -> event.path("change").asString("");
        };
    }
}
