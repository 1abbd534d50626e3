// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Inner datagrams to be sealed in one call, each gathered from a header slice and a payload slice: the segments of a
 * super-frame, whose payloads still lie where they were read. Reused; one thread.
 */
public final class Pieces {
    private final MemorySegment heads;
    private final MemorySegment bodies;
    private final long[] headAt;
    private final int[] headBytes;
    private final long[] bodyAt;
    private final int[] bodyBytes;
    private int count;

    public Pieces(MemorySegment heads, MemorySegment bodies, int capacity) {
        this.heads = heads;
        this.bodies = bodies;
        headAt = new long[capacity];
        headBytes = new int[capacity];
        bodyAt = new long[capacity];
        bodyBytes = new int[capacity];
    }

    public void clear() {
        count = 0;
    }

    public int count() {
        return count;
    }

    public boolean isFull() {
        return count == headAt.length;
    }

    /** Adds a datagram of {@code headLength} octets at {@code head} and {@code bodyLength} octets at {@code body}. */
    public void add(long head, int headLength, long body, int bodyLength) {
        headAt[count] = head;
        headBytes[count] = headLength;
        bodyAt[count] = body;
        bodyBytes[count] = bodyLength;
        count++;
    }

    /** The length of a datagram before it is sealed. */
    public int length(int i) {
        return headBytes[i] + bodyBytes[i];
    }

    /** Copies a datagram into an array. */
    void gather(int i, byte[] out, int at) {
        MemorySegment.copy(heads, ValueLayout.JAVA_BYTE, headAt[i], out, at, headBytes[i]);
        MemorySegment.copy(bodies, ValueLayout.JAVA_BYTE, bodyAt[i], out, at + headBytes[i], bodyBytes[i]);
    }
}
