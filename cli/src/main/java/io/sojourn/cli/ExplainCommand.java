// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
        name = "explain",
        description = "Tell how packets get to a VM now: each hop, what is done to them there, and by which state.",
        footer = {
            "",
            "Each gateway on the way is asked what it would do; nothing is sent.",
            "",
            "Examples:",
            "  sojourn explain web1 --from client",
            "  sojourn explain web1 --from 10.10.3.20",
            "  sojourn explain web1 --from hiroshima"
        })
final class ExplainCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Parameters(paramLabel = "VM", description = "Who is sent to.")
    String vm = "";

    @Option(
            names = "--from",
            required = true,
            paramLabel = "SENDER",
            description = "Who sends: a VM, an address, or a site, whose hosts are meant.")
    String from = "";

    @Override
    public void run() {
        JsonNode answer = options.client()
                .get("/v1/vms/" + ControllerClient.segment(vm) + "/explain?from=" + ControllerClient.segment(from));
        if (options.printedAsJson(answer)) {
            return;
        }
        for (JsonNode way : answer.path("ways")) {
            options.println(way.path("source").asString() + " -> "
                    + way.path("destination").asString() + "  network "
                    + way.path("network").asString() + ", "
                    + way.path("addedBytes").asInt(0) + " octets added between sites");
            for (JsonNode hop : way.path("hops")) {
                options.println("  gateway " + hop.path("gateway").asString());
                hop.path("lines").forEach(line -> options.println("    " + line.asString()));
            }
        }
    }
}
