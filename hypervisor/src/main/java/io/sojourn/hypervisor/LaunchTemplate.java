// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A hypervisor's command line, word by word (no shell reads it), with variables such as {@code ${memory-mb}}; {@code $$} is a dollar sign.
 *
 * <p>{@link QemuLauncher} knows {@code vm}, {@code qmp} and {@code memory} ({@code memory-mb} with its unit, a little odd under TCG: say {@code -m ${memory}}); by convention its caller gives {@code accel}, {@code memory-mb}, {@code cpus},
 * {@code mac.0}, {@code tap.0}, {@code mac.1} ... and the VM's own parameters ({@code kernel}, {@code initrd}, {@code append}, ...).
 */
public record LaunchTemplate(String name, List<String> command) {
    private static final Pattern VARIABLE = Pattern.compile("\\$(?:\\$|\\{([^}]*)\\})");

    public LaunchTemplate {
        command = List.copyOf(command);
        if (command.isEmpty()) {
            throw new HypervisorException(
                    "launch template '" + name + "' has no command; its first word is the program");
        }
    }

    /** The words with each variable replaced by its value, which is not looked into again. */
    public List<String> fill(String vm, Map<String, String> variables) {
        List<String> words = new ArrayList<>();
        for (String word : command) {
            Matcher matcher = VARIABLE.matcher(word);
            StringBuilder filled = new StringBuilder();
            while (matcher.find()) {
                matcher.appendReplacement(
                        filled, Matcher.quoteReplacement(value(matcher.group(1), word, vm, variables)));
            }
            words.add(matcher.appendTail(filled).toString());
        }
        return List.copyOf(words);
    }

    private String value(@Nullable String variable, String word, String vm, Map<String, String> variables) {
        if (variable == null) {
            return "$";
        }
        String value = variables.get(variable);
        if (value == null) {
            throw new HypervisorException(
                    "launch template '" + name + "' needs ${" + variable + "} (in '" + word + "') but VM " + vm
                            + " has no such parameter; known: " + String.join(", ", new TreeSet<>(variables.keySet())));
        }
        return value;
    }

    /** True if the template itself says {@code option} ({@code -qmp} or {@code --qmp}). */
    boolean says(String option) {
        return command.contains(option) || command.contains("-" + option);
    }
}
