// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "gateway",
        description = "Run the gateway of a site or host. Needs root.",
        footer = {
            "",
            "Examples:",
            "  sojourn gateway --config /etc/sojourn/gateway.yaml",
            "",
            "'sojourn gateways' lists those that are known."
        })
final class GatewayCommand implements Callable<Integer> {
    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Override
    public Integer call() {
        Processes.requireReadable(process.config);
        Privileges.requireRoot("sojourn gateway --config " + process.config, "it opens a tap on the site's bridge");
        return Processes.gateway(process.prepare());
    }
}
