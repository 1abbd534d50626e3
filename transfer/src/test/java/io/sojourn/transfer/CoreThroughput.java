// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Measures sender and receiver cores in one thread, without sockets: GB/s and ns per datagram. Run by hand. */
final class CoreThroughput {
    private CoreThroughput() {}

    public static void main(String[] args) {
        for (int round = 0; round < 5; round++) {
            measure(2L << 30);
        }
    }

    private static void measure(long total) {
        StreamParameters parameters = StreamParameters.defaults();
        ByteRing source = new ByteRing(parameters.ringBytes());
        ByteRing target = new ByteRing(parameters.ringBytes());
        StreamSender sender = new StreamSender(new StreamToken(1), source, parameters);
        StreamReceiver receiver = new StreamReceiver(new StreamToken(1), target);
        long datagrams = 0;
        long acks = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(2048);
            MemorySegment piece = arena.allocate(1 << 20);
            long allocatedBefore = allocated();
            long started = System.nanoTime();
            // Virtual time runs ten times as fast as the pace needs, so pacing never waits.
            long nowNs = started;
            while (target.released() < total) {
                while (source.freeBytes() >= piece.byteSize() && source.published() < total) {
                    source.place(source.published(), piece, 0, (int) piece.byteSize());
                    source.publish(source.published() + piece.byteSize());
                }
                nowNs += 100_000;
                int length;
                for (int i = 0; i < 64 && (length = sender.poll(nowNs, buffer, 0)) > 0; i++) {
                    receiver.onData(buffer, 0, length, nowNs);
                    datagrams++;
                }
                while ((length = receiver.poll(nowNs, buffer, 0)) > 0) {
                    sender.onAck(buffer, 0, length, nowNs);
                    acks++;
                }
                target.release(target.published());
            }
            long took = System.nanoTime() - started;
            System.out.printf(
                    "%.2f Gbit/s, %d ns per datagram, %d datagrams, %d acks, %d bytes of heap allocated%n",
                    total * 8.0 / took, took / datagrams, datagrams, acks, allocated() - allocatedBefore);
        }
        sender.close();
        receiver.close();
        source.closeProducer();
        target.closeConsumer();
    }

    private static long allocated() {
        return ((com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean())
                .getCurrentThreadAllocatedBytes();
    }
}
