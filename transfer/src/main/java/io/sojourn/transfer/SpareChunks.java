// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Off-heap memory in pieces of one size, kept for the next stream when one has ended. Memory of a shared arena would have to be given back by a handshake of all threads, in which one that may not
 * run just then keeps the forwarder waiting (16 ms, seen in a trace of the moment of a move); and a new piece is a fresh page at each first touch.
 *
 * <p>Locking: any thread, none waits. What is in nobody's hands and beyond what is kept is the collector's.
 */
final class SpareChunks {
    private final int chunkBytes;
    private final int most;
    private final Queue<MemorySegment> spare = new ConcurrentLinkedQueue<>();
    private final AtomicInteger count = new AtomicInteger();

    /** @param most how many are kept */
    SpareChunks(int chunkBytes, int most) {
        this.chunkBytes = chunkBytes;
        this.most = most;
    }

    /** With whatever its last user left in it. @throws TransferException if there is no memory */
    MemorySegment take() {
        MemorySegment chunk = spare.poll();
        if (chunk == null) {
            try {
                return Arena.ofAuto().allocate(chunkBytes, 64);
            } catch (OutOfMemoryError e) {
                throw new TransferException(
                        "no memory for a stream: " + e.getMessage() + "; raise -XX:MaxDirectMemorySize", e);
            }
        }
        count.decrementAndGet();
        return chunk;
    }

    /** Nobody else may touch it any more. */
    void giveBack(MemorySegment chunk) {
        if (count.incrementAndGet() <= most) {
            spare.add(chunk);
        } else {
            count.decrementAndGet();
        }
    }
}
