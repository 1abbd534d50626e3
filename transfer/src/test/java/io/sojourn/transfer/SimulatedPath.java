// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.SplittableRandom;

/**
 * Sender and receiver joined by a pair of links in virtual time: rate, queue, delay, loss, jitter, duplication, all from a seed.
 * The application side writes and reads a known pattern, so each byte is checked.
 */
final class SimulatedPath {
    static final long MS = 1_000_000L;
    static final long S = 1_000 * MS;

    /** One direction. {@code queueBytes} waits before the bottleneck, the rest is dropped. */
    record Link(double bytesPerS, long queueBytes, long delayNs, double loss, long jitterNs, double duplicate) {
        static Link clean(double bytesPerS, long delayMs) {
            return new Link(bytesPerS, (long) (bytesPerS / 5), delayMs * MS, 0, 0, 0);
        }

        Link loss(double probability) {
            return new Link(bytesPerS, queueBytes, delayNs, probability, jitterNs, duplicate);
        }

        Link jitter(long ns) {
            return new Link(bytesPerS, queueBytes, delayNs, loss, ns, duplicate);
        }

        Link duplicate(double probability) {
            return new Link(bytesPerS, queueBytes, delayNs, loss, jitterNs, probability);
        }

        Link queue(long bytes) {
            return new Link(bytesPerS, bytes, delayNs, loss, jitterNs, duplicate);
        }
    }

    private record Flight(long atNs, long order, boolean forward, byte[] bytes, int length) {}

    final StreamToken token = new StreamToken(0x0123456789abcdefL);
    final ByteRing sourceRing;
    final ByteRing targetRing;
    final StreamSender sender;
    final StreamReceiver receiver;
    long nowNs = 1_000 * S;
    Link forward;
    Link backward;
    /** Bytes per second that the destination's reader takes. */
    double readerBytesPerS = 1e12;
    /** Forwarders on a busy machine: each turn comes up to this much late, and timestamps are those of the turn. */
    long latenessNs;

    long maxQueueNs;
    long queueDrops;
    long wireDrops;
    long checkedBytes;
    long produced;
    long produceUntil;
    boolean finishWhenProduced = true;

    private final SplittableRandom random;
    private final PriorityQueue<Flight> flights =
            new PriorityQueue<>(Comparator.comparingLong(Flight::atNs).thenComparingLong(Flight::order));
    private final ArrayDeque<byte[]> pool = new ArrayDeque<>();
    private final byte[] scratch = new byte[256 << 10];
    private long order;
    private long forwardFreeNs;
    private long backwardFreeNs;
    private double readerCredit;
    private long readerNs;

    SimulatedPath(long seed, StreamParameters parameters, Link forward, Link backward) {
        random = new SplittableRandom(seed);
        this.forward = forward;
        this.backward = backward;
        sourceRing = new ByteRing(parameters.ringBytes());
        targetRing = new ByteRing(parameters.ringBytes());
        sender = new StreamSender(token, sourceRing, parameters);
        receiver = new StreamReceiver(token, targetRing);
        readerNs = nowNs;
    }

    static byte pattern(long offset) {
        long mixed = (offset >>> 3) * 0x9E3779B97F4A7C15L;
        return (byte) (mixed >>> (8 * (offset & 7)));
    }

    /** Offers the sender bytes up to this total. */
    void produceTo(long total) {
        produceUntil = total;
    }

    /** Runs until {@code untilNs} from the start of virtual time, or until everything has been read and acknowledged. */
    void run(long forNs) {
        long deadline = nowNs + forNs;
        while (nowNs < deadline && !(finishWhenProduced && sender.done() && targetRing.released() == produceUntil)) {
            produce();
            exchange();
            consume();
            exchange();
            long next = Math.min(sender.nextDueNs(nowNs), receiver.nextDueNs(nowNs));
            if (!flights.isEmpty()) {
                next = Math.min(next, flights.peek().atNs);
            }
            if (targetRing.published() > targetRing.released()) {
                next = Math.min(next, nowNs + MS);
            }
            // A forwarder wakes some tens of microseconds late; this also bounds the number of turns.
            nowNs = Math.min(deadline, Math.max(next == Long.MAX_VALUE ? deadline : next, nowNs) + 40_000 + lateness());
            while (!flights.isEmpty() && flights.peek().atNs <= nowNs) {
                deliver(flights.poll());
            }
        }
    }

