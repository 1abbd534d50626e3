// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.QemuGuest;
import io.sojourn.linux.Threads;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A guest that is about to be resumed computes before whatever else this host has to do, for the first moments: everybody waits for its answers, its caches are
 * cold, and at once it has all the work that came while it stood still. After that it is a guest as any other. Its processors never get more than half of the host's so:
 * what carries its packets must have the others. The hypervisor's other threads go with them: one that waited for a processor while it held the
 * hypervisor's lock would stop them all.
 */
final class FirstStrokes {
    /** Long enough for what correspondents half a world away send when they have heard that it is back. */
    private static final Duration LENGTH = Duration.ofMillis(400);

    private final List<Integer> threads;

    private FirstStrokes(List<Integer> threads) {
        this.threads = threads;
    }

    /** Asks the hypervisor for its threads: before the moment, as it costs a question. */
    static FirstStrokes prepare(QemuGuest guest) {
        return new FirstStrokes(threads(guest, Runtime.getRuntime().availableProcessors() / 2));
    }

    /** From now on, and no longer than a moment; {@code later} ends it. Where we may not, it stays as it is. */
    void begin(ScheduledExecutorService later) {
        threads.forEach(Threads::raise);
        later.schedule(() -> threads.forEach(Threads::lower), LENGTH.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Whatever an earlier process of this gateway began. */
    static void end(QemuGuest guest) {
        threads(guest, Integer.MAX_VALUE).forEach(Threads::lower);
    }

    private static List<Integer> threads(QemuGuest guest, int processorsAtMost) {
        List<Integer> processors = guest.processorThreads();
        return Stream.concat(processors.stream().limit(processorsAtMost), QemuGuest.serviceThreads(processors).stream())
                .toList();
    }
}
