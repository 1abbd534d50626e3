// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;

/** Named one-shot timers of one thread. Setting a timer again moves it. */
final class Timers {
    private record Due(Object key, long atNs, long order, Runnable action) {}

    private final PriorityQueue<Due> queue = new PriorityQueue<>((a, b) -> {
        int byTime = Long.compare(a.atNs - b.atNs, 0);
        return byTime != 0 ? byTime : Long.compare(a.order, b.order);
    });
    private final Map<Object, Due> current = new HashMap<>();
    private long order;

    void set(Object key, long atNs, Runnable action) {
        Due due = new Due(key, atNs, order++, action);
        current.put(key, due);
        queue.add(due);
    }

    void cancel(Object key) {
        current.remove(key);
    }

    void cancelIf(java.util.function.Predicate<Object> condition) {
        current.keySet().removeIf(condition);
    }

    /** Runs what is due; returns how many ran. */
    int run(long nowNs) {
        int ran = 0;
        for (Due due = queue.peek(); due != null && due.atNs - nowNs <= 0; due = queue.peek()) {
            queue.remove();
            if (current.remove(due.key, due)) {
                due.action.run();
                ran++;
            }
        }
        return ran;
    }

    /** Nanoseconds from now to the next timer; Long.MAX_VALUE when there is none. */
    long untilNextNs(long nowNs) {
        for (Due due = queue.peek(); due != null; due = queue.peek()) {
            if (current.get(due.key) == due) {
                return Math.max(0, due.atNs - nowNs);
            }
            queue.remove();
        }
        return Long.MAX_VALUE;
    }
}
