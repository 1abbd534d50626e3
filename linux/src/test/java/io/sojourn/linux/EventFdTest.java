// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

class EventFdTest {
    @Test
    void wakesASleeperFromAnotherThread() throws InterruptedException {
        try (EventFd event = new EventFd();
                Poller poller = new Poller(event.fd())) {
            assertThat(poller.poll(0)).isZero();
            Thread waker = Thread.ofPlatform().start(() -> {
                event.wake();
                event.wake();
            });
            assertThat(poller.poll(5_000_000_000L)).isEqualTo(1);
            assertThat(poller.readable(0)).isTrue();
            waker.join();
            assertThat(event.drain()).isTrue();
            assertThat(event.drain()).isFalse();
            assertThat(poller.poll(0)).isZero();
        }
    }

    /** By the kernel's own word: how late a timer is in fact is a matter of what else runs. */
    @Test
    void timersOfAThreadThatAsksForItHaveNoSlackToSpeakOf() throws Exception {
        FutureTask<List<String>> slacks = new FutureTask<>(() -> {
            Path slack = Path.of("/proc/" + Threads.current() + "/timerslack_ns");
            String before = Files.readString(slack).strip();
            Threads.preciseTimers();
            return List.of(before, Files.readString(slack).strip());
        });
        Thread.ofPlatform().start(slacks);
        assertThat(slacks.get().getLast())
                .isEqualTo("1000")
                .isNotEqualTo(slacks.get().getFirst());
    }

    @Test
    void aTimeoutIsNeverEarly() {
        try (EventFd event = new EventFd();
                Poller poller = new Poller(event.fd())) {
            for (int i = 0; i < 20; i++) {
                long before = System.nanoTime();
                poller.poll(1_000_000);
                assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(1_000_000);
            }
        }
    }
}
