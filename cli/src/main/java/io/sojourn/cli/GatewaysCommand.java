// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.JsonNode;

@Command(name = "gateways", description = "List the gateways, and what they forward by.")
final class GatewaysCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Override
    public void run() {
        JsonNode answer = options.client().get("/v1/gateways");
        if (!options.printedAsJson(answer)) {
            table(answer.path("items")).lines().forEach(options::println);
        }
    }

    static Table table(JsonNode gateways) {
        Table table = new Table("GATEWAY", "SITE", "LOCATOR", "CONNECTED", "TABLE", "NETWORKS", "HYPERVISOR", "VMS");
        for (JsonNode gateway : gateways) {
            JsonNode host = gateway.path("host");
            String hypervisor = Figures.word(host.path("acceleration"));
            if (host.path("canLaunch").asBoolean(false)) {
                hypervisor += ", " + Figures.bytes(host.path("memoryFreeBytes").asLong(0)) + " free";
            }
            String hosted = gateway.path("hosted").properties().stream()
                    .map(vm -> vm.getKey() + " " + vm.getValue().asString())
                    .collect(Collectors.joining(", "));
            long applied = gateway.path("appliedVersion").asLong(0);
            long wanted = gateway.path("tableVersion").asLong(applied);
            table.row(
                    gateway.path("name").asString(),
                    gateway.path("site").asString(),
                    Figures.word(gateway.path("locator")),
                    gateway.path("connected").asBoolean(false) ? "yes" : "no",
                    applied == wanted ? "up to date" : applied + " of " + wanted,
                    Figures.words(gateway.path("networks")),
                    hypervisor,
                    hosted.isEmpty() ? "-" : hosted);
        }
        return table;
    }
}
