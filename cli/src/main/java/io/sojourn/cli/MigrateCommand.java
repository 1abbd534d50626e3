// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

@Command(
        name = "migrate",
        description = "Move a VM, or several together, to another site while they run.",
        footer = {
            "",
            "With --watch the command ends with the move: 0 if the VM is at its destination, 1 if it stayed at the source.",
            "Without, it ends as soon as the move is under way.",
            "",
            "Examples:",
            "  sojourn migrate web1 --to hiroshima --watch",
            "  sojourn migrate web1 web2 web3 --to hiroshima",
            "  sojourn migrate web1 --to hiroshima --bandwidth 400 --max-pause-ms 300"
        })
final class MigrateCommand implements Callable<Integer> {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Parameters(
            paramLabel = "VM",
            arity = "1..*",
            description = "Which VM. Several start together, and none if one of them cannot go.")
    List<String> vms = List.of();

    @Option(
            names = "--to",
            paramLabel = "SITE",
            required = true,
            description = "To which site (or gateway, if the site has several).")
    String to = "";

    @Option(
            names = {"-w", "--watch"},
            description = "Show progress until the move has ended, then its figures.")
    boolean watch;

    @Option(names = "--cancel-on-interrupt", description = "With --watch: Ctrl-C cancels the move instead of asking.")
    boolean cancelOnInterrupt;

    @Option(
            names = "--bandwidth",
            paramLabel = "MBIT",
            description = "At most so many Mbit/s for the memory; else as fast as the path carries.")
    @Nullable
    Integer bandwidthMbit;

    @Option(
            names = "--max-pause-ms",
            paramLabel = "MS",
            description = "Give up, and leave the VM where it is, rather than pause it longer.")
    @Nullable
    Integer maxPauseMs;

    @Option(names = "--max-total-s", paramLabel = "S", description = "Give up after so long; 3600 if left out.")
    @Nullable
    Integer maxTotalS;

    @Option(
            names = "--ordering",
            paramLabel = "strict|relaxed",
            description =
                    "Keep the order of packets through the move, or hold none back; as the VM's network says if left out.")
    @Nullable
    String ordering;

    @Option(
            names = "--capture",
            description = {
                "Both gateways keep the VM's packets around the flip, in their state-dir/captures/VM-eEPOCH.pcapng, for tshark",
                "or Wireshark: the first 456 octets of up to 16,384 frames."
            })
    boolean capture;

    @Override
    public Integer call() {
        ControllerClient client = options.client();
        if (vms.size() > 1) {
            return migrateTogether(client);
        }
        String vm = vms.getFirst();
        JsonNode migration = client.post(
                "/v1/migrations", request(JsonNodeFactory.instance.objectNode().put("vm", vm)));
        String name = MigrationText.name(migration);
        if (!watch) {
            if (!options.printedAsJson(migration)) {
                options.println(name);
                options.note(vm + " is on its way to " + to + "; 'sojourn migration " + name + "' shows how far it is");
            }
            return 0;
        }
        return new MigrationWatch(client, options, cancelOnInterrupt).watch(migration);
    }

    /** With --watch, the worst of their exit statuses. */
    private int migrateTogether(ControllerClient client) {
        ObjectNode who = JsonNodeFactory.instance.objectNode();
        vms.forEach(who.putArray("vms")::add);
        JsonNode gang = client.post("/v1/gangs", request(who));
        if (!watch) {
            if (!options.printedAsJson(gang)) {
                gang.path("items").forEach(migration -> options.println(MigrationText.name(migration)));
                options.note(String.join(", ", vms) + " are on their way to " + to);
            }
            return 0;
        }
        int status = 0;
        for (JsonNode migration : gang.path("items")) {
            status = Math.max(status, new MigrationWatch(client, options, cancelOnInterrupt).watch(migration));
        }
        return status;
    }

    private ObjectNode request(ObjectNode who) {
        ObjectNode request = who.put("to", to);
        if (bandwidthMbit != null) {
            request.put("bandwidthMbit", bandwidthMbit);
        }
        if (maxPauseMs != null) {
            request.put("maxPauseMs", maxPauseMs);
        }
        if (maxTotalS != null) {
            request.put("maxTotalS", maxTotalS);
        }
        if (ordering != null) {
            request.put("ordering", ordering);
        }
        if (capture) {
            request.put("capture", true);
        }
        return request;
    }
}
