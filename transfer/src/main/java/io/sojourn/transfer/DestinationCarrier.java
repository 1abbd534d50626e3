// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * The destination's carrier: the forwarder's receiver fills a ring, a pump thread empties it into the incoming QEMU's Unix
 * socket. If QEMU reads slowly the ring fills, the window closes and the source waits; if QEMU goes away the source is told why.
 *
 * <p><i>Order</i>: stream order. <i>Ownership</i>: the pump owns the socket, the forwarder the receiver. <i>Locking</i>: none.
 */
public final class DestinationCarrier implements StreamEnd {
    /** QEMU may still be opening its socket when the first bytes arrive. */
    private static final Duration CONNECT_WITHIN = Duration.ofSeconds(5);

    private static final Duration CONNECT_EVERY = Duration.ofMillis(20);

    private final StreamReceiver receiver;
    private final ByteRing ring;
    private final Path socket;
    private final CarrierEvents events;
    private final Runnable wake;
    private final Thread pump;
    private boolean failureReported;
    private boolean arrivalReported;

    private DestinationCarrier(
            StreamToken token, Path socket, StreamParameters parameters, CarrierEvents events, Runnable wake) {
        ring = RingBudget.OF_PROCESS.ring(parameters.ringBytes());
        receiver = new StreamReceiver(token, ring);
        this.socket = socket;
        this.events = events;
        this.wake = wake;
        pump = Thread.ofPlatform().daemon().name("destination-" + token).unstarted(this::run);
    }

    /**
     * Starts a carrier that connects to the incoming QEMU's {@code socket} when the first bytes are there, not before: a
     * connection that ends without a stream would end the incoming QEMU.
     *
     * @param wake makes the forwarder thread poll this end soon; any thread, cheap, may be called too often
     */
    public static DestinationCarrier connectTo(
            StreamToken token, Path socket, StreamParameters parameters, CarrierEvents events, Runnable wake) {
        DestinationCarrier carrier = new DestinationCarrier(token, socket, parameters, events, wake);
        carrier.pump.start();
        return carrier;
    }

    // ---- the pump's thread

    private void run() {
        try {
            if (!ring.awaitData()) {
                if (ring.end() == 0) {
                    events.finished(0);
                }
                return;
            }
            try (SocketChannel qemu = connect()) {
                events.connected();
                pump(qemu);
            }
        } catch (ClosedChannelException e) {
            // close() or a failure, which has been told
        } catch (IOException e) {
            receiver.fail("the destination's QEMU, at " + socket + ", does not take the stream: " + e.getMessage());
        } finally {
            ring.closeConsumer();
            wake.run();
        }
    }

    private SocketChannel connect() throws IOException {
        long deadline = System.nanoTime() + CONNECT_WITHIN.toNanos();
        while (true) {
            SocketChannel qemu = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                qemu.connect(UnixDomainSocketAddress.of(socket));
                return qemu;
            } catch (IOException e) {
                qemu.close();
                if (System.nanoTime() > deadline || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
            }
            LockSupport.parkNanos(this, CONNECT_EVERY.toNanos());
        }
    }

    private void pump(SocketChannel qemu) throws IOException {
        while (ring.awaitData()) {
            ring.writeTo(qemu);
            if (receiver.windowOpened()) {
                wake.run();
            }
        }
        if (ring.end() == ring.released()) {
            qemu.shutdownOutput();
            events.finished(ring.end());
            awaitEnd(qemu);
        }
    }

    /** What QEMU says on the return path is for nobody; but were it left unread, closing would break its connection and not end it. */
    private static void awaitEnd(SocketChannel qemu) {
        ByteBuffer said = ByteBuffer.allocate(256);
        try {
            while (qemu.read(said) >= 0) {
                said.clear();
            }
        } catch (IOException e) {
            // it has all of the stream, however it ends
        }
    }

    // ---- control, from any thread

    /** Bytes handed to QEMU so far. */
    public long bytesWritten() {
        return ring.released();
    }

    /** Gives up: QEMU's connection is closed and the far carrier told. */
    public void fail(String reason) {
        receiver.fail(reason);
        wake.run();
    }

    public ReceiverStats stats() {
        return receiver.stats();
    }

    // ---- the forwarder's thread

    @Override
    public StreamToken token() {
        return receiver.token();
    }

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        StreamVerdict verdict = receiver.onData(in, at, length, nowNs);
        if (!arrivalReported && receiver.whole()) {
            arrivalReported = true;
            events.arrived(ring.end());
        }
        if (!failureReported) {
            report();
        }
        return verdict;
    }

    @Override
    public int poll(long nowNs, MemorySegment out, long at) {
        int length = receiver.pollAck(nowNs, out, at);
        if (!failureReported) {
            report();
        }
        return length;
    }

    private void report() {
        if (!receiver.failure().isEmpty()) {
            failureReported = true;
            pump.interrupt();
            events.failed(receiver.failure());
        }
    }

    @Override
    public long nextDueNs(long nowNs) {
        return receiver.nextDueNs(nowNs);
    }

    @Override
    public int maxDatagramBytes() {
        return receiver.maxDatagramBytes();
    }

    /** {@inheritDoc} Keep it a few round trips longer: a lost last ack is asked for again. */
    @Override
    public boolean done() {
        return receiver.done();
    }

    @Override
    public void close() {
        receiver.close();
        pump.interrupt();
    }
}
