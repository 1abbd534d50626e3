// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

@Command(
        name = "gateway",
        description = "Run the gateway of a site or host (needs root), or say who may be one.",
        synopsisSubcommandLabel = "[COMMAND]",
        subcommands = {GatewayCommand.Token.class, GatewayCommand.Revoke.class},
        footer = {
            "",
            "Examples:",
            "  sojourn gateway token hiroshima/gw-1",
            "  sojourn gateway --config /etc/sojourn/gateway.yaml",
            "",
            "'sojourn gateways' lists those that are known."
        })
final class GatewayCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @ArgGroup(exclusive = false)
    @Nullable
    ProcessOptions process;

    @Override
    public Integer call() {
        ProcessOptions given = process;
        if (given == null) {
            throw new ParameterException(spec.commandLine(), "--config FILE is missing; or say 'token' or 'revoke'");
        }
        Processes.requireReadable(given.config);
        Privileges.requireRoot("sojourn gateway --config " + given.config, "it opens a tap on the site's bridge");
        return Processes.gateway(given.prepare());
    }

    /** {@code gateway token}. */
    @Command(
            name = "token",
            description = "Make a token by which a gateway enrols, once.",
            footer = {
                "",
                "The token goes into the gateway's gateway.yaml as 'enrolment-token', or into a file that 'enrolment-token-file' names.",
                "It is shown this once. It holds the fingerprint of the controller's CA, so the gateway knows its controller by it.",
                "",
                "Examples:",
                "  sojourn gateway token hiroshima/gw-1",
                "  sojourn gateway token hiroshima/gw-1 --valid-minutes 1440 > token"
            })
    static final class Token implements Runnable {
        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "SITE/NAME", description = "Whose it is.")
        String name = "";

        @Option(names = "--valid-minutes", paramLabel = "MINUTES", description = "How long; 60 if left out.")
        @Nullable
        Integer validMinutes;

        static ObjectNode request(String name, @Nullable Integer validMinutes) {
            int slash = name.indexOf('/');
            ObjectNode request = JsonNodeFactory.instance
                    .objectNode()
                    .put("site", name.substring(0, slash))
                    .put("gateway", name.substring(slash + 1));
            return validMinutes == null ? request : request.put("validMinutes", validMinutes);
        }

        @Override
        public void run() {
            if (name.indexOf('/') < 1) {
                throw new ParameterException(
                        spec.commandLine(), "'" + name + "' is not SITE/NAME, such as hiroshima/gw-1");
            }
            JsonNode made = options.client().post("/v1/gateway-tokens", request(name, validMinutes));
            if (options.printedAsJson(made)) {
                return;
            }
            options.println(made.path("token").asString());
            options.note("valid once, until " + made.path("validUntil").asString()
                    + (made.path("enrolled").asBoolean(false)
                            ? "; this gateway is enrolled already, the token is for enrolling it anew"
                            : ""));
        }
    }

    /** {@code gateway revoke}. */
    @Command(
            name = "revoke",
            description = "Refuse a gateway from now on, whatever certificate it shows.",
            footer = {"", "Its stream ends and other gateways forget its key. A new token lets it in again."})
    static final class Revoke implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "The gateway.")
        String name = "";

        @Override
        public void run() {
            options.client().delete("/v1/gateways/" + ControllerClient.segment(name) + "/enrolment");
            options.println(
                    options.json
                            ? JsonNodeFactory.instance
                                    .objectNode()
                                    .put("revoked", name)
                                    .toPrettyString()
                            : "gateway " + name + " is refused from now on");
        }
    }
}
