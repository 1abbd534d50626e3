// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Pieces of native memory that are written as one (struct iovec, writev(2)). One thread owns it; the pieces' memory is the caller's. */
public final class Gather implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment iovecs;
    private final int capacity;
    private int count;
    private int bytes;
    private long end;

    /** @param capacity pieces at most; the kernel takes 1024 (UIO_MAXIOV) */
    public Gather(int capacity) {
        this.capacity = capacity;
        iovecs = arena.allocate((long) capacity * DatagramBatch.IOVEC_BYTES, 16);
    }

    /** Begins anew. */
    public Gather clear() {
        count = 0;
        bytes = 0;
        end = 0;
        return this;
    }

    /** Adds a piece; one that follows the last in memory lengthens it. */
    public Gather add(MemorySegment s, long at, int length) {
        Objects.checkFromIndexSize(at, length, s.byteSize());
        long address = s.address() + at;
        if (address == end && count > 0) {
            long of = (count - 1L) * DatagramBatch.IOVEC_BYTES + DatagramBatch.IOV_LEN;
            iovecs.set(JAVA_LONG, of, iovecs.get(JAVA_LONG, of) + length);
        } else {
            Objects.checkIndex(count, capacity);
            iovecs.set(JAVA_LONG, (long) count * DatagramBatch.IOVEC_BYTES, address);
            iovecs.set(JAVA_LONG, (long) count * DatagramBatch.IOVEC_BYTES + DatagramBatch.IOV_LEN, length);
            count++;
        }
        end = address + length;
        bytes += length;
        return this;
    }

    int count() {
        return count;
    }

    /** Of all pieces together. */
    public int bytes() {
        return bytes;
    }

    long address() {
        return iovecs.address();
    }

    @Override
    public void close() {
        arena.close();
    }
}
