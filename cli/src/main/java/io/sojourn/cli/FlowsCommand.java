// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
        name = "flows",
        description = "Show a VM's flows with the world outside, where they leave, and what still drains elsewhere.",
        footer = {"", "Examples:", "  sojourn flows web1", "  sojourn flows web1 --most 10000 --json"})
final class FlowsCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Parameters(paramLabel = "VM", description = "Whose flows.")
    String vm = "";

    @Option(names = "--most", description = "So many are listed (default: ${DEFAULT-VALUE}); all are counted.")
    int most = 50;

    @Override
    public void run() {
        JsonNode answer = options.client().get(VmCommands.path(vm) + "/flows?most=" + most);
        if (options.printedAsJson(answer)) {
            return;
        }
        String gateway = answer.path("gateway").asString();
        List<String> egresses = new ArrayList<>();
        answer.path("byEgress")
                .properties()
                .forEach(e -> egresses.add(e.getValue().asInt() + " leave at " + e.getKey()));
        options.println(
                "VM " + vm + " at " + gateway + ": " + answer.path("count").asInt(0) + " flows"
                        + (egresses.isEmpty() ? "" : "; " + String.join(", ", egresses)));
        int draining = answer.path("draining").asInt(0);
        if (draining > 0) {
            int longest = 0;
            for (JsonNode flow : answer.path("items")) {
                boolean drains = flow.hasNonNull("egress")
                        && !flow.path("egress").asString().equals(gateway);
                longest = drains ? Math.max(longest, flow.path("endsInS").asInt(0)) : longest;
            }
            options.println(
                    "draining elsewhere: " + draining + ", at most " + longest + " s more each if nothing more comes");
        }
        Table table = new Table("PROTOCOL", "LOCAL", "REMOTE", "OUTSIDE", "LEAVES-AT", "STATE", "IDLE", "ENDS-IN");
        for (JsonNode flow : answer.path("items")) {
            table.row(
                    flow.path("protocol").asString(),
                    flow.path("local").asString(),
                    flow.path("remote").asString(),
                    Figures.word(flow.path("outer")),
                    Figures.word(flow.path("egress")),
                    flow.path("state").asString(),
                    flow.path("idleS").asInt(0) + " s",
                    flow.path("endsInS").asInt(0) + " s");
        }
        table.lines().forEach(options::println);
    }
}
