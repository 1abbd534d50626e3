// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * One key of an AEAD in one direction (RFC 5116), computed by one of the host's libraries in native memory: nothing is allocated and nothing copied for a packet, and it is
 * fast from the first one. The JDK's cipher allocates some two kilobytes for each, which under load is a collection every few seconds.
 *
 * <p>Locking: none, one thread. The library's memory goes when this object does.
 */
public interface AeadContext {
    int TAG_BYTES = 16;
    int KEY_BYTES = 32;

    /**
     * Seals {@code bytes} octets and writes 16 more than that; in and out are the same place, or do not overlap.
     *
     * @param number the last eight octets of the nonce, big-endian; the first four are 0. Never used twice
     */
    int seal(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt);

    /** Opens {@code bytes} octets, the last 16 of them the tag: how many were inside, or -1 if it is not authentic; what is at {@code outAt} is then of no meaning. */
    int open(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt);

    /** Where a library finds that; it does not look how far a segment goes. */
    static long address(MemorySegment s, long at, int bytes) {
        Objects.checkFromIndexSize(at, bytes, s.byteSize());
        return s.address() + at;
    }

    static void mustBeKey(byte[] key) {
        if (key.length != KEY_BYTES) {
            throw new IllegalArgumentException("a key has " + KEY_BYTES + " octets, not " + key.length);
        }
    }
}
