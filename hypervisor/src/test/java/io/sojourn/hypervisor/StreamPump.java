// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The two carriers and the path between them, for tests: reads the source QEMU's Unix socket, writes into the destination's. It can be parked,
 * throttled to a number of bytes, and has a rate.
 */
final class StreamPump implements AutoCloseable {
    private static final int CHUNK_BYTES = 16 << 10;

    private final ServerSocketChannel server;
    private final byte[] greeting;
    private final Path to;
    private final long bytesPerS;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long allowedBytes = Long.MAX_VALUE;
    private volatile long carriedBytes;
    private volatile boolean closed;
    private volatile @Nullable SocketChannel in;
    private volatile @Nullable SocketChannel out;
    private final Thread thread;

    StreamPump(Path from, byte[] greeting, Path to, long bytesPerS) throws IOException {
        this.greeting = greeting;
        this.to = to;
        this.bytesPerS = bytesPerS;
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(from));
        thread = Thread.ofPlatform().name("pump").daemon().start(this::run);
    }

    void allow(long bytes) {
        lock.lock();
        try {
            allowedBytes = bytes;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void open() {
        allow(Long.MAX_VALUE);
    }

    void park() {
        allow(0);
    }

    long carriedBytes() {
        return carriedBytes;
    }

    private void run() {
        try {
            SocketChannel in = server.accept();
            this.in = in;
            in.write(ByteBuffer.wrap(greeting));
            SocketChannel out = SocketChannel.open(StandardProtocolFamily.UNIX);
            this.out = out;
            out.connect(UnixDomainSocketAddress.of(to));
            ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK_BYTES);
            long paidNs = System.nanoTime();
            while (!closed) {
                buffer.clear().limit((int) Math.min(CHUNK_BYTES, awaitAllowance()));
                int n = in.read(buffer);
                if (n < 0) {
                    break;
                }
                lock.lock();
                if (allowedBytes != Long.MAX_VALUE) {
                    allowedBytes = Math.max(0, allowedBytes - n);
                }
                lock.unlock();
                paidNs = Math.max(paidNs, System.nanoTime() - 1_000_000) + n * 1_000_000_000L / bytesPerS;
                while (System.nanoTime() < paidNs) {
                    LockSupport.parkNanos(paidNs - System.nanoTime());
                }
                buffer.flip();
                while (buffer.hasRemaining()) {
                    out.write(buffer);
                }
                carriedBytes += n;
            }
        } catch (ClosedChannelException e) {
            // closed by the test
        } catch (IOException | InterruptedException e) {
            // one of the two QEMUs has gone: the other must learn it
        } finally {
            close();
        }
    }

    private long awaitAllowance() throws InterruptedException {
        lock.lock();
        try {
            while (allowedBytes <= 0 && !closed) {
                changed.await();
            }
            return allowedBytes;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        closed = true;
        open();
        try {
            server.close();
            for (SocketChannel end : Arrays.asList(in, out)) {
                if (end != null) {
                    end.close();
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
