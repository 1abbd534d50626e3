// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
        name = "certificate",
        description = "What both gateways counted in a move, and its steps.",
        footer = {
            "",
            "Examples:",
            "  sojourn certificate web1-e2",
            "  sojourn certificate web1-e2 --json > web1-e2.json"
        })
final class CertificateCommand implements Runnable {
    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Parameters(paramLabel = "ID", description = "The migration's id, such as web1-e2.")
    String id = "";

    @Override
    public void run() {
        JsonNode certificate = options.client().get("/v1/certificates/" + ControllerClient.segment(id));
        if (!options.printedAsJson(certificate)) {
            options.println("certificate of");
            MigrationText.lines(certificate).forEach(options::println);
        }
    }
}
