// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/**
 * The source's carrier. QEMU migrates to a Unix socket that this listens on; a pump thread reads it into the ring, and the forwarder
 * sends the ring's bytes.
 *
 * <pre>
 *   QEMU --Unix socket--> pump --ring--> sender --UDP, by the forwarder--> destination's carrier
 *                          ^ park, allow   (deduplication and compression will stand between pump and ring)
 * </pre>
 *
 * <p>A parked carrier does not read, so QEMU blocks in its write while the guest runs on; that is how the moment of the pause is
 * ours (docs of the handoff protocol).
 *
 * <p><i>Order</i>: stream order. <i>Ownership</i>: the pump owns the sockets, the forwarder the sender. <i>Locking</i>: none;
 * the two share the ring and a few volatile fields.
 */
public final class SourceCarrier implements StreamEnd {
    /**
     * The pump stays at most this far ahead of the sender. What waits here is late: QEMU takes it for sent, and the guest may have
     * dirtied it again; and it is what a park has to wait for.
     */
    private static final long MAX_AHEAD_NS = 20_000_000L;

    private static final long MIN_AHEAD_BYTES = 256 << 10;

    private final StreamSender sender;
    private final ByteRing ring;
    private final Path socket;
    private final byte[] greeting;
    private final ServerSocketChannel server;
    private final CarrierEvents events;
    private final Runnable wake;
    private final Thread pump;

    /** The pump reads only while {@code ring.published()} is below this: the whole of park, unpark and allow. */
    private volatile long readLimit = Long.MAX_VALUE;
    /** The pump is between looking at {@link #readLimit} and publishing what it read. */
    private volatile boolean reading;

    private volatile long aheadBytes = MIN_AHEAD_BYTES;
    private volatile boolean pumpAhead;
    private volatile boolean drainWanted;
    private boolean endReported;

    private SourceCarrier(
            StreamToken token,
            Path socket,
            byte[] greeting,
            ServerSocketChannel server,
            StreamParameters parameters,
            CarrierEvents events,
            Runnable wake) {
        ring = RingBudget.OF_PROCESS.ring(parameters.ringBytes());
        sender = new StreamSender(token, ring, parameters);
        this.socket = socket;
        this.greeting = greeting;
        this.server = server;
        this.events = events;
        this.wake = wake;
        pump = Thread.ofPlatform().daemon().name("source-" + token).unstarted(this::run);
    }

