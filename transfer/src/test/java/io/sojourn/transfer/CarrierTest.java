// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real Unix sockets and threads; two forwarders joined by a lossy link in memory. */
@Timeout(60)
class CarrierTest {
    private static final long MS = 1_000_000L;
    private static final int MB = 1_000_000;
    private static final byte[] GREETING = {7, 1};

    @TempDir
    Path directory;

    private final RecordedEvents atSource = new RecordedEvents();
    private final RecordedEvents atDestination = new RecordedEvents();
    private final TestForwarder near = new TestForwarder(0.002);
    private final TestForwarder far = new TestForwarder(0.002);

    private final CompletableFuture<byte[]> greeted = new CompletableFuture<>();

    private SourceCarrier source() {
        return SourceCarrier.listen(
                new StreamToken(42), directory.resolve("out.sock"), GREETING, parameters(), atSource, near::wake);
    }

    private DestinationCarrier destination() {
        return DestinationCarrier.connectTo(
                new StreamToken(42), directory.resolve("in.sock"), parameters(), atDestination, far::wake);
    }

    private static StreamParameters parameters() {
        return StreamParameters.defaults().withRingBytes(8 << 20).withCapBytesPerS(150L * MB);
    }

    private void start(StreamEnd source, StreamEnd destination) {
        TestForwarder.join(near, source, far, destination);
    }

    private void stop() throws InterruptedException {
        near.end();
        far.end();
    }

    @Test
    void carriesAStreamByteForByteAndParksInItsMiddle() throws Exception {
        long total = 200L * MB;
        SourceCarrier source = source();
        CompletableFuture<Long> read = incomingQemu(GREETING);
        DestinationCarrier destination = destination();
        start(source, destination);
        AtomicLong written = new AtomicLong();
        Thread qemu = Thread.ofPlatform().daemon().start(() -> migrate(total, written));
        assertThat(atSource.connected.await(5, TimeUnit.SECONDS)).isTrue();
        assertThat(Files.exists(directory.resolve("out.sock"))).isFalse();
        assertThat(greeted.get(5, TimeUnit.SECONDS)).isEqualTo(GREETING);

        for (int round = 1; round <= 3; round++) {
            long target = round * 30L * MB;
            awaitAtLeast(source::bytesRead, target);
            source.park();
            assertThat(atSource.drained.tryAcquire(5, TimeUnit.SECONDS)).isTrue();
            assertThat(source.drained()).isTrue();
            awaitAtLeast(() -> source.settled() ? 1 : 0, 1);
            assertThat(source.bytesOutstanding()).isZero();
            long parkedAt = source.bytesRead();
            // QEMU goes on until the socket's buffer is full, and then stands in its write.
            awaitStill(written);
            assertThat(written.get()).isLessThan(parkedAt + 2 * MB).isLessThan(total);
            assertThat(qemu.getState()).isNotEqualTo(Thread.State.TERMINATED);
            assertThat(source.bytesRead()).isEqualTo(parkedAt);
            source.allow(100_000);
            awaitAtLeast(source::bytesRead, parkedAt + 100_000);
            awaitStill(written);
            assertThat(source.bytesRead()).isEqualTo(parkedAt + 100_000);
            source.unpark();
        }
        awaitAtLeast(source::bytesRead, total - 5 * MB);
        source.expedite();

        assertThat(read.get(30, TimeUnit.SECONDS)).isEqualTo(total);
        assertThat(atDestination.finished.get(5, TimeUnit.SECONDS)).isEqualTo(total);
        assertThat(atSource.finished.get(5, TimeUnit.SECONDS)).isEqualTo(total);
        assertThat(atSource.failed.isDone() || atDestination.failed.isDone()).isFalse();
        assertThat(source.done() && destination.done()).isTrue();
        System.out.println("carriers: " + source.stats() + " " + destination.stats());
        stop();
    }

