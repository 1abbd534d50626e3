// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.concurrent.ConcurrentHashMap;

/**
 * Numbers by index, in chunks: appended to without copying, forgotten from the front. One thread writes an index; whoever reads it later sees 0 until then.
 */
final class LongLog {
    private static final int CHUNK = 1 << 14;

    private final ConcurrentHashMap<Long, long[]> chunks = new ConcurrentHashMap<>();

    void set(long index, long value) {
        long[] chunk = chunks.get(index / CHUNK);
        if (chunk == null) {
            chunk = chunks.computeIfAbsent(index / CHUNK, key -> new long[CHUNK]);
        }
        chunk[(int) (index % CHUNK)] = value;
    }

    long get(long index) {
        long[] chunk = chunks.get(index / CHUNK);
        return chunk == null ? 0 : chunk[(int) (index % CHUNK)];
    }

    /** Drops the chunks that hold nothing at or after {@code index}. */
    void forgetBefore(long index) {
        chunks.keySet().removeIf(key -> key < index / CHUNK);
    }
}
