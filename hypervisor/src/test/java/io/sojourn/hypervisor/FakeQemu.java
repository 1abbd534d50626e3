// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A QMP server in this process that plays a script: what to send, what to wait for. */
final class FakeQemu implements AutoCloseable {
    /** One step of a script. */
    interface Step {
        void run(FakeQemu qemu) throws IOException;
    }

    static final Step GREETING = send(
            "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": [\"oob\"]}}\r\n");
    static final Step NEGOTIATED = qemu -> qemu.reply("{\"return\": {}, \"id\": %s}\r\n");

    private final ServerSocketChannel server;
    private final List<String> received = new CopyOnWriteArrayList<>();
    private final Thread thread;
    private @Nullable SocketChannel client;
    private @Nullable BufferedReader reader;
    private volatile boolean closed;

    FakeQemu(Path socket, Step... script) throws IOException {
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
        thread = Thread.ofVirtual().start(() -> play(script));
    }

    static Step send(String text) {
        return qemu -> qemu.write(text);
    }

    /** Reads one command and answers it; {@code %s} stands for its id. */
    static Step answer(String text) {
        return qemu -> qemu.reply(text);
    }

    /** Reads one command and says nothing. */
    static Step swallow() {
        return FakeQemu::readLine;
    }

    /** Keeps the connection until the client or the test ends it. */
    static Step linger() {
        return qemu -> {
            while (!qemu.readLine().isEmpty()) {
                // swallow
            }
        };
    }

    List<String> received() {
        return received;
    }

    private void play(Step... script) {
        try (SocketChannel accepted = server.accept()) {
            client = accepted;
            reader = new BufferedReader(
                    new InputStreamReader(Channels.newInputStream(accepted), StandardCharsets.UTF_8));
            for (Step step : script) {
                step.run(this);
            }
        } catch (IOException e) {
            if (!closed) {
                received.add(e.toString());
            }
        }
    }

    private String readLine() throws IOException {
        String line = Objects.requireNonNull(reader).readLine();
        if (line != null) {
            received.add(line);
        }
        return line == null ? "" : line;
    }

    private void reply(String text) throws IOException {
        String line = readLine();
        write(text.replace("%s", line.replaceFirst(".*\"id\":(\\d+).*", "$1")));
    }

    private void write(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            Objects.requireNonNull(client).write(bytes);
        }
    }

    @Override
    public void close() throws IOException {
        closed = true;
        server.close();
        thread.interrupt();
    }
}
