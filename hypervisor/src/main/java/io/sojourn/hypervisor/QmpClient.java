// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A QMP connection over a Unix-domain socket (QEMU's docs/interop/qmp-spec): JSON, one message a line.
 *
 * <p>Order: events reach the listener in the order of arrival, on the one reading thread, before the next line is looked at; an event that QEMU sent
 * before an answer is delivered before that answer is returned. Threads: any number may execute; answers find them by id. The listener must hand over
 * and return: while it works nothing is read.
 *
 * <p>QEMU serves one client per socket at a time and lets a second one wait in the backlog: {@link #connect} then waits for the greeting until its
 * patience is over, and says who is likely to hold the socket.
 */
public final class QmpClient implements AutoCloseable {
    /** QEMU's answers are at most some hundred KiB ({@code query-qmp-schema}); more than this without a line end is not QMP. */
    static final int MAX_LINE_BYTES = 8 << 20;

    private static final Duration USUAL_PATIENCE = Duration.ofSeconds(5);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Path path;
    private final SocketChannel channel;
    private final Consumer<? super QmpEvent> events;
    private final Consumer<? super String> disconnected;
    private final CompletableFuture<JsonNode> greeting = new CompletableFuture<>();
    private final Map<Long, CompletableFuture<JsonNode>> pending = new ConcurrentHashMap<>();
    private final AtomicLong nextId = new AtomicLong(1);
    private final ReentrantLock writing = new ReentrantLock();
    private final AtomicBoolean ended = new AtomicBoolean();
    private final CompletableFuture<String> end = new CompletableFuture<>();

    private QmpClient(
            Path path,
            SocketChannel channel,
            Consumer<? super QmpEvent> events,
            Consumer<? super String> disconnected) {
        this.path = path;
        this.channel = channel;
        this.events = events;
        this.disconnected = disconnected;
    }

    /**
     * Connects, reads the greeting and leaves negotiation mode, all within {@code patience}. {@code disconnected} is called once, with a one-line
     * reason, when the connection has ended for whatever cause ({@link #close} included), after the last event; not if this method throws.
     */
    public static QmpClient connect(
            Path socket, Duration patience, Consumer<? super QmpEvent> events, Consumer<? super String> disconnected) {
        return connect(socket, patience, Thread.ofPlatform().daemon().factory(), events, disconnected);
    }

    /** As {@link #connect(Path, Duration, Consumer, Consumer)}, with the reading thread from {@code readers}: a platform thread that runs when an event comes. */
    static QmpClient connect(
            Path socket,
            Duration patience,
            ThreadFactory readers,
            Consumer<? super QmpEvent> events,
            Consumer<? super String> disconnected) {
        long deadline = System.nanoTime() + patience.toNanos();
        AtomicBoolean established = new AtomicBoolean();
        QmpClient client = new QmpClient(socket, open(socket, deadline), events, reason -> {
            if (established.get()) {
                disconnected.accept(reason);
            }
        });
        // a platform thread: events are on the cut path, and a virtual thread waits for a carrier that a native call
        // may pin
        Thread reader = readers.newThread(client::readUntilTheEnd);
        reader.setName("qmp-" + socket.getFileName());
        reader.start();
        boolean greeted = false;
        try {
            client.greeting.get(left(deadline), TimeUnit.NANOSECONDS);
            greeted = true;
            established.set(true); // before negotiation: events may follow its answer at once
            client.execute("qmp_capabilities", Map.of(), Duration.ofNanos(left(deadline)));
            return client;
        } catch (TimeoutException e) {
            throw new HypervisorException(
                    "QMP socket " + socket + " gives no greeting within " + patience.toMillis()
                            + " ms: another client holds it (QEMU serves one at a time), or QEMU hangs; end that client",
                    e);
        } catch (ExecutionException e) {
            throw new HypervisorException(message(e.getCause()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HypervisorException("interrupted while connecting to QMP socket " + socket, e);
        } finally {
            if (!greeted) {
                client.close();
            }
        }
    }

    private static SocketChannel open(Path socket, long deadline) {
        while (true) {
            try {
                SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
                try {
                    channel.connect(UnixDomainSocketAddress.of(socket));
                    return channel;
                } catch (IOException | RuntimeException e) {
                    channel.close();
                    throw e;
                }
            } catch (ConnectException e) {
                // a full backlog (EAGAIN): others wait too; a refusal: nobody listens and nobody will
                if (!String.valueOf(e.getMessage()).contains("unavailable") || System.nanoTime() > deadline) {
                    throw new HypervisorException("no QEMU answers at QMP socket " + socket + ": " + message(e), e);
                }
                LockSupport.parkNanos(5_000_000);
            } catch (IOException e) {
                String why =
                        Files.exists(socket) ? message(e) : "there is no such file; is the VM's QEMU running here?";
                throw new HypervisorException("cannot open QMP socket " + socket + ": " + why, e);
            }
        }
    }

    /** As {@link #execute(String, Map, Duration)} without arguments, 5 s. */
    public JsonNode execute(String command) {
        return execute(command, Map.of(), USUAL_PATIENCE);
    }

    /** As {@link #execute(String, Map, Duration)}, 5 s. */
    public JsonNode execute(String command, Map<String, ?> arguments) {
        return execute(command, arguments, USUAL_PATIENCE);
    }

    /**
     * Executes one command and returns the {@code return} member of its answer.
     *
     * @throws QmpException if QEMU refuses
     * @throws HypervisorException if no answer comes in time (the connection stays usable, a late answer is dropped) or the connection ends
     */
    public JsonNode execute(String command, Map<String, ?> arguments, Duration patience) {
        long id = nextId.getAndIncrement();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        pending.put(id, answer);
        try {
            if (end.isDone()) {
                throw gone(command, end.getNow(""));
            }
            Map<String, Object> request = new LinkedHashMap<>();
            request.put("execute", command);
            if (!arguments.isEmpty()) {
                request.put("arguments", arguments);
            }
            request.put("id", id);
            write(command, request);
            JsonNode message = answer.get(Math.max(1, patience.toNanos()), TimeUnit.NANOSECONDS);
            JsonNode error = message.get("error");
            if (error != null) {
                throw new QmpException(
                        command,
                        error.path("class").asString(""),
                        error.path("desc").asString(""));
            }
            return message.path("return");
        } catch (TimeoutException e) {
            throw new HypervisorException(
                    "QEMU at " + path + " does not answer " + command + " within " + patience.toMillis() + " ms", e);
        } catch (ExecutionException e) {
            throw gone(command, message(e.getCause()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HypervisorException("interrupted while QEMU at " + path + " executes " + command, e);
        } finally {
            pending.remove(id);
        }
    }

    private HypervisorException gone(String command, String reason) {
        return new HypervisorException("QEMU at " + path + " cannot execute " + command + ": " + reason);
    }

    private void write(String command, Map<String, Object> request) {
        byte[] json = JSON.writeValueAsBytes(request);
        ByteBuffer line =
                ByteBuffer.allocate(json.length + 1).put(json).put((byte) '\n').flip();
        writing.lock();
        try {
            while (line.hasRemaining()) {
                channel.write(line);
            }
        } catch (IOException e) {
            throw gone(command, "the connection is broken: " + message(e));
        } finally {
            writing.unlock();
        }
    }

    private void readUntilTheEnd() {
        String reason;
        try {
            reason = readLines();
        } catch (ClosedChannelException | InterruptedIOException e) {
            reason = "closed by us";
        } catch (IOException e) {
            reason = "the connection is broken: " + message(e);
        } catch (RuntimeException e) { // a listener that threw must not leave callers waiting
            reason = "the event listener failed: " + e;
        }
        finish(reason);
    }

    private String readLines() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(16 << 10);
        int scanned = 0;
        while (channel.read(buffer) >= 0) {
            byte[] bytes = buffer.array();
            int start = 0;
            for (int i = scanned; i < buffer.position(); i++) {
                if (bytes[i] == '\n') {
                    int length = i - start;
                    if (!isBlank(bytes, start, length) && !accept(bytes, start, length)) {
                        return "what answers at " + path + " does not speak QMP: '" + excerpt(bytes, start, length)
                                + "'";
                    }
                    start = i + 1;
                }
            }
            buffer.flip().position(start);
            buffer.compact();
            scanned = buffer.position();
            if (!buffer.hasRemaining()) {
                if (buffer.capacity() >= MAX_LINE_BYTES) {
                    return "what answers at " + path + " does not speak QMP: a line of more than " + MAX_LINE_BYTES
                            + " bytes";
                }
                buffer = ByteBuffer.allocate(buffer.capacity() * 4).put(buffer.flip());
            }
        }
        return "QEMU has closed the connection" + (greeting.isDone() ? "" : " before its greeting");
    }

    private static boolean isBlank(byte[] bytes, int start, int length) {
        return length == 0 || (length == 1 && bytes[start] == '\r');
    }

    /** One line; false if it is no QMP message. */
    private boolean accept(byte[] bytes, int start, int length) {
        long receivedNs = System.nanoTime();
        JsonNode message;
        try {
            message = JSON.readTree(bytes, start, length);
        } catch (JacksonException e) {
            return false;
        }
        if (message.has("event")) {
            JsonNode at = message.path("timestamp");
            long atUs = at.path("seconds").asLong(0) * 1_000_000
                    + at.path("microseconds").asLong(0);
            events.accept(new QmpEvent(message.path("event").asString(""), message.path("data"), atUs, receivedNs));
        } else if (message.has("return") || message.has("error")) {
            JsonNode id = message.get("id");
            CompletableFuture<JsonNode> answer = id == null ? null : pending.get(id.asLong(-1));
            if (answer != null) {
                answer.complete(message);
            } else if (id == null) {
                return false; // QEMU could not even parse what we sent
            }
        } else if (message.has("QMP")) {
            greeting.complete(message.path("QMP"));
        } else {
            return false;
        }
        return true;
    }

    private void finish(String reason) {
        if (!ended.compareAndSet(false, true)) {
            return;
        }
        try {
            channel.close();
        } catch (IOException e) {
            // it is gone either way
        }
        end.complete(reason);
        HypervisorException cause = new HypervisorException(reason);
        greeting.completeExceptionally(cause);
        pending.values().forEach(answer -> answer.completeExceptionally(cause));
        disconnected.accept(reason);
    }

    /** The {@code QMP} member of the greeting: version and QMP capabilities. */
    public JsonNode greeting() {
        return greeting.getNow(JSON.createObjectNode());
    }

    public Path path() {
        return path;
    }

    public boolean connected() {
        return !end.isDone();
    }

    /** Waits until the connection has ended; false if it has not within {@code patience}. */
    public boolean awaitEnd(Duration patience) {
        try {
            end.get(patience.toNanos(), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return end.isDone();
        }
    }

    @Override
    public void close() {
        finish("closed by us");
    }

    private static long left(long deadline) {
        return Math.max(1, deadline - System.nanoTime());
    }

    private static String message(@Nullable Throwable e) {
        return e == null ? "unknown" : e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    }

    private static String excerpt(byte[] bytes, int start, int length) {
        String text = new String(bytes, start, Math.min(length, 60), StandardCharsets.UTF_8);
        return text.replaceAll("\\p{Cntrl}", "?");
    }
}
