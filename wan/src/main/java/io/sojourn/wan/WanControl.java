// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A client of a running emulator's control socket. Every method waits for the answer; a refusal is an
 * {@link IllegalArgumentException} in the emulator's words, a broken connection an {@link UncheckedIOException}.
 */
public final class WanControl implements AutoCloseable {
    private static final JsonMapper MAPPER = new JsonMapper();

    /**
     * Counters of one directed link since the start.
     *
     * @param packets accepted by the line, those lost on it included
     * @param droppedQueue would have waited for the line longer than its queue
     * @param droppedDown cut off at entry or on the way
     * @param droppedOther too big, out of memory, or refused by the receiver's device
     */
    public record LinkStats(
            String from,
            String to,
            long packets,
            long bytes,
            long delivered,
            long deliveredBytes,
            long lost,
            long duplicated,
            long reordered,
            long corrupted,
            long droppedQueue,
            long droppedDown,
            long droppedOther) {}

    private final SocketChannel channel;
    private final BufferedReader in;
    private final Writer out;

    private WanControl(SocketChannel channel) {
        this.channel = channel;
        in = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
        out = Channels.newWriter(channel, StandardCharsets.UTF_8);
    }

    public static WanControl connect(Path socket) {
        try {
            return new WanControl(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
        } catch (IOException failure) {
            throw new UncheckedIOException("no WAN emulator answers at " + socket, failure);
        }
    }

    /** Changes fields of a directed link, by their names in the configuration, e.g. {@code Map.of("loss", 0.01)}. */
    public void link(String from, String to, Map<String, ?> changes) {
        ObjectNode request =
                MAPPER.createObjectNode().put("op", "link").put("from", from).put("to", to);
        changes.forEach((key, value) -> request.set(key, MAPPER.valueToTree(value)));
        request(request);
    }

    /** Cuts a place off from all others, or connects it again. */
    public void partition(String place, boolean down) {
        request(MAPPER.createObjectNode()
                .put("op", "partition")
                .put("place", place)
                .put("down", down));
    }

    /** Begins to write what enters from and leaves to a place into a pcap file; an earlier capture of the place ends. */
    public void capture(String place, Path file) {
        capture(place, file, 0);
    }

    /** The same; datagrams of a UDP port are cut short, unless that is 0. */
    public void capture(String place, Path file, int cutPort) {
        request(MAPPER.createObjectNode()
                .put("op", "capture")
                .put("place", place)
                .put("file", file.toString())
                .put("cut_port", cutPort)
                .put("on", true));
    }

    /** Ends a capture; its file is complete when this returns. How many packets are in it. */
    public long endCapture(String place) {
        return request(MAPPER.createObjectNode()
                        .put("op", "capture")
                        .put("place", place)
                        .put("on", false))
                .path("packets")
                .asLong();
    }

    /** All counters, as the emulator writes them. */
    public JsonNode stats() {
        return request(MAPPER.createObjectNode().put("op", "stats"));
    }

    /** The counters of one directed link. */
    public LinkStats stats(String from, String to) {
        for (JsonNode link : stats().path("links")) {
            if (link.path("from").asString().equals(from)
                    && link.path("to").asString().equals(to)) {
                return new LinkStats(
                        from,
                        to,
                        link.path("packets").asLong(),
                        link.path("bytes").asLong(),
                        link.path("delivered").asLong(),
                        link.path("delivered_bytes").asLong(),
                        link.path("lost").asLong(),
                        link.path("duplicated").asLong(),
                        link.path("reordered").asLong(),
                        link.path("corrupted").asLong(),
                        link.path("dropped_queue").asLong(),
                        link.path("dropped_down").asLong(),
                        link.path("dropped_too_big").asLong()
                                + link.path("dropped_memory").asLong()
                                + link.path("dropped_device").asLong());
            }
        }
        throw new IllegalArgumentException("there is no link from " + from + " to " + to);
    }

    /** Ends the emulator's process. */
    public void stop() {
        request(MAPPER.createObjectNode().put("op", "stop"));
    }

    private synchronized JsonNode request(ObjectNode request) {
        try {
            out.write(request + "\n");
            out.flush();
            String line = in.readLine();
            if (line == null) {
                throw new IOException("the WAN emulator closed the connection");
            }
            JsonNode answer = MAPPER.readTree(line);
            if (!answer.path("ok").asBoolean(false)) {
                throw new IllegalArgumentException(
                        "WAN emulator: " + answer.path("error").asString(""));
            }
            return answer;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
