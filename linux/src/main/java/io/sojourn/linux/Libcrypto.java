// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * What {@link AeadContext} calls of OpenSSL 3's libcrypto (EVP_EncryptInit(3), section AEAD INTERFACE). Linked when the first call is made, which throws where the host has no
 * such library.
 *
 * <p>Unlike {@link Syscalls} these calls are {@code critical}: none blocks, and the longest computes for some twenty microseconds. Pointers are passed as {@code long}.
 */
final class Libcrypto {
    private static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup("libcrypto.so.3", Arena.global());

    private static final MethodHandle CONTEXT_NEW = link("EVP_CIPHER_CTX_new", JAVA_LONG);
    private static final MethodHandle CONTEXT_FREE = Linker.nativeLinker()
            .downcallHandle(
                    LIBRARY.findOrThrow("EVP_CIPHER_CTX_free"),
                    FunctionDescriptor.ofVoid(JAVA_LONG),
                    Linker.Option.critical(false));
    private static final MethodHandle AES_256_GCM = link("EVP_aes_256_gcm", JAVA_LONG);
    private static final MethodHandle CHACHA20_POLY1305 = link("EVP_chacha20_poly1305", JAVA_LONG);
    private static final MethodHandle INIT =
            link("EVP_CipherInit_ex", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle CONTROL =
            link("EVP_CIPHER_CTX_ctrl", JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle UPDATE =
            link("EVP_CipherUpdate", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle FINAL = link("EVP_CipherFinal_ex", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);

    private Libcrypto() {}

    private static MethodHandle link(String name, MemoryLayout returns, MemoryLayout... parameters) {
        return Linker.nativeLinker()
                .downcallHandle(
                        LIBRARY.findOrThrow(name),
                        FunctionDescriptor.of(returns, parameters),
                        Linker.Option.critical(false));
    }

    /** A new context's address, or 0. */
    static long contextNew() {
        try {
            return (long) CONTEXT_NEW.invokeExact();
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    static void contextFree(long context) {
        try {
            CONTEXT_FREE.invokeExact(context);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    static long cipher(AeadContext.Algorithm algorithm) {
        try {
            return switch (algorithm) {
                case AES_256_GCM -> (long) AES_256_GCM.invokeExact();
                case CHACHA20_POLY1305 -> (long) CHACHA20_POLY1305.invokeExact();
            };
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** Sets what is not 0 of cipher, key (32 octets) and nonce (12 octets). 1, or 0 for failure, as with all that follow. */
    static int init(long context, long cipher, long key, long nonce, boolean sealing) {
        try {
            return (int) INIT.invokeExact(context, cipher, 0L, key, nonce, sealing ? 1 : 0);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    static int control(long context, int command, int bytes, long pointer) {
        try {
            return (int) CONTROL.invokeExact(context, command, bytes, pointer);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** @param written where an {@code int} is written: how many octets came out */
    static int update(long context, long out, long written, long in, int bytes) {
        try {
            return (int) UPDATE.invokeExact(context, out, written, in, bytes);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** Computes the tag when sealing; when opening, compares it: 0 if it is another one. */
    static int end(long context, long out, long written) {
        try {
            return (int) FINAL.invokeExact(context, out, written);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }
}
