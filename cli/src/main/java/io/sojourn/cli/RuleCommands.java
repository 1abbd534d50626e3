// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Which flows may begin between VMs and others. */
@Command(
        name = "rule",
        description = "Say which flows may begin between VMs and others.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {RuleCommands.Add.class, RuleCommands.All.class, RuleCommands.Remove.class})
final class RuleCommands {
    @Mixin
    HelpOption helpOption = new HelpOption();

    /** Whose rules. */
    static final class Of {
        @Option(names = "--vm", description = "Of this VM.")
        @Nullable
        String vm;

        @Option(names = "--network", description = "Of all VMs of this network, behind their own.")
        @Nullable
        String network;

        String path() {
            if (vm == null && network == null || vm != null && network != null) {
                throw CommandFailure.wrongUse("whose rules? Give --vm or --network");
            }
            return vm != null
                    ? VmCommands.path(vm) + "/policy"
                    : "/v1/networks/" + ControllerClient.segment(String.valueOf(network)) + "/policy";
        }
    }

    private static void print(ControllerOptions options, JsonNode policy) {
        int number = 1;
        for (JsonNode rule : policy.path("rules")) {
            options.println(number++ + "  " + rule.asString());
        }
    }

    @Command(
            name = "add",
            description = "Add a rule. The first that fits decides; what none fits may begin; what has begun goes on.",
            footer = {
                "",
                "A rule: in|out allow|deny any|tcp|udp|icmp|icmp6|NUMBER [from|to PREFIX] [port N[-M]]",
                "",
                "Examples:",
                "  sojourn rule add --vm web1 in allow tcp port 443",
                "  sojourn rule add --vm web1 in deny any",
                "  sojourn rule add --network blue --at 1 out deny tcp to 0.0.0.0/0 port 25"
            })
    static final class Add implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Mixin
        Of of = new Of();

        @Option(names = "--at", paramLabel = "PLACE", description = "Before that one; the last if left out.")
        int at;

        @Parameters(paramLabel = "WORD", arity = "1..*", description = "The rule.")
        String[] words = {};

        @Override
        public void run() {
            ArrayNode rules = JsonNodeFactory.instance.arrayNode();
            options.client().get(of.path()).path("rules").forEach(rules::add);
            String rule = String.join(" ", words);
            if (at > 0 && at <= rules.size()) {
                rules.insert(at - 1, rule);
            } else {
                rules.add(rule);
            }
            ObjectNode change = JsonNodeFactory.instance.objectNode();
            change.set("rules", rules);
            JsonNode answer = options.client().patch(of.path(), change);
            if (!options.printedAsJson(answer)) {
                print(options, answer);
            }
        }
    }

    @Command(name = "list", description = "List rules in the order in which they are looked at.")
    static final class All implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Mixin
        Of of = new Of();

        @Override
        public void run() {
            JsonNode answer = options.client().get(of.path());
            if (!options.printedAsJson(answer)) {
                print(options, answer);
            }
        }
    }

    @Command(name = "remove", description = "Remove a rule.")
    static final class Remove implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Mixin
        Of of = new Of();

        @Parameters(paramLabel = "PLACE", description = "Its number in the list.")
        int at;

        @Override
        public void run() {
            ArrayNode rules = JsonNodeFactory.instance.arrayNode();
            options.client().get(of.path()).path("rules").forEach(rules::add);
            if (at < 1 || at > rules.size()) {
                throw CommandFailure.wrongUse("there is no rule " + at + "; see 'sojourn rule list'");
            }
            rules.remove(at - 1);
            ObjectNode change = JsonNodeFactory.instance.objectNode();
            change.set("rules", rules);
            options.client().patch(of.path(), change);
            options.deleted("rule", Integer.toString(at));
        }
    }
}
