// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What {@link OpensslAead} calls of OpenSSL 3's libcrypto: the functions of its default provider (provider(7), provider-cipher(7),
 * openssl/core_dispatch.h), found by OSSL_PROVIDER_query_operation(3). The layer above them, EVP, compares some twenty names with
 * each other for every packet, which takes a sixth of the time. Linked when the first call is made, which throws where the host has no such library.
 *
 * <p>Unlike {@link Syscalls} these calls are {@code critical}: none blocks, and the longest computes for some twenty microseconds. Pointers are passed as {@code long}.
 */
final class Libcrypto {
    private static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup("libcrypto.so.3", Arena.global());

    // OSSL_FUNC_CIPHER_* of openssl/core_dispatch.h.
    private static final int NEWCTX = 1;
    private static final int ENCRYPT_INIT = 2;
    private static final int DECRYPT_INIT = 3;
    private static final int UPDATE = 4;
    private static final int FINAL = 5;
    private static final int FREECTX = 7;
    private static final int GET_CTX_PARAMS = 10;
    private static final int FUNCTIONS_MAX = 64;

    private static final int OSSL_OP_CIPHER = 2;
    // struct ossl_algorithm_st { names; properties; implementation; description }, ossl_dispatch_st { int id; function
    // }.
    private static final int ALGORITHM_BYTES = 32;
    private static final int ALGORITHM_IMPLEMENTATION = 16;
    private static final int ALGORITHMS_MAX = 1024;
    private static final int DISPATCH_BYTES = 16;
    private static final int DISPATCH_FUNCTION = 8;
    private static final int NAMES_BYTES_MAX = 256;

    private static final MethodHandle CALL_NEW = link(JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CALL_FREE =
            Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(JAVA_LONG), Linker.Option.critical(false));
    private static final MethodHandle CALL_INIT =
            link(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CALL_UPDATE =
            link(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CALL_FINAL = link(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CALL_GET = link(JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CALL_LOAD = link(JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CALL_QUERY = link(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG);

    private static final long PROVIDER = loadDefault();

    /** One algorithm's functions. */
    record Functions(
            MemorySegment newContext,
            MemorySegment freeContext,
            MemorySegment sealInit,
            MemorySegment openInit,
            MemorySegment update,
            MemorySegment end,
            MemorySegment get) {}

    private Libcrypto() {}

    private static MethodHandle link(MemoryLayout returns, MemoryLayout... parameters) {
        return Linker.nativeLinker()
                .downcallHandle(FunctionDescriptor.of(returns, parameters), Linker.Option.critical(false));
    }

    private static long loadDefault() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom("default");
            return (long) CALL_LOAD.invokeExact(LIBRARY.findOrThrow("OSSL_PROVIDER_load"), 0L, name.address());
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** @throws UnsupportedOperationException if this OpenSSL has no such cipher, by its first name */
    static Functions functions(String name) {
        MemorySegment algorithms = ciphers();
        for (int i = 0; i < ALGORITHMS_MAX; i++) {
            MemorySegment algorithm = algorithms.asSlice((long) i * ALGORITHM_BYTES, ALGORITHM_BYTES);
            MemorySegment names = algorithm.get(ADDRESS, 0);
            if (names.address() == 0) {
                break;
            }
            String all = names.reinterpret(NAMES_BYTES_MAX).getString(0, StandardCharsets.US_ASCII);
            if (List.of(all.split(":")).contains(name)) {
                return functions(algorithm.get(ADDRESS, ALGORITHM_IMPLEMENTATION));
            }
        }
        throw new UnsupportedOperationException("OpenSSL has no " + name);
    }

    private static MemorySegment ciphers() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment noCache = arena.allocate(JAVA_INT);
            long found = (long) CALL_QUERY.invokeExact(
                    LIBRARY.findOrThrow("OSSL_PROVIDER_query_operation"), PROVIDER, OSSL_OP_CIPHER, noCache.address());
            if (PROVIDER == 0 || found == 0) {
                throw new UnsupportedOperationException("OpenSSL has no default provider");
            }
            return MemorySegment.ofAddress(found).reinterpret((long) ALGORITHMS_MAX * ALGORITHM_BYTES);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    private static Functions functions(MemorySegment implementation) {
        MemorySegment table = implementation.reinterpret((long) FUNCTIONS_MAX * DISPATCH_BYTES);
        MemorySegment[] by = new MemorySegment[FUNCTIONS_MAX];
        for (int i = 0; i < FUNCTIONS_MAX; i++) {
            int id = table.get(JAVA_INT, (long) i * DISPATCH_BYTES);
            if (id == 0) {
                break;
            }
            if (id > 0 && id < FUNCTIONS_MAX) {
                by[id] = table.get(ADDRESS, (long) i * DISPATCH_BYTES + DISPATCH_FUNCTION);
            }
        }
        for (int id : new int[] {NEWCTX, FREECTX, ENCRYPT_INIT, DECRYPT_INIT, UPDATE, FINAL, GET_CTX_PARAMS}) {
            if (by[id] == null) {
                throw new UnsupportedOperationException("OpenSSL's cipher lacks function " + id);
            }
        }
        return new Functions(
                by[NEWCTX], by[FREECTX], by[ENCRYPT_INIT], by[DECRYPT_INIT], by[UPDATE], by[FINAL], by[GET_CTX_PARAMS]);
    }

    /** A new context's address, or 0. */
    static long newContext(Functions f) {
        try {
            MemorySegment providerContext = LIBRARY.findOrThrow("OSSL_PROVIDER_get0_provider_ctx");
            return (long) CALL_NEW.invokeExact(f.newContext, (long) CALL_NEW.invokeExact(providerContext, PROVIDER));
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    static void freeContext(Functions f, long context) {
        try {
            CALL_FREE.invokeExact(f.freeContext, context);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /**
     * Sets what is not 0 of key, nonce and parameters. 1, or 0 for failure, as with all that follow.
     *
     * @param function {@link Functions#sealInit} or {@link Functions#openInit}
     */
    static int init(
            MemorySegment function, long context, long key, int keyBytes, long nonce, int nonceBytes, long parameters) {
        try {
            return (int) CALL_INIT.invokeExact(
                    function, context, key, (long) keyBytes, nonce, (long) nonceBytes, parameters);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** @param written where a {@code size_t} is written: how many octets came out */
    static int update(Functions f, long context, long out, long written, long in, int bytes) {
        try {
            return (int) CALL_UPDATE.invokeExact(f.update, context, out, written, (long) bytes, in, (long) bytes);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** Computes the tag when sealing; when opening, compares it: 0 if it is another one. */
    static int end(Functions f, long context, long out, long written) {
        try {
            return (int) CALL_FINAL.invokeExact(f.end, context, out, written, 0L);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** Reads what {@code parameters} (OSSL_PARAM(3)) ask for. */
    static int get(Functions f, long context, long parameters) {
        try {
            return (int) CALL_GET.invokeExact(f.get, context, parameters);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }
}
