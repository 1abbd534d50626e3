// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.IHelpSectionRenderer;

/** Renders a list of commands; the top one by what a person wants to do, and not in one run of twenty. */
final class CommandGroups implements IHelpSectionRenderer {
    private static final Map<String, List<String>> GROUPS = groups();

    private static Map<String, List<String>> groups() {
        Map<String, List<String>> groups = new LinkedHashMap<>();
        groups.put("See it work", List.of("demo", "lab", "sim", "bench", "test"));
        groups.put("Run it", List.of("controller", "gateway", "ilnp-host", "label-host"));
        groups.put(
                "Look",
                List.of("status", "sites", "gateways", "networks", "vms", "migrations", "events", "explain", "flows"));
        groups.put("Register", List.of("network", "site", "vm", "landing", "floating", "rule"));
        groups.put("Move", List.of("migrate", "cancel", "migration", "certificate"));
        groups.put("Else", List.of("completion", "version"));
        return groups;
    }

    @Override
    public String render(Help help) {
        if (help.commandSpec().parent() != null) {
            return help.commandList();
        }
        StringBuilder text = new StringBuilder();
        Map<String, CommandLine> commands = help.commandSpec().subcommands();
        GROUPS.forEach((title, names) -> {
            text.append(String.format("%n%s%n", title));
            for (String name : names) {
                CommandLine command = commands.get(name);
                if (command != null) {
                    String[] description =
                            command.getCommandSpec().usageMessage().description();
                    text.append(String.format("  %-13s %s%n", name, description.length == 0 ? "" : description[0]));
                }
            }
        });
        return text.toString();
    }
}