    private void deliver(Flight flight) {
        MemorySegment in = MemorySegment.ofArray(flight.bytes);
        long atNs = latenessNs == 0 ? flight.atNs : nowNs;
        if (flight.forward) {
            receiver.onData(in, 0, flight.length, atNs);
        } else {
            sender.onAck(in, 0, flight.length, atNs);
        }
        pool.push(flight.bytes);
    }

    private void exchange() {
        while (true) {
            byte[] buffer = buffer();
            int length = sender.poll(nowNs, MemorySegment.ofArray(buffer), 0);
            if (length == 0) {
                pool.push(buffer);
                break;
            }
            transmit(true, forward, buffer, length);
        }
        while (true) {
            byte[] buffer = buffer();
            int length = receiver.poll(nowNs, MemorySegment.ofArray(buffer), 0);
            if (length == 0) {
                pool.push(buffer);
                break;
            }
            transmit(false, backward, buffer, length);
        }
    }

    private byte[] buffer() {
        return pool.isEmpty() ? new byte[2048] : pool.pop();
    }

    private void transmit(boolean isForward, Link link, byte[] bytes, int length) {
        long freeNs = Math.max(nowNs, isForward ? forwardFreeNs : backwardFreeNs);
        long queueNs = freeNs - nowNs;
        if (queueNs * link.bytesPerS / 1e9 > link.queueBytes) {
            queueDrops++;
            pool.push(bytes);
            return;
        }
        if (isForward) {
            maxQueueNs = Math.max(maxQueueNs, queueNs);
        }
        long sentNs = freeNs + (long) ((length + 28) * 1e9 / link.bytesPerS);
        if (isForward) {
            forwardFreeNs = sentNs;
        } else {
            backwardFreeNs = sentNs;
        }
        if (random.nextDouble() < link.loss) {
            wireDrops++;
            pool.push(bytes);
            return;
        }
        if (link.duplicate > 0 && random.nextDouble() < link.duplicate) {
            flights.add(new Flight(sentNs + link.delayNs + jitter(link), order++, isForward, bytes.clone(), length));
        }
        flights.add(new Flight(sentNs + link.delayNs + jitter(link), order++, isForward, bytes, length));
    }

    private long lateness() {
        return latenessNs == 0 ? 0 : random.nextLong(latenessNs);
    }

    private long jitter(Link link) {
        return link.jitterNs == 0 ? 0 : random.nextLong(link.jitterNs);
    }

    private void produce() {
        boolean wrote = false;
        while (produced < produceUntil && sourceRing.freeBytes() > 0) {
            int bytes = (int) Math.min(Math.min(produceUntil - produced, sourceRing.freeBytes()), scratch.length);
            fill(scratch, produced, bytes);
            sourceRing.place(produced, MemorySegment.ofArray(scratch), 0, bytes);
            produced += bytes;
            sourceRing.publish(produced);
            wrote = true;
        }
        if (finishWhenProduced && produced == produceUntil && sourceRing.end() < 0) {
            sourceRing.finish();
        }
        if (wrote) {
            sourceRing.takeConsumerHungry();
        }
    }

    private void consume() {
        readerCredit = Math.min(64 << 20, readerCredit + readerBytesPerS * (nowNs - readerNs) / 1e9);
        readerNs = nowNs;
        while (true) {
            long from = targetRing.released();
            int bytes = (int) Math.min(Math.min(targetRing.published() - from, scratch.length), (long) readerCredit);
            if (bytes <= 0) {
                return;
            }
            targetRing.copyTo(from, MemorySegment.ofArray(scratch), 0, bytes);
            for (int i = 0; i < bytes; i++) {
                if (scratch[i] != pattern(from + i)) {
                    throw new AssertionError("byte " + (from + i) + " is wrong");
                }
            }
            checkedBytes += bytes;
            readerCredit -= bytes;
            targetRing.release(from + bytes);
        }
    }

    static void fill(byte[] target, long offset, int bytes) {
        for (int i = 0; i < bytes; i++) {
            target[i] = pattern(offset + i);
        }
    }

    void close() {
        sender.close();
        receiver.close();
        sourceRing.closeProducer();
        targetRing.closeConsumer();
    }
}
