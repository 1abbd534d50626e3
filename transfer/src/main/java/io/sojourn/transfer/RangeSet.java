// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.util.Arrays;

/**
 * A set of longs as sorted, disjoint, non-adjacent half-open ranges in two flat arrays. Adding at the top, trimming at the
 * bottom and lookups cost next to nothing; filling a hole shifts the shorter side. Allocates only to grow.
 */
final class RangeSet {
    private final int maxRanges;
    private long[] starts;
    private long[] ends;
    private int first;
    private int size;

    RangeSet(int maxRanges) {
        this.maxRanges = maxRanges;
        starts = new long[Math.min(maxRanges, 64) + 1];
        ends = new long[starts.length];
    }

    int size() {
        return size;
    }

    /** Start of the i-th range from the bottom. */
    long start(int i) {
        return starts[first + i];
    }

    /** End of the i-th range from the bottom, exclusive. */
    long end(int i) {
        return ends[first + i];
    }

    /**
     * Adds {@code [start, end)}.
     *
     * @return false, with nothing changed, when that would need one range more than the set may hold
     */
    boolean add(long start, long end) {
        if (start >= end) {
            return true;
        }
        int low = firstEndingAtOrAfter(start); // touches or follows start
        int last = first + size;
        if (low == last || end < starts[low]) {
            if (size == maxRanges) {
                return false;
            }
            insert(low, start, end);
            return true;
        }
        int high = low; // the last range that [start, end) touches
        while (high + 1 < last && starts[high + 1] <= end) {
            high++;
        }
        starts[low] = Math.min(starts[low], start);
        ends[low] = Math.max(ends[high], end);
        if (high > low) {
            remove(low + 1, high + 1);
        }
        return true;
    }

    /** Whether all of {@code [start, end)} is in the set; true for an empty range. */
    boolean contains(long start, long end) {
        if (start >= end) {
            return true;
        }
        int at = firstEndingAtOrAfter(start + 1);
        return at < first + size && starts[at] <= start && ends[at] >= end;
    }

    /** The smallest value at or above {@code from} that is not in the set. */
    long firstMissing(long from) {
        int at = firstEndingAtOrAfter(from + 1);
        return at < first + size && starts[at] <= from ? ends[at] : from;
    }

    /** The start of the first range that begins above {@code value}; {@code Long.MAX_VALUE} if there is none. */
    long nextStartAbove(long value) {
        int at = firstEndingAtOrAfter(value + 1);
        while (at < first + size && starts[at] <= value) {
            at++;
        }
        return at < first + size ? starts[at] : Long.MAX_VALUE;
    }

    /** Removes everything below {@code value}. */
    void trimBelow(long value) {
        while (size > 0 && ends[first] <= value) {
            dropLowest();
        }
        if (size > 0 && starts[first] < value) {
            starts[first] = value;
        }
    }

    void dropLowest() {
        first++;
        size--;
        if (size == 0) {
            first = 0;
        }
    }

    /** Index into the arrays of the first range whose end is at or above {@code value}. */
    private int firstEndingAtOrAfter(long value) {
        int low = first;
        int high = first + size;
        if (size > 0 && ends[high - 1] < value) {
            return high;
        }
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ends[middle] < value) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private void insert(int at, long start, long end) {
        int index = at;
        if (first > 0 && index - first < first + size - index) {
            System.arraycopy(starts, first, starts, first - 1, index - first);
            System.arraycopy(ends, first, ends, first - 1, index - first);
            first--;
            index--;
        } else {
            if (first + size == starts.length) {
                index -= makeRoomAtTop();
            }
            System.arraycopy(starts, index, starts, index + 1, first + size - index);
            System.arraycopy(ends, index, ends, index + 1, first + size - index);
        }
        starts[index] = start;
        ends[index] = end;
        size++;
    }

    /** Slides the ranges down or grows the arrays; returns by how much indices fell. */
    private int makeRoomAtTop() {
        int shift = first;
        if (size * 2 > starts.length) {
            int length = Math.min(maxRanges + 1, starts.length * 2);
            starts = Arrays.copyOf(starts, length);
            ends = Arrays.copyOf(ends, length);
        }
        System.arraycopy(starts, first, starts, 0, size);
        System.arraycopy(ends, first, ends, 0, size);
        first = 0;
        return shift;
    }

    private void remove(int from, int to) {
        int count = to - from;
        if (from - first < first + size - to) {
            System.arraycopy(starts, first, starts, first + count, from - first);
            System.arraycopy(ends, first, ends, first + count, from - first);
            first += count;
        } else {
            System.arraycopy(starts, to, starts, from, first + size - to);
            System.arraycopy(ends, to, ends, from, first + size - to);
        }
        size -= count;
    }
}
