// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/** A controller made of canned answers, on loopback; remembers what it was asked. */
final class FakeController implements AutoCloseable {
    private record Answer(int status, String type, String body) {}

    private final HttpServer server;
    private final Map<String, Answer> answers = new ConcurrentHashMap<>();
    private final List<String> requests = Collections.synchronizedList(new ArrayList<>());

    FakeController() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", exchange -> {
            String key = exchange.getRequestMethod() + " " + exchange.getRequestURI();
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            String token = exchange.getRequestHeaders().getFirst("Authorization");
            requests.add((key + " " + body + (token == null ? "" : " " + token)).strip());
            Answer answer = answers.getOrDefault(key, new Answer(404, "text/plain", "nothing here"));
            byte[] bytes = answer.body.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().add("Content-Type", answer.type);
            exchange.sendResponseHeaders(answer.status, bytes.length == 0 ? -1 : bytes.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(bytes);
            }
        });
        server.start();
    }

    /** @param request such as {@code GET /v1/status} */
    FakeController answers(String request, int status, String json) {
        answers.put(request, new Answer(status, "application/json", json));
        return this;
    }

    FakeController streams(String path, String... events) {
        StringBuilder body = new StringBuilder(": keep-alive\n\n");
        for (String event : events) {
            body.append("id: 1\nevent: migration\ndata: ").append(event).append("\n\n");
        }
        answers.put("GET " + path, new Answer(200, "text/event-stream", body.toString()));
        return this;
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    List<String> requests() {
        return List.copyOf(requests);
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
