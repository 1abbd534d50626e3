// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A bounded first-in-first-out of Ethernet frames: what arrives for a guest that does not run yet. It takes memory as it fills, a
 * chunk at a time, so that arming costs nothing.
 *
 * <p>Order: first in, first out. Ownership: frames are copied in; a frame handed out is valid until it is removed. Locking: none,
 * the forwarder's thread only. A frame that does not fit is refused, never an older one dropped.
 */
final class HoldBuffer implements AutoCloseable {
    /** [length: int, epoch: int][frame bytes, padded to 8]. */
    private static final int HEADER = 8;

    private static final int EPOCH_AT = 4;

    private static final int CHUNK_BYTES = 256 << 10;

    private record Chunk(Arena arena, MemorySegment memory) {
        static Chunk allocate() {
            Arena arena = Arena.ofConfined();
            return new Chunk(arena, arena.allocate(CHUNK_BYTES, 8));
        }
    }

    private final long boundBytes;
    private final Deque<Chunk> chunks = new ArrayDeque<>();
    /** Where the oldest frame starts in the first chunk, and where the next goes in the last. */
    private int head;

    private int tail = CHUNK_BYTES;
    private long bytes;

    private int count;

    HoldBuffer(long boundBytes) {
        this.boundBytes = boundBytes;
    }

    /** As {@link #add(MemorySegment, long, int, int)}, of no epoch. */
    boolean add(MemorySegment from, long at, int length) {
        return add(from, at, length, 0);
    }

    /**
     * Copies a frame in; false when it does not fit.
     *
     * @param epoch what it came with
     */
    boolean add(MemorySegment from, long at, int length, int epoch) {
        int need = HEADER + (length + 7 & -8);
        if (length <= 0 || need > CHUNK_BYTES || bytes + need > boundBytes) {
            return false;
        }
        if (tail + need > CHUNK_BYTES) {
            // What is left of the old chunk stays zero: a zero length says "next chunk".
            chunks.addLast(Chunk.allocate());
            tail = 0;
        }
        MemorySegment memory = chunks.getLast().memory;
        memory.set(ValueLayout.JAVA_INT, tail, length);
        memory.set(ValueLayout.JAVA_INT, tail + EPOCH_AT, epoch);
        MemorySegment.copy(from, at, memory, tail + HEADER, length);
        tail += need;
        bytes += need;
        count++;
        return true;
    }

    boolean isEmpty() {
        return count == 0;
    }

    /** Length of the oldest frame; call only when not empty. */
    int frameLength() {
        skipEndOfChunk();
        return chunks.getFirst().memory.get(ValueLayout.JAVA_INT, head);
    }

    /** What the oldest frame came with; call only when not empty. */
    int frameEpoch() {
        skipEndOfChunk();
        return chunks.getFirst().memory.get(ValueLayout.JAVA_INT, head + EPOCH_AT);
    }

    /** The memory of the oldest frame, which begins at {@link #frameAt}. */
    MemorySegment frames() {
        skipEndOfChunk();
        return chunks.getFirst().memory;
    }

    long frameAt() {
        skipEndOfChunk();
        return head + (long) HEADER;
    }

    void remove() {
        int need = HEADER + (frameLength() + 7 & -8);
        head += need;
        bytes -= need;
        count--;
        if (count == 0) {
            close();
        }
    }

    private void skipEndOfChunk() {
        boolean full = head + HEADER > CHUNK_BYTES || chunks.getFirst().memory.get(ValueLayout.JAVA_INT, head) == 0;
        if (full && chunks.size() > 1) {
            chunks.removeFirst().arena.close();
            head = 0;
        }
    }

    int count() {
        return count;
    }

    long bytes() {
        return bytes;
    }

    /** Gives the memory back; the buffer is empty and may be used again. */
    @Override
    public void close() {
        chunks.forEach(chunk -> chunk.arena.close());
        chunks.clear();
        head = 0;
        tail = CHUNK_BYTES;
        bytes = 0;
        count = 0;
    }
}
