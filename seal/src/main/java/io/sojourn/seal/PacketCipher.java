// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.lang.foreign.MemorySegment;

/** One key in one direction, for transport datagrams in native memory; no associated data. One thread. */
public interface PacketCipher {
    /** Makes the ciphers of a session. */
    @FunctionalInterface
    interface Maker {
        /**
         * @param aes AES-256-GCM; otherwise ChaCha20-Poly1305
         * @param key 32 octets
         * @param sealing for {@link #seal}; otherwise for {@link #open}
         */
        PacketCipher make(boolean aes, byte[] key, boolean sealing);

        /** The JDK's own ciphers. */
        static Maker ofJdk() {
            byte[] in = new byte[SealFormat.INNER_MAX_BYTES + SealFormat.OVERHEAD_BYTES];
            byte[] out = new byte[in.length];
            return (aes, key, sealing) -> new JdkPacketCipher(aes, key, in, out);
        }
    }

    /**
     * Seals {@code length} octets and writes 16 more than that; in and out are the same place, or do not overlap.
     *
     * @param nonce the last eight octets of the nonce, big-endian; the first four are 0. Never used twice
     */
    int seal(long nonce, MemorySegment in, long at, int length, MemorySegment out, long outAt);

    /** Opens {@code length} octets, the last 16 of them the tag; how many were inside, or -1 if it is not authentic: what is at {@code outAt} then has no meaning. */
    int open(long nonce, MemorySegment in, long at, int length, MemorySegment out, long outAt);
}
