// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;

/** The controller's REST API (controller's openapi.yaml), as trees. Every failure is a {@link CommandFailure} with a line for a person. */
final class ControllerClient {
    static final JsonMapper JSON = new JsonMapper();
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);

    private final URI base;
    private final @Nullable String token;
    private final HttpClient http;

    /** @param trust whom to believe to be the controller; empty: whom this JDK believes */
    ControllerClient(URI base, @Nullable String token, Optional<SSLContext> trust) {
        HttpClient.Builder builder =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT_TIMEOUT);
        trust.ifPresent(builder::sslContext);
        http = builder.build();
        this.base = base;
        this.token = token;
    }

    JsonNode get(String path) {
        return send(request(path).GET());
    }

    JsonNode post(String path, JsonNode body) {
        return send(request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body.toString())));
    }

    JsonNode patch(String path, JsonNode body) {
        return send(request(path)
                .header("Content-Type", "application/json")
                .method("PATCH", BodyPublishers.ofString(body.toString())));
    }

    void delete(String path) {
        send(request(path).DELETE());
    }

    /** One path segment from a name that a person typed. */
    static String segment(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /**
     * Reads server-sent events until the consumer has seen enough or the stream ends.
     *
     * @param after revision to continue from; negative: from now on
     * @param consumer gets each event's data; false ends the reading
     * @return whether the consumer ended it, and not the controller
     */
    boolean events(String path, long after, Predicate<JsonNode> consumer) {
        HttpRequest.Builder request = request(path).GET().header("Accept", "text/event-stream");
        if (after >= 0) {
            request.header("Last-Event-ID", Long.toString(after));
        }
        HttpResponse<InputStream> response = exchange(request.build(), BodyHandlers.ofInputStream());
        try (InputStream body = response.body();
                BufferedReader lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8))) {
            if (response.statusCode() != 200) {
                throw refusal(response.statusCode(), new String(body.readAllBytes(), StandardCharsets.UTF_8));
            }
            StringBuilder data = new StringBuilder();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("data:")) {
                    data.append(line, 5, line.length());
                } else if (line.isEmpty() && !data.isEmpty()) {
                    JsonNode event = JSON.readTree(data.toString());
                    data.setLength(0);
                    if (!consumer.test(event)) {
                        return true;
                    }
                }
            }
            return false;
        } catch (IOException e) {
            return false;
        }
    }

    private HttpRequest.Builder request(String path) {
        String root = base.toString().endsWith("/")
                ? base.toString().substring(0, base.toString().length() - 1)
                : base.toString();
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(root + path));
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        return request;
    }

    private JsonNode send(HttpRequest.Builder request) {
        HttpResponse<String> response = exchange(request.timeout(ANSWER_TIMEOUT).build(), BodyHandlers.ofString());
        if (response.statusCode() / 100 != 2) {
            throw refusal(response.statusCode(), response.body());
        }
        if (response.body().isEmpty()) {
            return MissingNode.getInstance();
        }
        try {
            return JSON.readTree(response.body());
        } catch (JacksonException e) {
            throw new CommandFailure(base + " does not answer as a Sojourn controller does; is --controller right?", e);
        }
    }

    private <T> HttpResponse<T> exchange(HttpRequest request, HttpResponse.BodyHandler<T> handler) {
        try {
            return http.send(request, handler);
        } catch (ConnectException e) {
            throw new CommandFailure(
                    "cannot reach the controller at " + base
                            + "; is 'sojourn controller' running there, and is --controller right?",
                    e);
        } catch (SSLException e) {
            throw new CommandFailure(
                    base + " is not to be believed (" + CommandFailure.reason(e)
                            + "): set 'ca-file' in client.yaml to a copy of the controller's ca.crt",
                    e);
        } catch (IOException e) {
            String why = CommandFailure.reason(e);
            throw new CommandFailure("the controller at " + base + " did not answer: " + why, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("interrupted", e);
        }
    }

    private CommandFailure refusal(int status, String body) {
        if (status == 401 || status == 403) {
            return new CommandFailure("the controller at " + base
                    + " wants another token; set SOJOURN_TOKEN, or token-file in client.yaml");
        }
        try {
            String message = JSON.readTree(body).path("error").path("message").asString("");
            if (!message.isEmpty()) {
                return new CommandFailure(message);
            }
        } catch (JacksonException e) {
            // Not ours; said below.
        }
        return new CommandFailure(
                base + " does not answer as a Sojourn controller does (HTTP " + status + "); is --controller right?");
    }
}
