// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.QemuGuest;
import io.sojourn.hypervisor.QemuThreads;
import io.sojourn.linux.Threads;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Threads that go before whatever else this host has to do for a moment, because a guest stands still until they have done their work. After that they are threads as any
 * other. Where we may not, they stay as they are.
 *
 * <p>At the source, from the moment on at which nothing more comes in: the guest, which has to do what it was at before it can be stopped, the hypervisor, which then hands over what is left of it, and
 * the thread that takes it from there. At the destination, from the
 * news of the stop on: the thread that hands it to the hypervisor, the hypervisor, and the guest itself in the first moments after it was resumed: everybody waits
 * for its answers, its caches are cold, and at once it has all the work that came while it stood still.
 */
final class Spurt {
    /** Long enough for a pause, or for what correspondents half a world away send when they have heard that the guest is back. */
    private static final Duration LENGTH = Duration.ofMillis(400);

    private record Lane(Threads.Rank rank, List<Integer> threads) {}

    private final List<Lane> lanes;
    private @Nullable ScheduledFuture<?> end;

    private Spurt(Lane... lanes) {
        this.lanes = List.of(lanes);
    }

    static Spurt atSource(QemuThreads threads) {
        return new Spurt(guest(threads), new Lane(Threads.Rank.HAND, threads.services()));
    }

    /** Asks the hypervisor for its threads: before the moment, as it costs a question. They go with the guest: one that waited for a processor while it held the hypervisor's lock would stop it. */
    static Spurt atDestination(QemuGuest guest) {
        QemuThreads threads = guest.threads();
        return new Spurt(guest(threads), new Lane(Threads.Rank.GUEST, threads.services()));
    }

    /** Never more than half of the host's processors: what carries the guest's packets must have the others. */
    private static Lane guest(QemuThreads threads) {
        int half = Runtime.getRuntime().availableProcessors() / 2;
        return new Lane(
                Threads.Rank.GUEST, threads.processors().stream().limit(half).toList());
    }

    /** This one, which has not begun, and a thread of our own. */
    Spurt with(int thread) {
        Lane[] more = new Lane[lanes.size() + 1];
        lanes.toArray(more)[lanes.size()] = new Lane(Threads.Rank.HAND, List.of(thread));
        return new Spurt(more);
    }

    /** From now on, and no longer than a moment; {@code later} ends it. Begun again, it lasts a moment from then on. */
    synchronized void begin(ScheduledExecutorService later) {
        for (Lane lane : lanes) {
            lane.threads.forEach(thread -> Threads.raise(thread, lane.rank));
        }
        if (end != null) {
            end.cancel(false);
        }
        end = later.schedule(this::finish, LENGTH.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Before its time is up: what it was for is done. */
    synchronized void finish() {
        lanes.forEach(lane -> lane.threads.forEach(Threads::lower));
    }

    /** Whatever an earlier process of this gateway began. */
    static void end(QemuGuest guest) {
        QemuThreads threads = guest.threads();
        threads.processors().forEach(Threads::lower);
        threads.services().forEach(Threads::lower);
    }
}
