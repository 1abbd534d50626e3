// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A window of a byte stream in off-heap memory between exactly two threads. Positions are offsets in the stream, from 0:
 * {@code released <= published <= released + capacity}. The producer makes bytes readable by publishing, the consumer
 * makes room by releasing; between the two the consumer may read any byte in any order, as often as it likes.
 *
 * <p>At the source the pump produces and the forwarder consumes (a byte is released when acknowledged); at the destination the
 * forwarder produces, placing bytes ahead of the published offset as datagrams come, and the pump consumes.
 *
 * <p><i>Order</i>: stream order. <i>Ownership</i>: each thread touches only its side of the two offsets; memory goes back when
 * both sides have closed. <i>Locking</i>: none; only a pump ever parks, the forwarder never waits.
 */
public final class ByteRing {
    /** Memory is taken piece by piece as it is first written, so an idle stream costs nothing. */
    private static final int CHUNK_BITS = 18;

    private static final int CHUNK_BYTES = 1 << CHUNK_BITS;

    private static final SpareChunks SPARE = new SpareChunks(CHUNK_BYTES, 128);

    private final int capacityBytes;
    private final @Nullable MemorySegment[] chunks;
    private final @Nullable ByteBuffer[] views;
    private final AtomicInteger users = new AtomicInteger(2);
    private final Runnable left;

    private volatile long published;
    private volatile long released;
    private volatile long end = -1;
    private volatile boolean producerClosed;
    private volatile boolean consumerClosed;
    private volatile @Nullable Thread producerWaiting;
    private volatile @Nullable Thread consumerWaiting;
    private volatile long producerNeeds;
    private volatile boolean consumerHungry;

    /** An empty ring of {@code capacityBytes}, a power of two of at least 256 KiB. */
    public ByteRing(int capacityBytes) {
        this(capacityBytes, () -> {});
    }

    /** @param left told once when both sides have closed, on the thread of the second */
    ByteRing(int capacityBytes, Runnable left) {
        this.left = left;
        if (Integer.bitCount(capacityBytes) != 1 || capacityBytes < CHUNK_BYTES) {
            throw new IllegalArgumentException(
                    "a ring of " + capacityBytes + " B is not a power of two of at least 256 KiB");
        }
        this.capacityBytes = capacityBytes;
        chunks = new MemorySegment[capacityBytes >> CHUNK_BITS];
        views = new ByteBuffer[chunks.length];
    }

    public int capacityBytes() {
        return capacityBytes;
    }

    /** Every byte before this offset is readable until released. */
    public long published() {
        return published;
    }

    /** Every byte before this offset is gone. */
    public long released() {
        return released;
    }

    /** Where the stream ends, or -1 while that is not known. */
    public long end() {
        return end;
    }

    /** Bytes that the producer may write now. */
    public long freeBytes() {
        return released + capacityBytes - published;
    }

    // ---- producer

    /**
     * Copies all of {@code source} into the ring, waiting for room as often as needed. Not for the forwarder thread.
     *
     * @return false when the consumer has closed; the rest of {@code source} is then unwritten
     */
    public boolean write(ByteBuffer source) {
        while (source.hasRemaining()) {
            if (!awaitSpace(1)) {
                return false;
            }
            int bytes = (int) Math.min(source.remaining(), freeBytes());
            ByteBuffer piece = source.slice(source.position(), bytes);
            place(published, MemorySegment.ofBuffer(piece), 0, bytes);
            source.position(source.position() + bytes);
            publish(published + bytes);
            signalConsumer();
        }
        return !consumerClosed;
    }

    /**
     * Reads once from a channel straight into the ring and publishes what came.
     *
     * @param maxBytes at least 1; no more is read than fits the ring, which must not be full
     * @return bytes read, 0 when the channel has none now, -1 at its end
     */
    int readFrom(ReadableByteChannel channel, long maxBytes) throws IOException {
        long at = published;
        ByteBuffer view = view(at, Math.min(maxBytes, freeBytes()));
        int bytes = channel.read(view);
        if (bytes > 0) {
            publish(at + bytes);
        }
        return bytes;
    }

    /**
     * Copies bytes to an offset of the stream at or after {@link #published}, without publishing them. The range must lie within
     * {@code released + capacity}.
     */
    void place(long offset, MemorySegment source, long at, int length) {
        long from = offset;
        long sourceAt = at;
        int left = length;
        while (left > 0) {
            int inChunk = (int) (from & (CHUNK_BYTES - 1));
            int bytes = Math.min(left, CHUNK_BYTES - inChunk);
            MemorySegment.copy(source, sourceAt, chunk(from), inChunk, bytes);
            from += bytes;
            sourceAt += bytes;
            left -= bytes;
        }
    }

    /** Makes every byte before {@code upTo} readable. Does not wake the consumer: see {@link #signalConsumer}. */
    void publish(long upTo) {
        published = upTo;
    }

    /** Wakes the consumer if it waits for bytes. */
    void signalConsumer() {
        Thread waiting = consumerWaiting;
        if (waiting != null) {
            LockSupport.unpark(waiting);
        }
    }

