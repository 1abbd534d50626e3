// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** What a gateway's forwarder does for one stream: batches in, polls out, sleeps until due or woken. */
final class TestForwarder extends Thread {
    private static final long MS = 1_000_000L;

    private record Datagram(long atNs, byte[] bytes) {}

    private final ConcurrentLinkedQueue<Datagram> inbox = new ConcurrentLinkedQueue<>();
    private final SplittableRandom random = new SplittableRandom(5);
    private final double loss;

    @Nullable
    StreamEnd end;

    @Nullable
    TestForwarder peer;

    private volatile boolean stop;

    TestForwarder(double loss) {
        this.loss = loss;
        setDaemon(true);
    }

    /** Starts two forwarders, one link of 5 ms each way between them. */
    static void join(TestForwarder near, StreamEnd nearEnd, TestForwarder far, StreamEnd farEnd) {
        near.end = nearEnd;
        far.end = farEnd;
        near.peer = far;
        far.peer = near;
        near.start();
        far.start();
    }

    void end() throws InterruptedException {
        stop = true;
        wake();
        join();
    }

    void wake() {
        LockSupport.unpark(this);
    }

    @Override
    public void run() {
        StreamEnd end = Objects.requireNonNull(this.end);
        TestForwarder peer = Objects.requireNonNull(this.peer);
        byte[] out = new byte[end.maxDatagramBytes()];
        MemorySegment segment = MemorySegment.ofArray(out);
        while (!stop) {
            long now = System.nanoTime();
            Datagram in = inbox.peek();
            for (int i = 0; i < 64 && in != null && in.atNs <= now; i++) {
                inbox.poll();
                end.onDatagram(MemorySegment.ofArray(in.bytes), 0, in.bytes.length, now);
                in = inbox.peek();
            }
            int length = 1;
            for (int i = 0; i < 64 && length > 0; i++) {
                length = end.poll(now, segment, 0);
                if (length > 0 && random.nextDouble() >= loss) {
                    peer.inbox.add(new Datagram(now + 5 * MS, Arrays.copyOf(out, length)));
                    peer.wake();
                }
            }
            long due = end.nextDueNs(now);
            in = inbox.peek();
            due = in == null ? due : Math.min(due, in.atNs);
            long sleep = due - System.nanoTime();
            if (length == 0 && sleep > 0) {
                LockSupport.parkNanos(this, Math.min(sleep, 1_000 * MS));
            }
        }
        end.close();
    }
}
