// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Answers the control socket, a Unix stream of one JSON object per line either way:
 *
 * <pre>
 * {"op":"link","from":..,"to":..,FIELDS}    change a link            {"op":"stats"}   counters
 * {"op":"partition","place":..,"down":B}    cut a place off, or back  {"op":"stop"}    end the process
 * {"op":"capture","place":..,"file":..,"on":B,"cut_port":N}
 * </pre>
 *
 * <p>Each is answered by {@code {"ok":true,...}} or {@code {"ok":false,"error":"..."}}.
 */
final class ControlServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);
    private static final JsonMapper MAPPER = new JsonMapper();

    private final Path path;
    private final WanEmulator emulator;
    private final ServerSocketChannel server;

    ControlServer(Path path, WanEmulator emulator) throws IOException {
        this.path = path;
        this.emulator = emulator;
        Files.deleteIfExists(path);
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(path));
        Thread.ofPlatform().daemon().name("wan-control").start(this::accept);
    }

    private void accept() {
        while (server.isOpen()) {
            try {
                SocketChannel client = server.accept();
                Thread.ofVirtual().name("wan-control-client").start(() -> serve(client));
            } catch (IOException closed) {
                LOG.debug("control socket closed", closed);
                return;
            }
        }
    }

    private void serve(SocketChannel client) {
        try (client;
                BufferedReader in = new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8));
                Writer out = Channels.newWriter(client, StandardCharsets.UTF_8)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                Answer answer = answer(line);
                out.write(answer.json() + "\n");
                out.flush();
                if (answer.last()) {
                    emulator.stop();
                    return;
                }
            }
        } catch (IOException gone) {
            LOG.debug("a control client went away", gone);
        }
    }

    private record Answer(ObjectNode json, boolean last) {}

    private Answer answer(String line) {
        try {
            JsonNode request = MAPPER.readTree(line);
            String op = request.path("op").asString("");
            ObjectNode json = emulator.call(() -> execute(op, request));
            return new Answer(json.put("ok", true), op.equals("stop"));
        } catch (JacksonException broken) {
            return refusal("the line is no JSON: " + broken.getOriginalMessage());
        } catch (Exception failure) {
            return refusal(failure.getMessage() == null ? failure.toString() : failure.getMessage());
        }
    }

    private static Answer refusal(String error) {
        return new Answer(MAPPER.createObjectNode().put("ok", false).put("error", error), false);
    }

    private ObjectNode execute(String op, JsonNode request) {
        return switch (op) {
            case "link" -> changeLink(request);
            case "partition" -> partition(request);
            case "stats" -> WanStats.describe(emulator.forwarder(), MAPPER);
            case "capture" -> capture(request);
            case "stop" -> MAPPER.createObjectNode();
            default ->
                throw new IllegalArgumentException(
                        "op \"" + op + "\" is not known; known are link, partition, stats, capture, stop");
        };
    }

    private ObjectNode changeLink(JsonNode request) {
        Link link = emulator.forwarder().links()[place(request, "from")][place(request, "to")];
        if (link == null) {
            throw new IllegalArgumentException("there is no link from " + request.path("from") + " to "
                    + request.path("to") + "; give it in the configuration's links");
        }
        link.profile(WanConfig.overlay(link.profile(), request, ""));
        return WanConfig.describe(link.profile());
    }

    private ObjectNode partition(JsonNode request) {
        Place place = emulator.forwarder().places()[place(request, "place")];
        place.down = flag(request, "down");
        return MAPPER.createObjectNode().put("place", place.name).put("down", place.down);
    }

    private ObjectNode capture(JsonNode request) {
        Place place = emulator.forwarder().places()[place(request, "place")];
        boolean on = flag(request, "on");
        if (on && request.path("file").asString("").isEmpty()) {
            throw new IllegalArgumentException("file is missing");
        }
        PcapWriter before = place.capture;
        place.capture = null;
        long packets = 0;
        if (before != null) {
            packets = before.packets();
            before.close();
        }
        if (on) {
            place.capture = new PcapWriter(
                    Path.of(request.path("file").asString()),
                    System::nanoTime,
                    request.path("cut_port").asInt(0));
        }
        return MAPPER.createObjectNode().put("place", place.name).put("on", on).put("packets", packets);
    }

    private static boolean flag(JsonNode request, String key) {
        if (!request.path(key).isBoolean()) {
            throw new IllegalArgumentException(key + " must be true or false");
        }
        return request.path(key).asBoolean();
    }

    private int place(JsonNode request, String key) {
        String name = request.path(key).asString("");
        Place[] places = emulator.forwarder().places();
        for (int i = 0; i < places.length; i++) {
            if (places[i].name.equals(name)) {
                return i;
            }
        }
        throw new IllegalArgumentException(key + ": there is no place \"" + name + "\"");
    }

    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(path);
    }
}