    @Test
    void aDestinationQemuThatLeavesIsReportedAtTheSource() throws Exception {
        SourceCarrier source = source();
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(directory.resolve("in.sock")));
        DestinationCarrier destination = destination();
        start(source, destination);
        Thread.ofPlatform().daemon().start(() -> migrate(50L * MB, new AtomicLong()));
        server.accept().close();
        server.close();
        assertThat(atSource.failed.get(10, TimeUnit.SECONDS)).contains("does not take the stream");
        assertThat(atDestination.failed.get(10, TimeUnit.SECONDS)).contains("in.sock");
        stop();
    }

    @Test
    void aCancelledSourceEndsTheDestination() throws Exception {
        SourceCarrier source = source();
        CompletableFuture<Long> read = incomingQemu();
        start(source, destination());
        Thread.ofPlatform().daemon().start(() -> migrate(200L * MB, new AtomicLong()));
        awaitAtLeast(source::bytesRead, MB);
        source.fail("cancelled by the operator");
        assertThat(atDestination.failed.get(10, TimeUnit.SECONDS)).isEqualTo("cancelled by the operator");
        assertThat(atSource.failed.get(10, TimeUnit.SECONDS)).isEqualTo("cancelled by the operator");
        assertThat(read.get(10, TimeUnit.SECONDS)).isLessThan(200L * MB);
        stop();
    }

    @Test
    void aSocketPathThatIsTakenIsSaidInOneLine() throws Exception {
        Files.createFile(directory.resolve("out.sock"));
        assertThatThrownBy(this::source)
                .isInstanceOf(TransferException.class)
                .hasMessageContaining("out.sock")
                .hasMessageNotContaining("\n");
    }

    @Test
    void closingBeforeQemuCameLeavesNoSocketBehind() throws Exception {
        SourceCarrier source = source();
        assertThat(Files.exists(directory.resolve("out.sock"))).isTrue();
        source.close();
        awaitAtLeast(() -> Files.exists(directory.resolve("out.sock")) ? 0 : 1, 1);
    }

    /** The source's QEMU: writes the pattern as fast as the socket takes it. */
    private void migrate(long total, AtomicLong written) {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("out.sock")))) {
            ByteBuffer heard = ByteBuffer.allocate(GREETING.length);
            while (heard.hasRemaining() && channel.read(heard) >= 0) {
                // the carrier's first words
            }
            greeted.complete(heard.array());
            byte[] piece = new byte[64 << 10];
            while (written.get() < total) {
                int bytes = (int) Math.min(piece.length, total - written.get());
                SimulatedPath.fill(piece, written.get(), bytes);
                ByteBuffer buffer = ByteBuffer.wrap(piece, 0, bytes);
                while (buffer.hasRemaining()) {
                    written.addAndGet(channel.write(buffer));
                }
            }
        } catch (IOException e) {
            // the carrier left: what some of the tests want
        }
    }

    /** The destination's QEMU: reads to the end, checking each byte; the length, or less if a byte was wrong. */
    private CompletableFuture<Long> incomingQemu(byte... says) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(directory.resolve("in.sock")));
        CompletableFuture<Long> read = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            long at = 0;
            try (server;
                    SocketChannel channel = server.accept()) {
                channel.write(ByteBuffer.wrap(says)); // on its return path, to nobody
                ByteBuffer buffer = ByteBuffer.allocate(128 << 10);
                while (channel.read(buffer.clear()) >= 0) {
                    buffer.flip();
                    while (buffer.hasRemaining()) {
                        if (buffer.get() != SimulatedPath.pattern(at)) {
                            read.completeExceptionally(new AssertionError("byte " + at + " is wrong"));
                            return;
                        }
                        at++;
                    }
                }
                read.complete(at);
            } catch (IOException e) {
                read.completeExceptionally(e);
            }
        });
        return read;
    }

    private static void awaitAtLeast(java.util.function.LongSupplier value, long target) {
        long deadline = System.nanoTime() + 20_000 * MS;
        while (value.getAsLong() < target) {
            assertThat(System.nanoTime())
                    .as("reached %d of %d", value.getAsLong(), target)
                    .isLessThan(deadline);
            LockSupport.parkNanos(MS / 5);
        }
    }

    /** Returns when a value has not moved for 30 ms. */
    private static void awaitStill(AtomicLong value) {
        long seen = value.get();
        long since = System.nanoTime();
        while (System.nanoTime() - since < 30 * MS) {
            if (value.get() != seen) {
                seen = value.get();
                since = System.nanoTime();
            }
            LockSupport.parkNanos(MS);
        }
    }
}
