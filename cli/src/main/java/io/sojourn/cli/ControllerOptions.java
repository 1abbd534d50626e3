// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.net.URI;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/** What every client command takes: where the controller is, and in which form to answer. */
final class ControllerOptions {
    private static final String DEFAULT_URL = "http://127.0.0.1:7480";

    @Spec(Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    @Option(
            names = "--controller",
            paramLabel = "URL",
            description = "The controller (default: SOJOURN_CONTROLLER, client.yaml, " + DEFAULT_URL + ").")
    @Nullable
    String controller;

    @Option(names = "--json", description = "Answer as JSON.")
    boolean json;

    ControllerClient client() {
        Map<String, String> environment = System.getenv();
        ClientFile file = ClientFile.find(environment);
        String url = controller;
        if (url == null) {
            url = environment.get("SOJOURN_CONTROLLER");
        }
        if (url == null) {
            url = file.controller().orElse(DEFAULT_URL);
        }
        String token = environment.get("SOJOURN_TOKEN");
        if (token == null) {
            token = file.token().orElse(null);
        }
        return new ControllerClient(parse(url), token, file.trust());
    }

    private static URI parse(String url) {
        try {
            URI uri = URI.create(url.contains("://") ? url : "http://" + url);
            if (uri.getHost() != null && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            throw new CommandFailure("'" + url + "' is no URL; the controller's looks like " + DEFAULT_URL, e);
        }
        throw new CommandFailure("'" + url + "' is no URL of a controller; it looks like " + DEFAULT_URL);
    }

    /** Prints the answer as it came when {@code --json} was given. Returns whether it did. */
    boolean printedAsJson(JsonNode answer) {
        if (json) {
            println(answer.toPrettyString());
        }
        return json;
    }

    void deleted(String kind, String name) {
        println(
                json
                        ? JsonNodeFactory.instance
                                .objectNode()
                                .put("deleted", name)
                                .toPrettyString()
                        : kind + " " + name + " deleted");
    }

    void println(String line) {
        spec.commandLine().getOut().println(line);
        spec.commandLine().getOut().flush();
    }

    /** For what accompanies an answer: never in the way of a program that reads stdout. */
    void note(String line) {
        spec.commandLine().getErr().println(line);
        spec.commandLine().getErr().flush();
    }
}
