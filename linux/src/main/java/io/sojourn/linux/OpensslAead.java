// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;

/**
 * An AEAD by the host's OpenSSL.
 *
 * <p>Locking: none, one thread. The library's memory goes when this object does.
 */
public final class OpensslAead implements AeadContext {
    /** Those of the sealed transport. */
    public enum Algorithm {
        AES_256_GCM("AES-256-GCM"),
        CHACHA20_POLY1305("ChaCha20-Poly1305");

        private final String opensslName;

        Algorithm(String opensslName) {
            this.opensslName = opensslName;
        }
    }

    private static final int NONCE_BYTES = 12;
    // struct ossl_param_st { key; unsigned data_type; data; size_t data_size; size_t return_size }: one, and the end of
    // the list.
    private static final int PARAMETERS_BYTES = 80;
    private static final int PARAMETER_TYPE = 8;
    private static final int PARAMETER_DATA = 16;
    private static final int PARAMETER_SIZE = 24;
    /** OSSL_PARAM_OCTET_STRING, openssl/core.h. */
    private static final int OCTET_STRING = 5;

    private static final MemorySegment TAG_NAME = Arena.global().allocateFrom("tag");
    private static final ValueLayout.OfLong NET_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final Libcrypto.Functions functions;
    private final MemorySegment init;
    private final MemorySegment context;
    /** Where the tag is to be written, or stands: OSSL_CIPHER_PARAM_AEAD_TAG. */
    private final MemorySegment tag;

    private final MemorySegment nonce;
    private final MemorySegment written;

    /** @throws UnsupportedOperationException if OpenSSL will not have that algorithm */
    public OpensslAead(Algorithm algorithm, byte[] key, boolean sealing) {
        AeadContext.mustBeKey(key);
        Libcrypto.Functions f = Libcrypto.functions(algorithm.opensslName);
        functions = f;
        init = sealing ? f.sealInit() : f.openInit();
        Arena arena = Arena.ofAuto();
        nonce = arena.allocate(NONCE_BYTES, Long.BYTES);
        written = arena.allocate(Long.BYTES, Long.BYTES);
        tag = arena.allocate(PARAMETERS_BYTES, Long.BYTES);
        tag.set(JAVA_LONG, 0, TAG_NAME.address());
        tag.set(JAVA_INT, PARAMETER_TYPE, OCTET_STRING);
        tag.set(JAVA_LONG, PARAMETER_SIZE, TAG_BYTES);
        context = MemorySegment.ofAddress(Libcrypto.newContext(f))
                .reinterpret(1, arena, c -> Libcrypto.freeContext(f, c.address()));
        try (Arena brief = Arena.ofConfined()) {
            MemorySegment secret = brief.allocateFrom(JAVA_BYTE, key);
            int ok = context.address() == 0
                    ? 0
                    : Libcrypto.init(
                            init, context.address(), secret.address(), KEY_BYTES, nonce.address(), NONCE_BYTES, 0);
            secret.fill((byte) 0);
            if (ok != 1) {
                throw new UnsupportedOperationException("OpenSSL refuses " + algorithm);
            }
        }
    }

    /** Whether this host has OpenSSL 3's libcrypto, with all that is needed. */
    public static boolean isAvailable() {
        try {
            new OpensslAead(Algorithm.AES_256_GCM, new byte[KEY_BYTES], true);
            new OpensslAead(Algorithm.CHACHA20_POLY1305, new byte[KEY_BYTES], true);
            return true;
        } catch (LinkageError | UnsupportedOperationException e) {
            return false;
        }
    }

    @Override
    public int seal(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt) {
        long from = AeadContext.address(in, at, bytes);
        long to = AeadContext.address(out, outAt, bytes + TAG_BYTES);
        int ok = begin(number, 0);
        ok &= bytes == 0 ? 1 : Libcrypto.update(functions, context.address(), to, written.address(), from, bytes);
        ok &= Libcrypto.end(functions, context.address(), to + bytes, written.address());
        tag.set(JAVA_LONG, PARAMETER_DATA, to + bytes);
        ok &= Libcrypto.get(functions, context.address(), tag.address());
        fence(in, out);
        if (ok != 1) {
            throw new IllegalStateException("OpenSSL cannot seal");
        }
        return bytes + TAG_BYTES;
    }

    @Override
    public int open(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt) {
        int inner = bytes - TAG_BYTES;
        if (inner < 0) {
            return -1;
        }
        long from = AeadContext.address(in, at, bytes);
        long to = AeadContext.address(out, outAt, inner);
        tag.set(JAVA_LONG, PARAMETER_DATA, from + inner);
        int ok = begin(number, tag.address());
        ok &= inner == 0 ? 1 : Libcrypto.update(functions, context.address(), to, written.address(), from, inner);
        ok &= Libcrypto.end(functions, context.address(), to + inner, written.address());
        fence(in, out);
        return ok == 1 ? inner : -1;
    }

    private int begin(long number, long parameters) {
        nonce.set(NET_LONG, Integer.BYTES, number);
        return Libcrypto.init(init, context.address(), 0, 0, nonce.address(), NONCE_BYTES, parameters);
    }

    private void fence(MemorySegment in, MemorySegment out) {
        Reference.reachabilityFence(in);
        Reference.reachabilityFence(out);
        Reference.reachabilityFence(this);
    }
}
