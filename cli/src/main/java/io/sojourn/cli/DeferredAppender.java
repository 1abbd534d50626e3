// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Has lines written by a thread of its own, and never waits for that thread, nor wakes it: a lock of its that it holds while it has no processor, which is when guests and packets
 * need them all, stopped who carries packets for up to 63 ms (logback's own {@code AsyncAppender}). It looks by itself, so a line comes up to {@value #LOOKS_EVERY_MS} ms late, with the time at which it was said.
 */
final class DeferredAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private static final long LOOKS_EVERY_MS = 50;
    private static final Duration LAST_LINES = Duration.ofSeconds(1);

    private final Appender<ILoggingEvent> to;
    private final int mostWaiting;
    private final ConcurrentLinkedQueue<ILoggingEvent> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicInteger count = new AtomicInteger();
    private final Thread writer = Thread.ofPlatform().name("log").daemon().unstarted(this::write);

    /** @param mostWaiting lines; more than that are lost, which takes a {@code to} that stands still for a long time */
    DeferredAppender(Appender<ILoggingEvent> to, int mostWaiting) {
        this.to = to;
        this.mostWaiting = mostWaiting;
    }

    @Override
    public void start() {
        super.start();
        writer.start();
    }

    @Override
    protected void append(ILoggingEvent line) {
        if (count.incrementAndGet() > mostWaiting) {
            count.decrementAndGet();
            return;
        }
        line.prepareForDeferredProcessing();
        waiting.add(line);
    }

    private void write() {
        while (isStarted()) {
            pass();
            try {
                Thread.sleep(LOOKS_EVERY_MS);
            } catch (InterruptedException e) {
                return; // stop() sees to the rest
            }
        }
    }

    private void pass() {
        for (ILoggingEvent line = waiting.poll(); line != null; line = waiting.poll()) {
            count.decrementAndGet();
            to.doAppend(line);
        }
    }

    /** What waits is written first, unless the writer itself stands still. */
    @Override
    public void stop() {
        super.stop();
        writer.interrupt();
        try {
            if (writer.join(LAST_LINES)) {
                pass();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        to.stop();
    }
}
