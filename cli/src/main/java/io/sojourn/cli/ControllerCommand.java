// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "controller",
        description = "Run the controller: the registry, the REST API and the moves.",
        footer = {"", "Examples:", "  sojourn controller --config /etc/sojourn/controller.yaml"})
final class ControllerCommand implements Callable<Integer> {
    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Override
    public Integer call() {
        return Processes.controller(process.prepare());
    }
}
