// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.PriorityQueue;

/** Virtual time: what is to happen, in the order of time, and of entry where times are equal. */
final class Timeline {
    /** Something that will happen, unless it is cancelled. */
    static final class Entry implements Comparable<Entry> {
        private final long atNs;
        private final long sequence;
        private final Runnable action;
        private boolean cancelled;

        private Entry(long atNs, long sequence, Runnable action) {
            this.atNs = atNs;
            this.sequence = sequence;
            this.action = action;
        }

        void cancel() {
            cancelled = true;
        }

        @Override
        public int compareTo(Entry other) {
            return atNs != other.atNs ? Long.compare(atNs, other.atNs) : Long.compare(sequence, other.sequence);
        }
    }

    private final PriorityQueue<Entry> queue = new PriorityQueue<>(256);
    private long nowNs;
    private long sequence;
    private long steps;

    long nowNs() {
        return nowNs;
    }

    long steps() {
        return steps;
    }

    Entry at(long atNs, Runnable action) {
        Entry entry = new Entry(Math.max(atNs, nowNs), sequence++, action);
        queue.add(entry);
        return entry;
    }

    Entry in(long delayNs, Runnable action) {
        return at(nowNs + delayNs, action);
    }

    /** Lets the next thing happen; false if there is none before {@code untilNs}. */
    boolean step(long untilNs) {
        Entry next = queue.peek();
        while (next != null && next.cancelled) {
            queue.poll();
            next = queue.peek();
        }
        if (next == null || next.atNs > untilNs) {
            return false;
        }
        queue.poll();
        nowNs = next.atNs;
        steps++;
        next.action.run();
        return true;
    }
}
