// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Addresses by which the world outside reaches VMs. */
@Command(
        name = "floating",
        description = "Give a VM an address that the world outside reaches it by, wherever it is.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {FloatingCommands.Add.class, FloatingCommands.All.class, FloatingCommands.Remove.class})
final class FloatingCommands {
    @Mixin
    HelpOption helpOption = new HelpOption();

    private static ArrayNode without(JsonNode policy, String address) {
        ArrayNode kept = JsonNodeFactory.instance.arrayNode();
        for (JsonNode floating : policy.path("floating")) {
            if (!floating.path("address").asString().equals(address)) {
                kept.add(floating);
            }
        }
        return kept;
    }

    private static String policy(String vm) {
        return VmCommands.path(vm) + "/policy";
    }

    @Command(
            name = "add",
            description = "Let an address, or some of its ports, lead to a VM.",
            footer = {
                "",
                "Examples:",
                "  sojourn floating add 203.0.113.7 --vm web1",
                "  sojourn floating add 203.0.113.8 --vm web1 --port tcp/443=8443 --port udp/53"
            })
    static final class Add implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "ADDRESS", description = "In a gateway's egress.floating (gateway.yaml).")
        String address = "";

        @Option(names = "--vm", required = true, description = "Where it leads.")
        String vm = "";

        @Option(names = "--network", description = "If the VM is in several.")
        @Nullable
        String network;

        @Option(names = "--to", paramLabel = "ADDRESS", description = "The VM's own address, if it has several.")
        @Nullable
        String to;

        @Option(
                names = "--port",
                paramLabel = "PORT",
                description = "Only this, such as tcp/443 or tcp/443=8443; may be given several times.")
        List<String> ports = new ArrayList<>();

        @Override
        public void run() {
            ArrayNode all = without(options.client().get(policy(vm)), address);
            ObjectNode floating = all.addObject().put("address", address);
            if (network != null) {
                floating.put("network", network);
            }
            if (to != null) {
                floating.put("to", to);
            }
            ArrayNode list = floating.putArray("ports");
            ports.forEach(list::add);
            ObjectNode change = JsonNodeFactory.instance.objectNode();
            change.set("floating", all);
            JsonNode answer = options.client().patch(policy(vm), change);
            if (!options.printedAsJson(answer)) {
                options.println("floating address " + address + " leads to " + vm);
            }
        }
    }

    @Command(name = "list", description = "List floating addresses.")
    static final class All implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Override
        public void run() {
            JsonNode answer = options.client().get("/v1/policies");
            if (options.printedAsJson(answer)) {
                return;
            }
            Table table = new Table("ADDRESS", "VM", "NETWORK", "TO", "PORTS");
            for (JsonNode policy : answer.path("items")) {
                for (JsonNode floating : policy.path("floating")) {
                    List<String> ports = new ArrayList<>();
                    floating.path("ports").forEach(port -> ports.add(port.asString()));
                    table.row(
                            floating.path("address").asString(),
                            policy.path("of").asString().replaceFirst("^vm/", ""),
                            Figures.word(floating.path("network")),
                            Figures.word(floating.path("to")),
                            ports.isEmpty() ? "all" : String.join(",", ports));
                }
            }
            table.lines().forEach(options::println);
        }
    }

    @Command(name = "remove", description = "Take a floating address from a VM. Flows that have begun by it go on.")
    static final class Remove implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "ADDRESS", description = "Which one.")
        String address = "";

        @Option(names = "--vm", required = true, description = "Where it leads.")
        String vm = "";

        @Override
        public void run() {
            ObjectNode change = JsonNodeFactory.instance.objectNode();
            change.set("floating", without(options.client().get(policy(vm)), address));
            options.client().patch(policy(vm), change);
            options.deleted("floating address", address);
        }
    }
}
