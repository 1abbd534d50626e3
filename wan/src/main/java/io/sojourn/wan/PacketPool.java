// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Off-heap slots for packets under way, bounded, grown by chunks as they are needed. In its slot a packet has an Ethernet
 * header of our own in front, so that the tools of {@code wire}, made for frames, work on it.
 *
 * <pre>  slot: 2 bytes free | 14 Ethernet | IP packet ... </pre>
 */
final class PacketPool implements AutoCloseable {
    static final int SLOT_BYTES = 2048;
    static final int FRAME_AT = 2;
    static final int PACKET_AT = 16;
    /** One byte less than there is room for, so that a packet that was cut off on reading can be told. */
    static final int PACKET_MAX_BYTES = SLOT_BYTES - PACKET_AT - 1;

    static final int NONE = -1;

    private static final int CHUNK_SLOTS = 512;
    private static final int CHUNK_SHIFT = 9;

    private final Arena arena = Arena.ofShared();
    private final int capacity;
    private final MemorySegment[] chunks;
    private final int[] free;
    private int freeCount;
    private int made;

    PacketPool(long maxBytes) {
        capacity = (int) Math.max(CHUNK_SLOTS, maxBytes / SLOT_BYTES / CHUNK_SLOTS * CHUNK_SLOTS);
        chunks = new MemorySegment[capacity / CHUNK_SLOTS];
        free = new int[capacity];
    }

    int capacity() {
        return capacity;
    }

    int used() {
        return made - freeCount;
    }

    /** A slot, or {@link #NONE} when all are in use. */
    int take() {
        if (freeCount == 0) {
            grow();
        }
        return freeCount == 0 ? NONE : free[--freeCount];
    }

    void give(int slot) {
        free[freeCount++] = slot;
    }

    MemorySegment segment(int slot) {
        return chunks[slot >>> CHUNK_SHIFT];
    }

    /** Where a slot begins in its {@link #segment}. */
    long offset(int slot) {
        return (long) (slot & CHUNK_SLOTS - 1) * SLOT_BYTES;
    }

    private void grow() {
        if (made < capacity) {
            chunks[made >>> CHUNK_SHIFT] = arena.allocate((long) CHUNK_SLOTS * SLOT_BYTES, 64);
            for (int i = CHUNK_SLOTS - 1; i >= 0; i--) {
                give(made + i);
            }
            made += CHUNK_SLOTS;
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
