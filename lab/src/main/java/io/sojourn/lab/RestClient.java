// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.linux.Netns;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The controller's REST API (openapi.yaml), spoken from a thread that lives in the controller's place. */
public final class RestClient implements AutoCloseable {
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final int TIMEOUT_MS = 20_000;

    private final String base;
    private final ExecutorService inside;

    public RestClient(Place place, String base) {
        this.base = base;
        inside = Executors.newSingleThreadExecutor(task -> Thread.ofPlatform()
                .daemon()
                .name("rest-" + place.namespace())
                .unstarted(() -> {
                    Netns.enter(place.namespace());
                    task.run();
                }));
    }

    public JsonNode get(String path) {
        return ask("GET", path, null);
    }

    public JsonNode post(String path, Object body) {
        return ask("POST", path, MAPPER.writeValueAsBytes(body));
    }

    /** By the newer client, since the older knows no PATCH; its threads are born in this place, like the one that asks. */
    JsonNode patch(String path, Object body) {
        return await(() -> {
            try (HttpClient client =
                    HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
                HttpRequest request = HttpRequest.newBuilder(URI.create(base + path))
                        .timeout(Duration.ofMillis(TIMEOUT_MS))
                        .header("Content-Type", "application/json")
                        .method("PATCH", HttpRequest.BodyPublishers.ofByteArray(MAPPER.writeValueAsBytes(body)))
                        .build();
                HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() >= 400) {
                    throw new LabException(
                            message(answer.body(), "PATCH " + path + " is answered with " + answer.statusCode()));
                }
                return MAPPER.readTree(answer.body());
            }
        });
    }

    /** @throws LabException with the controller's own message when it refuses */
    private JsonNode ask(String method, String path, byte @org.jspecify.annotations.Nullable [] body) {
        return await(() -> {
            HttpURLConnection connection =
                    (HttpURLConnection) URI.create(base + path).toURL().openConnection();
            connection.setRequestMethod(method);
            // Kept alive it would be handed to the next client of the same address, which in another place is another
            // controller.
            connection.setRequestProperty("Connection", "close");
            connection.setConnectTimeout(TIMEOUT_MS);
            connection.setReadTimeout(TIMEOUT_MS);
            if (body != null) {
                connection.setDoOutput(true);
                connection.setRequestProperty("Content-Type", "application/json");
                try (OutputStream out = connection.getOutputStream()) {
                    out.write(body);
                }
            }
            int status = connection.getResponseCode();
            if (status >= 400) {
                try (InputStream error = connection.getErrorStream()) {
                    String text = error == null
                            ? ""
                            : new String(error.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
                    throw new LabException(message(text, method + " " + path + " is answered with " + status));
                }
            }
            try (InputStream in = connection.getInputStream()) {
                return MAPPER.readTree(in.readAllBytes());
            }
        });
    }

    private static String message(String body, String otherwise) {
        try {
            return MAPPER.readTree(body).path("error").path("message").asString(otherwise);
        } catch (RuntimeException notJson) {
            return otherwise;
        }
    }

    private JsonNode await(Callable<JsonNode> request) {
        try {
            return inside.submit(request).get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted while asking the controller", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof LabException refused) {
                throw refused;
            }
            if (e.getCause() instanceof IOException gone) {
                throw new LabException("the controller does not answer at " + base + ": " + gone.getMessage(), gone);
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    @Override
    public void close() {
        inside.shutdownNow();
    }
}
