// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.linux.DatagramBatch;
import io.sojourn.linux.PeerAddress;
import io.sojourn.linux.Poller;
import io.sojourn.linux.UdpSocket;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** One flow of the smallest packets at a given rate, by batches that are sent every 250 us. */
final class Flood {
    private static final int PORT = 7008;
    /** 64 octets of Ethernet with its check sequence: 14 + 20 + 8 + 18 + 4. */
    private static final int PAYLOAD_BYTES = 18;

    private static final long BURST_EVERY_NS = 250_000;
    private static final int SLOTS = 64;

    record Result(double sentPerS, double receivedPerS) {}

    private Flood() {}

    static Result run(Way way, int perSecond, int seconds) {
        AtomicLong received = new AtomicLong();
        AtomicLong sent = new AtomicLong();
        UdpSocket far = way.bed().hostB.call(() -> UdpSocket.bind(new InetSocketAddress(Bed.HOST_B, PORT)));
        UdpSocket near = way.bed().hostA.call(() -> UdpSocket.bind(new InetSocketAddress("10.10.1.20", 0)));
        Thread receiver = way.bed().hostB.start("flood-receiver", () -> receive(far, received));
        long begin = System.nanoTime();
        try {
            Thread sender = way.bed().hostA.start("flood-sender", () -> send(near, perSecond, seconds, sent));
            sender.join();
            double took = (System.nanoTime() - begin) / 1e9;
            LockSupport.parkNanos(200_000_000L);
            receiver.interrupt();
            receiver.join();
            return new Result(sent.get() / took, received.get() / took);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        } finally {
            near.close();
            far.close();
        }
    }

    private static void receive(UdpSocket socket, AtomicLong received) {
        try (DatagramBatch batch = new DatagramBatch(SLOTS, 2048);
                Poller poller = new Poller(socket.fd())) {
            while (!Thread.currentThread().isInterrupted()) {
                int n = socket.receive(batch);
                if (n > 0) {
                    received.addAndGet(n);
                } else {
                    poller.poll(10_000_000);
                }
            }
        }
    }

    private static void send(UdpSocket socket, int perSecond, int seconds, AtomicLong sent) {
        PeerAddress to = PeerAddress.of(new InetSocketAddress(Bed.HOST_B, PORT));
        try (DatagramBatch batch = new DatagramBatch(SLOTS, 256);
                Poller writable = new Poller(socket.fd())) {
            writable.interest(0, false, true);
            for (int i = 0; i < SLOTS; i++) {
                batch.length(i, PAYLOAD_BYTES);
                batch.setPeer(i, to);
            }
            long begin = System.nanoTime();
            long end = begin + seconds * 1_000_000_000L;
            long done = 0;
            for (long now = begin; now < end; now = System.nanoTime()) {
                long due = (now - begin) * perSecond / 1_000_000_000L - done;
                while (due > 0) {
                    int n = socket.send(batch, 0, (int) Math.min(due, SLOTS));
                    if (n == UdpSocket.AGAIN) {
                        writable.poll(1_000_000);
                        break;
                    }
                    done += n;
                    due -= n;
                }
                LockSupport.parkNanos(BURST_EVERY_NS);
            }
            sent.set(done - socket.sendErrors());
        }
    }
}
