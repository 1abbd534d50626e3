// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.TapQueue;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** What waits unread in the ports of a guest that is about to leave, from the beginning of the copy. Forwarder's thread only. */
final class QueueWatch implements AutoCloseable {
    private static final long DRAIN_POLL_NS = TimeUnit.MICROSECONDS.toNanos(200);
    /** The watch must be read now and then, or its socket overflows. */
    private static final long WATCH_POLL_NS = TimeUnit.MILLISECONDS.toNanos(20);

    private final Timers timers;
    private final List<TapQueue> queues = new ArrayList<>();

    /** @param ports their interfaces; those that are not known, -1, are not watched */
    QueueWatch(List<Integer> ports, Timers timers) {
        this.timers = timers;
        ports.stream().filter(port -> port >= 0).forEach(port -> queues.add(TapQueue.watch(port)));
        again();
    }

    private void again() {
        if (!queues.isEmpty()) {
            queues.forEach(TapQueue::poll);
            timers.set(this, System.nanoTime() + WATCH_POLL_NS, this::again);
        }
    }

    boolean isEmpty() {
        boolean empty = true;
        for (TapQueue queue : queues) {
            empty &= queue.poll() == 0;
        }
        return empty;
    }

    /** Says once whether the guest has read all of it in time. */
    void awaitEmpty(long untilNs, Consumer<Boolean> answer) {
        boolean empty = isEmpty();
        long now = System.nanoTime();
        if (empty || now - untilNs >= 0) {
            timers.set(this, now + WATCH_POLL_NS, this::again);
            answer.accept(empty);
        } else {
            timers.set(this, now + DRAIN_POLL_NS, () -> awaitEmpty(untilNs, answer));
        }
    }

    /** What becomes of a frame that the guest never got; it is valid during the call only. */
    interface Rescue {
        void frame(MemorySegment frame, boolean isNowhereElse);
    }

    /**
     * The frames themselves: first those that are nowhere else, then each port's, oldest first.
     *
     * @param given what is known of how much the guest got
     */
    void rescueUnread(List<GivenFrames.Given> given, Rescue rescue) {
        Set<TapQueue> lacking = new HashSet<>();
        for (TapQueue queue : queues) {
            if (lacksOne(queue, given) && queue.poll() > 0 && queue.unreadCount() > 0) {
                rescue.frame(queue.unread(0), true);
                lacking.add(queue);
            }
        }
        for (TapQueue queue : queues) {
            if (queue.poll() > 0) {
                for (int i = lacking.contains(queue) ? 1 : 0; i < queue.unreadCount(); i++) {
                    rescue.frame(queue.unread(i), false);
                }
            }
        }
    }

    /** From now on the queue counts as unread what its guest has not got; true: the first of it is nowhere else. */
    private static boolean lacksOne(TapQueue queue, List<GivenFrames.Given> given) {
        for (GivenFrames.Given port : given) {
            if (port.port() == queue.ifindex()) {
                queue.readInVainAfter(port.frames());
                return port.lost();
            }
        }
        return false;
    }

    @Override
    public void close() {
        timers.cancel(this);
        Later.close(List.copyOf(queues));
        queues.clear();
    }
}
