// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;

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

    @Test
    void aTimeoutIsNotLateByTheDefaultTimerSlack() {
        Threads.preciseTimers();
        try (EventFd event = new EventFd();
                Poller poller = new Poller(event.fd())) {
            long shortestNs = Long.MAX_VALUE;
            for (int i = 0; i < 500 && shortestNs > 1_045_000; i++) {
                long before = System.nanoTime();
                poller.poll(1_000_000);
                shortestNs = Math.min(shortestNs, System.nanoTime() - before);
            }
            assertThat(shortestNs).isBetween(1_000_000L, 1_045_000L);
        }
    }
}
