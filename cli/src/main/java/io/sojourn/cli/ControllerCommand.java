// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "controller",
        description = "Run the controller: the registry, the REST API and the moves.",
        footer = {"", "Examples:", "  sojourn controller --config /etc/sojourn/controller.yaml"})
final class ControllerCommand implements Runnable {
    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Override
    public void run() {
        Processes.controller(process.prepare());
    }
}
