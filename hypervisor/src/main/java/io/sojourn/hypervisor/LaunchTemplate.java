// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.util.List;
import java.util.Map;

/** Command line of a hypervisor with {@code ${variables}}. */
public record LaunchTemplate(String name, List<String> command) {
    public LaunchTemplate {
        command = List.copyOf(command);
    }

    /** The words with each {@code ${variable}} replaced; a missing one is an error that names template, variable and VM. */
    public List<String> fill(String vm, Map<String, String> variables) {
        throw new UnsupportedOperationException();
    }
}
