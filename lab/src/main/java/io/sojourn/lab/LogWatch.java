// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Acts as soon as a process has written a certain word into its log, within some hundred microseconds: no process has to lend a hand in its own death. A thread of
 * its own, until the word has come or the watch is closed.
 */
final class LogWatch implements AutoCloseable {
    private static final long POLL_NS = 200_000;
    private static final int NICENESS = -20;

    private final Path log;
    private final String word;
    private final Runnable act;
    private final Thread thread;
    private volatile boolean closed;
    private volatile long actedNs;

    /** Only what is written from now on counts. */
    LogWatch(Path log, String word, Duration delay, Runnable act) {
        this.log = log;
        this.word = word;
        this.act = act;
        long from = log.toFile().length();
        thread = Thread.ofPlatform().daemon().name("log-watch").start(() -> watch(from, delay));
    }

    /** {@link System#nanoTime} when it was done; 0: it has not. */
    long actedNs() {
        return actedNs;
    }

    private void watch(long from, Duration delay) {
        io.sojourn.linux.Threads.setNiceness(NICENESS);
        StringBuilder seen = new StringBuilder();
        try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
            long at = from;
            byte[] bytes = new byte[1 << 14];
            while (!closed) {
                if (file.length() == at) {
                    LockSupport.parkNanos(POLL_NS);
                    continue;
                }
                file.seek(at);
                int count = file.read(bytes);
                at += Math.max(count, 0);
                seen.append(new String(bytes, 0, Math.max(count, 0), StandardCharsets.ISO_8859_1));
                if (seen.indexOf(word) >= 0) {
                    LockSupport.parkNanos(delay.toNanos());
                    act.run();
                    actedNs = System.nanoTime();
                    return;
                }
                // The word may be split between two reads.
                seen.delete(0, Math.max(0, seen.length() - word.length()));
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + log + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        closed = true;
        try {
            thread.join(Duration.ofSeconds(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
