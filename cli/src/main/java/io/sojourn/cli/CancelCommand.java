// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

@Command(
        name = "cancel",
        description = "Cancel a move; the VM stays where it is. Too late once the switch has begun.",
        footer = {"", "Examples:", "  sojourn cancel web1-e2"})
final class CancelCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Parameters(paramLabel = "ID", description = "The migration's id, such as web1-e2.")
    String id = "";

    @Override
    public void run() {
        JsonNode migration = cancel(options.client(), id);
        if (!options.printedAsJson(migration)) {
            options.println(
                    id + " is being cancelled: " + migration.path("state").asString());
        }
    }

    static JsonNode cancel(ControllerClient client, String id) {
        return client.post(MigrationCommands.path(id) + "/cancel", JsonNodeFactory.instance.objectNode());
    }
}
