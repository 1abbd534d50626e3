// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** By the JDK's ciphers, on arrays: on memory off the heap they are half as fast. */
final class JdkPacketCipher implements PacketCipher {
    private static final byte[] NOTHING = new byte[0];

    private final boolean aes;
    private final Aead aead;
    private final byte[] in;
    private final byte[] out;

    /** @param in and {@code out}: room for the longest datagram; they may serve all ciphers of a thread */
    JdkPacketCipher(boolean aes, byte[] key, byte[] in, byte[] out) {
        this.aes = aes;
        this.aead = new Aead(aes, key);
        this.in = in;
        this.out = out;
    }

    @Override
    public int seal(long nonce, MemorySegment from, long at, int length, MemorySegment to, long toAt) {
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at, in, 0, length);
        int n = aead.seal(counter(nonce), NOTHING, in, 0, length, out, 0);
        MemorySegment.copy(out, 0, to, ValueLayout.JAVA_BYTE, toAt, n);
        return n;
    }

    @Override
    public int open(long nonce, MemorySegment from, long at, int length, MemorySegment to, long toAt) {
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at, in, 0, length);
        int n = aead.open(counter(nonce), NOTHING, in, 0, length, out, 0);
        if (n > 0) {
            MemorySegment.copy(out, 0, to, ValueLayout.JAVA_BYTE, toAt, n);
        }
        return n;
    }

    private long counter(long nonce) {
        return aes ? nonce : Long.reverseBytes(nonce);
    }
}
