// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * One key of an AEAD in one direction (RFC 5116), computed by the host's OpenSSL in native memory: nothing is allocated and nothing copied for a packet, and it is fast from the
 * first one. The JDK's cipher allocates some two kilobytes for each, which under load is a collection every few seconds.
 *
 * <p>Locking: none, one thread. The library's memory goes when this object does.
 */
public final class AeadContext {
    /** Those of the sealed transport. */
    public enum Algorithm {
        AES_256_GCM,
        CHACHA20_POLY1305
    }

    public static final int TAG_BYTES = 16;
    public static final int KEY_BYTES = 32;

    private static final int NONCE_BYTES = 12;
    /** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG, openssl/evp.h. */
    private static final int GET_TAG = 0x10;

    private static final int SET_TAG = 0x11;
    private static final ValueLayout.OfLong NET_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final MemorySegment context;
    private final boolean sealing;
    private final MemorySegment nonce;
    private final MemorySegment written;

    /** @throws UnsupportedOperationException if OpenSSL will not have that algorithm */
    public AeadContext(Algorithm algorithm, byte[] key, boolean sealing) {
        if (key.length != KEY_BYTES) {
            throw new IllegalArgumentException("a key has " + KEY_BYTES + " octets, not " + key.length);
        }
        this.sealing = sealing;
        Arena arena = Arena.ofAuto();
        nonce = arena.allocate(NONCE_BYTES, Long.BYTES);
        written = arena.allocate(Integer.BYTES, Integer.BYTES);
        context = MemorySegment.ofAddress(Libcrypto.contextNew())
                .reinterpret(1, arena, c -> Libcrypto.contextFree(c.address()));
        try (Arena brief = Arena.ofConfined()) {
            MemorySegment secret = brief.allocateFrom(JAVA_BYTE, key);
            int ok = Libcrypto.init(
                    context.address(), Libcrypto.cipher(algorithm), secret.address(), nonce.address(), sealing);
            secret.fill((byte) 0);
            if (ok != 1) {
                throw new UnsupportedOperationException("OpenSSL refuses " + algorithm);
            }
        }
    }

    /** Whether this host has OpenSSL 3's libcrypto, with all that is needed. */
    public static boolean isAvailable() {
        try {
            new AeadContext(Algorithm.AES_256_GCM, new byte[KEY_BYTES], true);
            new AeadContext(Algorithm.CHACHA20_POLY1305, new byte[KEY_BYTES], true);
            return true;
        } catch (LinkageError | UnsupportedOperationException e) {
            return false;
        }
    }

    /**
     * Seals {@code bytes} octets and writes 16 more than that; in and out are the same place, or do not overlap.
     *
     * @param number the last eight octets of the nonce, big-endian; the first four are 0. Never used twice
     */
    public int seal(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt) {
        long from = address(in, at, bytes);
        long to = address(out, outAt, bytes + TAG_BYTES);
        begin(number);
        int ok = bytes == 0 ? 1 : Libcrypto.update(context.address(), to, written.address(), from, bytes);
        ok &= Libcrypto.end(context.address(), to + bytes, written.address());
        ok &= Libcrypto.control(context.address(), GET_TAG, TAG_BYTES, to + bytes);
        fence(in, out);
        if (ok != 1) {
            throw new IllegalStateException("OpenSSL cannot seal");
        }
        return bytes + TAG_BYTES;
    }

    /** Opens {@code bytes} octets, the last 16 of them the tag: how many were inside, or -1 if it is not authentic; what is at {@code outAt} is then of no meaning. */
    public int open(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt) {
        int inner = bytes - TAG_BYTES;
        if (inner < 0) {
            return -1;
        }
        long from = address(in, at, bytes);
        long to = address(out, outAt, inner);
        begin(number);
        int ok = Libcrypto.control(context.address(), SET_TAG, TAG_BYTES, from + inner);
        ok &= inner == 0 ? 1 : Libcrypto.update(context.address(), to, written.address(), from, inner);
        ok &= Libcrypto.end(context.address(), to + inner, written.address());
        fence(in, out);
        return ok == 1 ? inner : -1;
    }

    private void begin(long number) {
        nonce.set(NET_LONG, Integer.BYTES, number);
        if (Libcrypto.init(context.address(), 0, 0, nonce.address(), sealing) != 1) {
            throw new IllegalStateException("OpenSSL cannot begin");
        }
    }

    private static long address(MemorySegment s, long at, int bytes) {
        Objects.checkFromIndexSize(at, bytes, s.byteSize());
        return s.address() + at;
    }

    private void fence(MemorySegment in, MemorySegment out) {
        Reference.reachabilityFence(in);
        Reference.reachabilityFence(out);
        Reference.reachabilityFence(this);
    }
}
