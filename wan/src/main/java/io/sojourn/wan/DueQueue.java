// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

/** Packets by the time they are due, first come first served among equals: a binary heap in plain arrays, of fixed capacity. */
final class DueQueue {
    private final long[] dueNs;
    private final long[] order;
    private final int[] slots;
    private int size;
    private long nextOrder;

    DueQueue(int capacity) {
        dueNs = new long[capacity];
        order = new long[capacity];
        slots = new int[capacity];
    }

    int size() {
        return size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** When the first packet is due; only if there is one. */
    long firstDueNs() {
        return dueNs[0];
    }

    void add(int slot, long due) {
        int at = size++;
        long rank = nextOrder++;
        while (at > 0) {
            int parent = (at - 1) >>> 1;
            if (due > dueNs[parent] || (due == dueNs[parent] && rank > order[parent])) {
                break;
            }
            move(parent, at);
            at = parent;
        }
        put(at, slot, due, rank);
    }

    /** Takes the first packet out: its slot. */
    int remove() {
        int first = slots[0];
        size--;
        int slot = slots[size];
        long due = dueNs[size];
        long rank = order[size];
        int at = 0;
        while (2 * at + 1 < size) {
            int child = 2 * at + 1;
            if (child + 1 < size && isBefore(child + 1, child)) {
                child++;
            }
            if (due < dueNs[child] || (due == dueNs[child] && rank < order[child])) {
                break;
            }
            move(child, at);
            at = child;
        }
        put(at, slot, due, rank);
        return first;
    }

    private boolean isBefore(int a, int b) {
        return dueNs[a] < dueNs[b] || (dueNs[a] == dueNs[b] && order[a] < order[b]);
    }

    private void move(int from, int to) {
        put(to, slots[from], dueNs[from], order[from]);
    }

    private void put(int at, int slot, long due, long rank) {
        slots[at] = slot;
        dueNs[at] = due;
        order[at] = rank;
    }
}
