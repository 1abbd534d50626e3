// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Sites in network namespaces of this machine. */
@Command(
        name = "lab",
        description = "Sites in network namespaces, to try things in. Needs root.",
        synopsisSubcommandLabel = "COMMAND")
final class LabCommand {
    @Mixin
    HelpOption helpOption = new HelpOption();
}