    /** The stream ends at what has been published. */
    public void finish() {
        end = published;
        signalConsumer();
    }

    /** The stream ends at an offset up to which everything has been published. */
    void finishAt(long offset) {
        end = offset;
        signalConsumer();
    }

    /**
     * Waits until at least {@code bytes} are free.
     *
     * @return false when the consumer has closed or this thread was interrupted
     */
    boolean awaitSpace(int bytes) {
        while (freeBytes() < bytes && !consumerClosed) {
            if (Thread.currentThread().isInterrupted()) {
                return false;
            }
            // A full ring is refilled in large steps: a wake per acknowledgement would cost the forwarder a system call
            // each.
            producerNeeds = Math.max(bytes, capacityBytes / 16);
            producerWaiting = Thread.currentThread();
            if (freeBytes() < bytes && !consumerClosed) {
                LockSupport.park(this);
            }
            producerWaiting = null;
        }
        return !consumerClosed;
    }

    /**
     * Whether the consumer ran dry since this was last asked, and must be told that there are bytes. At most one wake
     * per dry spell.
     */
    boolean takeConsumerHungry() {
        if (!consumerHungry) {
            return false;
        }
        consumerHungry = false;
        return true;
    }

    // ---- consumer

    /** Copies published, unreleased bytes out. */
    void copyTo(long offset, MemorySegment target, long at, int length) {
        long from = offset;
        long targetAt = at;
        int left = length;
        while (left > 0) {
            int inChunk = (int) (from & (CHUNK_BYTES - 1));
            int bytes = Math.min(left, CHUNK_BYTES - inChunk);
            MemorySegment.copy(chunk(from), inChunk, target, targetAt, bytes);
            from += bytes;
            targetAt += bytes;
            left -= bytes;
        }
    }

    /**
     * Writes once to a channel from the first unreleased byte on, and releases what it took.
     *
     * @return bytes written
     */
    int writeTo(WritableByteChannel channel) throws IOException {
        long at = released;
        long available = published - at;
        if (available == 0) {
            return 0;
        }
        int bytes = channel.write(view(at, available));
        release(at + bytes);
        return bytes;
    }

    /** Gives every byte before {@code upTo} back to the producer, and wakes it if that is what it waits for. */
    public void release(long upTo) {
        released = upTo;
        Thread waiting = producerWaiting;
        if (waiting != null && freeBytes() >= producerNeeds) {
            LockSupport.unpark(waiting);
        }
    }

    /** Waits until there are unreleased bytes; false when there never will be (end, producer gone, or interrupted). */
    boolean awaitData() {
        while (published == released) {
            if (dry() || Thread.currentThread().isInterrupted()) {
                return false;
            }
            consumerWaiting = Thread.currentThread();
            if (published == released && !dry()) {
                LockSupport.park(this);
            }
            consumerWaiting = null;
        }
        return !consumerClosed;
    }

    private boolean dry() {
        return end == released || producerClosed || consumerClosed;
    }

    /** The consumer has nothing to do until more is published, and wants to be told so once. */
    void markConsumerHungry() {
        if (!consumerHungry) {
            consumerHungry = true;
        }
    }

    // ---- both

    /** True when the producer left without ending the stream. */
    boolean abandoned() {
        return producerClosed && end < 0;
    }

    boolean consumerClosed() {
        return consumerClosed;
    }

    /** The producer will not touch the ring again. Idempotent. */
    public void closeProducer() {
        if (!producerClosed) {
            producerClosed = true;
            leave();
        }
    }

    /** The consumer will not touch the ring again. Idempotent. */
    public void closeConsumer() {
        if (!consumerClosed) {
            consumerClosed = true;
            leave();
        }
    }

    private void leave() {
        LockSupport.unpark(producerWaiting);
        LockSupport.unpark(consumerWaiting);
        if (users.decrementAndGet() == 0) {
            for (int i = 0; i < chunks.length; i++) {
                MemorySegment chunk = chunks[i];
                chunks[i] = null;
                views[i] = null;
                if (chunk != null) {
                    SPARE.giveBack(chunk);
                }
            }
            left.run();
        }
    }

    private MemorySegment chunk(long offset) {
        int index = (int) (offset & (capacityBytes - 1)) >> CHUNK_BITS;
        MemorySegment chunk = chunks[index];
        if (chunk == null) {
            chunk = SPARE.take();
            chunks[index] = chunk;
        }
        return chunk;
    }

    /** The longest contiguous view from an offset on, for the one thread that does channel input or output. */
    private ByteBuffer view(long offset, long maxBytes) {
        MemorySegment chunk = chunk(offset);
        int index = (int) (offset & (capacityBytes - 1)) >> CHUNK_BITS;
        ByteBuffer view = views[index];
        if (view == null) {
            view = chunk.asByteBuffer();
            views[index] = view;
        }
        int from = (int) (offset & (CHUNK_BYTES - 1));
        int to = (int) Math.min(CHUNK_BYTES, from + maxBytes);
        return view.limit(to).position(from);
    }
}
