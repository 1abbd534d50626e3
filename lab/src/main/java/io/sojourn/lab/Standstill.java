// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.concurrent.locks.LockSupport;

/**
 * Notices when the whole machine stood still: a thread that runs before all others and wakes often, yet finds that much time has gone. A virtual machine that is
 * suspended, or starved by its neighbours, looks to every probe like a network that was cut.
 */
final class Standstill implements AutoCloseable {
    private static final long WAKE_NS = 20_000_000;
    private static final long NOTABLE_NS = 200_000_000;
    private static final int NICENESS = -20;

    private volatile boolean closed;
    private long longestNs;

    Standstill() {
        Thread.ofPlatform().daemon().name("standstill").start(this::watch);
    }

    /** The longest since the last call, in milliseconds; 0 if none was worth a word. */
    synchronized long longestMs() {
        long ms = longestNs / 1_000_000;
        longestNs = 0;
        return ms;
    }

    private void watch() {
        io.sojourn.linux.Threads.setNiceness(NICENESS);
        long last = System.nanoTime();
        while (!closed) {
            LockSupport.parkNanos(WAKE_NS);
            long now = System.nanoTime();
            note(now - last - WAKE_NS);
            last = now;
        }
    }

    private synchronized void note(long lateNs) {
        if (lateNs > NOTABLE_NS) {
            longestNs = Math.max(longestNs, lateNs);
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
