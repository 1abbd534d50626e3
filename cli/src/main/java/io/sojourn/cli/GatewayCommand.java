// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

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
final class GatewayCommand implements Runnable {
    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Override
    public void run() {
        Processes.requireReadable(process.config);
        Privileges.requireRoot("sojourn gateway --config " + process.config, "it opens a tap on the site's bridge");
        Processes.gateway(process.prepare());
    }
}