    /**
     * Listens on {@code socket} for QEMU's one connection; the file is removed once QEMU is there, or on {@link #close()}.
     *
     * @param greeting what QEMU is told as soon as it is there, against the stream's direction; less than its socket holds
     * @param wake makes the forwarder thread poll this end soon; any thread, cheap, may be called too often
     * @throws TransferException when the socket cannot be made
     */
    public static SourceCarrier listen(
            StreamToken token,
            Path socket,
            byte[] greeting,
            StreamParameters parameters,
            CarrierEvents events,
            Runnable wake) {
        try {
            ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                server.bind(UnixDomainSocketAddress.of(socket), 1);
            } catch (IOException e) {
                server.close();
                throw e;
            }
            SourceCarrier carrier = new SourceCarrier(token, socket, greeting, server, parameters, events, wake);
            carrier.pump.start();
            return carrier;
        } catch (IOException e) {
            throw new TransferException(
                    "cannot listen for QEMU's migration stream on " + socket + ": " + e.getMessage()
                            + "; the directory must exist and the path must be free and under 108 bytes",
                    e);
        }
    }

    // ---- the pump's thread

    private void run() {
        try (ServerSocketChannel listening = server;
                SocketChannel qemu = accept(listening);
                Selector selector = Selector.open()) {
            events.connected();
            qemu.write(ByteBuffer.wrap(greeting));
            qemu.configureBlocking(false);
            qemu.register(selector, SelectionKey.OP_READ);
            pump(qemu, selector);
        } catch (ClosedChannelException e) {
            // close() or fail(), which have said why
        } catch (IOException e) {
            sender.fail("QEMU's migration connection at the source broke: " + e.getMessage());
        } catch (TransferException e) {
            sender.fail(String.valueOf(e.getMessage()));
        } finally {
            removeSocket();
            ring.closeProducer();
            wake.run();
        }
    }

    private SocketChannel accept(ServerSocketChannel listening) throws IOException {
        SocketChannel qemu = listening.accept();
        listening.close();
        removeSocket();
        return qemu;
    }

    private void pump(SocketChannel qemu, Selector selector) throws IOException {
        while (!Thread.currentThread().isInterrupted()) {
            if (ring.published() >= readLimit) {
                LockSupport.park(this);
                continue;
            }
            if (unsentBytes() >= aheadBytes) {
                pumpAhead = true;
                if (unsentBytes() >= aheadBytes) {
                    LockSupport.park(this);
                }
                continue;
            }
            if (!ring.awaitSpace(1)) {
                return;
            }
            // Later phase: deduplication and compression take the bytes here and write their frames to the ring.
            int bytes = readOnce(qemu);
            if (bytes < 0) {
                ring.finish();
                events.emptied(ring.published());
                return; // and the forwarder is woken
            }
            if (bytes > 0 && ring.takeConsumerHungry() || drainWanted) {
                wake.run();
            }
            if (bytes == 0 && ring.published() < readLimit && unsentBytes() < aheadBytes) {
                selector.select();
                selector.selectedKeys().clear();
            }
        }
    }

    private int readOnce(SocketChannel qemu) throws IOException {
        // First say that we read, then look at the limit; park() does the opposite. So either it sees us reading, or we
        // see it.
        reading = true;
        try {
            long left = Math.min(readLimit - ring.published(), aheadBytes - unsentBytes());
            return left <= 0 ? 0 : ring.readFrom(qemu, left);
        } finally {
            reading = false;
        }
    }

    private void removeSocket() {
        try {
            Files.deleteIfExists(socket);
        } catch (IOException e) {
            // It is in the gateway's own run directory, which is emptied at the next start.
        }
    }

    // ---- control, from any thread

    /** Stops reading from QEMU at once; {@link CarrierEvents#drained} follows. */
    public void park() {
        readLimit = 0;
        drainWanted = true;
        wake.run();
    }

    /** Reads freely. */
    public void unpark() {
        drainWanted = false;
        readLimit = Long.MAX_VALUE;
        LockSupport.unpark(pump);
    }

    /** Reads {@code bytes} more from now on, then waits; replaces what was left of an earlier allowance. */
    public void allow(long bytes) {
        drainWanted = false;
        readLimit = ring.published() + bytes;
        LockSupport.unpark(pump);
    }

    /** The guest is paused: unparks, and sends the rest with redundancy. */
    public void expedite() {
        sender.expedite();
        unpark();
        wake.run();
    }

    /** Nothing is being read, and every byte read so far has been sent once. */
    public boolean drained() {
        return parked() && sender.allSent();
    }

    /** Nothing is being read, nor will be before the next {@link #unpark}, {@link #allow} or {@link #expedite}. */
    public boolean parked() {
        // The order matters: see readOnce.
        return ring.published() >= readLimit && !reading && ring.published() >= readLimit;
    }

    /**
     * Drained, and all of it acknowledged: no recovery of a loss is under way. A pause from here on waits for its own bytes only.
     */
    public boolean settled() {
        return drained() && ring.released() == ring.published();
    }

    private long unsentBytes() {
        return ring.published() - sender.sentBytes();
    }

    /** Bytes read from QEMU so far. */
    public long bytesRead() {
        return ring.published();
    }

    /** Bytes of the stream that are read and not yet acknowledged. */
    public long bytesOutstanding() {
        return ring.published() - ring.released();
    }

    /** Gives up: QEMU's connection is closed and the far carrier told. */
    public void fail(String reason) {
        sender.fail(reason);
        wake.run();
    }

    public SenderStats stats() {
        return sender.stats();
    }

    // ---- the forwarder's thread

    @Override
    public StreamToken token() {
        return sender.token();
    }

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        StreamVerdict verdict = sender.onAck(in, at, length, nowNs);
        report();
        return verdict;
    }

    @Override
    public int poll(long nowNs, MemorySegment out, long at) {
        int length = sender.poll(nowNs, out, at);
        if (pumpAhead) {
            long ahead = Math.max(MIN_AHEAD_BYTES, (long) (sender.paceBytesPerS() * MAX_AHEAD_NS / 1e9));
            if (unsentBytes() <= ahead / 2) {
                aheadBytes = ahead;
                pumpAhead = false;
                LockSupport.unpark(pump);
            }
        }
        if (drainWanted && drained()) {
            drainWanted = false;
            events.drained();
        }
        report();
        return length;
    }

    private void report() {
        if (endReported) {
            return;
        }
        if (!sender.failure().isEmpty()) {
            endReported = true;
            pump.interrupt();
            events.failed(sender.failure());
        } else if (sender.finished()) {
            endReported = true;
            events.finished(ring.end());
        }
    }

    @Override
    public long nextDueNs(long nowNs) {
        return drainWanted && drained() ? nowNs : sender.nextDueNs(nowNs);
    }

    @Override
    public int maxDatagramBytes() {
        return sender.maxDatagramBytes();
    }

    @Override
    public boolean done() {
        return sender.done();
    }

    @Override
    public void close() {
        sender.close();
        pump.interrupt();
    }
}
