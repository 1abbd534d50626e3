// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.linux.Threads;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;

/** UDP packets to host B and back, sent at fixed times whatever becomes of them, so that none hides another's delay. */
final class Echo {
    private static final int PORT = 7007;
    private static final int BYTES = 64;
    private static final long EVERY_NS = 1_000_000;
    private static final long HIGHEST_NS = 10_000_000_000L;

    /** @param rtt in nanoseconds */
    record Result(Histogram rtt, long lost) {
        Result plus(Result other) {
            Histogram both = rtt.copy();
            both.add(other.rtt);
            return new Result(both, lost + other.lost);
        }
    }

    private Echo() {}

    static Result run(Way way, int seconds) {
        Histogram rtt = new Histogram(HIGHEST_NS, 3);
        AtomicLong received = new AtomicLong();
        int count = (int) (seconds * 1_000_000_000L / EVERY_NS);
        try (DatagramChannel far = way.bed().hostB.call(DatagramChannel::open);
                DatagramChannel near = way.bed().hostA.call(DatagramChannel::open)) {
            far.bind(new InetSocketAddress(Bed.HOST_B, PORT));
            near.connect(new InetSocketAddress(Bed.HOST_B, PORT));
            Thread echo = way.bed().hostB.start("echo", () -> echo(far));
            Thread receiver = way.bed().hostA.start("echo-receiver", () -> receive(near, rtt, received));
            Thread sender = way.bed().hostA.start("echo-sender", () -> send(near, count));
            sender.join();
            long deadline = System.nanoTime() + 500_000_000L;
            while (received.get() < count && System.nanoTime() < deadline) {
                LockSupport.parkNanos(1_000_000);
            }
            near.close();
            far.close();
            receiver.join();
            echo.join();
        } catch (IOException e) {
            throw new BenchException(way.name() + ": the echo failed: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
        return new Result(rtt, count - received.get());
    }

    private static void echo(DatagramChannel channel) {
        Threads.setRealtime(Threads.Rank.WORLD);
        ByteBuffer packet = ByteBuffer.allocateDirect(2048);
        try {
            while (true) {
                packet.clear();
                InetSocketAddress from = (InetSocketAddress) channel.receive(packet);
                channel.send(packet.flip(), from);
            }
        } catch (ClosedChannelException over) {
            // The run has ended.
        } catch (IOException e) {
            throw new BenchException("the echo failed: " + e.getMessage(), e);
        }
    }

    private static void receive(DatagramChannel channel, Histogram rtt, AtomicLong received) {
        Threads.setRealtime(Threads.Rank.WORLD);
        ByteBuffer packet = ByteBuffer.allocateDirect(2048);
        try {
            while (true) {
                packet.clear();
                channel.read(packet);
                rtt.recordValue(
                        Math.min(HIGHEST_NS, System.nanoTime() - packet.flip().getLong()));
                received.incrementAndGet();
            }
        } catch (ClosedChannelException over) {
            // The run has ended.
        } catch (IOException e) {
            throw new BenchException("the echo failed: " + e.getMessage(), e);
        }
    }

    private static void send(DatagramChannel channel, int count) {
        Threads.setRealtime(Threads.Rank.WORLD);
        Threads.preciseTimers();
        ByteBuffer packet = ByteBuffer.allocateDirect(BYTES);
        long next = System.nanoTime();
        try {
            for (int i = 0; i < count; i++) {
                next += EVERY_NS;
                for (long wait = next - System.nanoTime(); wait > 0; wait = next - System.nanoTime()) {
                    LockSupport.parkNanos(wait);
                }
                packet.clear();
                packet.putLong(0, System.nanoTime());
                channel.write(packet);
            }
        } catch (IOException e) {
            throw new BenchException("the echo's sender failed: " + e.getMessage(), e);
        }
    }
}
