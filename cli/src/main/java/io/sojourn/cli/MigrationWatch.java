// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.Console;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** Follows one move to its end: a bar that changes in place on a terminal, a line per state elsewhere, then the figures. */
final class MigrationWatch {
    private static final int INTERRUPTED = 130;

    private final ControllerClient client;
    private final ControllerOptions options;
    private final boolean cancelOnInterrupt;
    private final boolean onTerminal = Terminal.hasOne();
    private final Interrupts interrupts;
    private String lastState = "";
    private JsonNode latest = ControllerClient.JSON.createObjectNode();

    MigrationWatch(ControllerClient client, ControllerOptions options, boolean cancelOnInterrupt) {
        this.client = client;
        this.options = options;
        this.cancelOnInterrupt = cancelOnInterrupt;
        this.interrupts = Interrupts.ofThisThread();
    }

    /** Returns the exit status: 0 the VM arrived, 1 it stayed at the source, 130 interrupted with the move left running. */
    int watch(JsonNode migration) {
        String id = migration.path("id").asString();
        String name = MigrationText.name(migration);
        latest = migration;
        while (!isOver(latest)) {
            try {
                show(latest);
                client.events(MigrationCommands.path(id) + "/events", -1, event -> {
                    latest = event.path("value");
                    show(latest);
                    return !isOver(latest);
                });
                if (!isOver(latest) && !interrupts.happened()) {
                    Reconnect.await(client);
                    latest = client.get(MigrationCommands.path(id));
                }
            } catch (CommandFailure failure) {
                if (!interrupts.happened()) {
                    throw failure;
                }
            }
            if (interrupts.happened() && !isOver(latest)) {
                clearLine();
                if (!cancels(id)) {
                    options.note(name + " is left running; 'sojourn migration " + name
                            + "' shows how far it is, 'sojourn cancel " + name + "' cancels it");
                    return INTERRUPTED;
                }
            }
        }
        return finish(id);
    }

    private boolean cancels(String id) {
        interrupts.clear();
        if (!cancelOnInterrupt) {
            Console console = System.console();
            String answer = console == null || !onTerminal
                    ? ""
                    : console.readLine("%s is still under way. Cancel it? [y/N] ", MigrationText.name(latest));
            if (answer == null || !answer.strip().toLowerCase(Locale.ROOT).startsWith("y")) {
                return false;
            }
        }
        try {
            CancelCommand.cancel(client, id);
        } catch (CommandFailure tooLate) {
            options.note(CommandFailure.reason(tooLate));
        }
        return true;
    }

    private int finish(String id) {
        clearLine();
        latest = client.get(MigrationCommands.path(id));
        boolean arrived = latest.path("state").asString("").equals("DONE");
        if (!options.printedAsJson(latest)) {
            MigrationText.lines(latest).forEach(options::println);
        }
        if (!arrived) {
            options.note("sojourn migrate: " + latest.path("vm").asString() + " stayed at "
                    + latest.path("from").asString() + ": "
                    + latest.path("error").asString("cancelled"));
        }
        return arrived ? 0 : 1;
    }

    private static boolean isOver(JsonNode migration) {
        String state = migration.path("state").asString("");
        return state.equals("DONE") || state.equals("ROLLED_BACK");
    }

    private void show(JsonNode migration) {
        String state = migration.path("state").asString("");
        if (onTerminal) {
            Terminal.redraw(migration.path("vm").asString("") + "  "
                    + migration.path("from").asString("") + " -> "
                    + migration.path("to").asString("") + "  " + ProgressLine.of(migration));
        } else if (!state.equals(lastState)) {
            options.note(MigrationText.name(migration) + "  " + ProgressLine.of(migration));
        }
        lastState = state;
    }

    private void clearLine() {
        if (onTerminal) {
            Terminal.redraw("");
        }
    }
}
