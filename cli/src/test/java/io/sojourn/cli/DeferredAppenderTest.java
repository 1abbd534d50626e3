// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Nobody who says something waits for the one who writes it down. */
class DeferredAppenderTest {
    private static final int MOST_WAITING = 8;

    /** A disk that stands still until it is told to go on. */
    private static final class Disk extends AppenderBase<ILoggingEvent> {
        private final List<String> written = new CopyOnWriteArrayList<>();
        private final CountDownLatch goesOn = new CountDownLatch(1);

        @Override
        protected void append(ILoggingEvent line) {
            try {
                goesOn.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            written.add(line.getFormattedMessage());
        }
    }

    private final LoggerContext context = new LoggerContext();
    private final Logger logger = context.getLogger("test");
    private final Disk disk = new Disk();
    private final DeferredAppender deferred = new DeferredAppender(disk, MOST_WAITING);

    DeferredAppenderTest() {
        context.setMDCAdapter(new LogbackMDCAdapter());
        disk.setContext(context);
        disk.start();
        deferred.setContext(context);
        deferred.start();
    }

    @AfterEach
    void stop() {
        disk.goesOn.countDown();
        deferred.stop();
    }

    private void say(int number) {
        deferred.doAppend(new LoggingEvent("", logger, Level.INFO, "line {}", null, new Object[] {number}));
    }

    private static List<String> lines(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> "line " + i).toList();
    }

    @Test
    void linesComeInOrderByThemselves() {
        disk.goesOn.countDown();
        IntStream.range(0, MOST_WAITING).forEach(this::say);
        await().atMost(10, SECONDS).untilAsserted(() -> assertThat(disk.written).isEqualTo(lines(0, MOST_WAITING)));
    }

    @Test
    void whatWaitsAtTheEndIsWritten() {
        disk.goesOn.countDown();
        say(0);
        say(1);
        deferred.stop();
        assertThat(disk.written).isEqualTo(lines(0, 2));
    }

    @Test
    void whoSpeaksDoesNotWaitForADiskThatStandsStillAndTheOldestLinesAreKept() {
        // Were it to wait for the disk, this would never end.
        IntStream.range(0, 100 * MOST_WAITING).forEach(this::say);
        disk.goesOn.countDown();
        deferred.stop();
        // One more may be with the disk already.
        assertThat(disk.written).startsWith("line 0", "line 1").hasSizeBetween(MOST_WAITING, MOST_WAITING + 1);
    }
}
