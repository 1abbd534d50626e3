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
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What {@link IpsecMbGcm} calls of Intel's library for IPsec (libIPSec_MB, intel-ipsec-mb.h). Its macros call through pointers in {@code struct IMB_MGR}, which it fills in by
 * what the processor can do; so does this, at their places in version 1.3 and those that are compatible with it.
 *
 * <p>As with {@link Libcrypto} calls are {@code critical}, and pointers are passed as {@code long}.
 */
final class IpsecMb {
    /** One algorithm's functions. */
    record Functions(MemorySegment expand, MemorySegment seal, MemorySegment open) {}

    // IMB_VERSION(1, 3, 0) and IMB_VERSION(2, 0, 0).
    private static final int VERSION_MIN = 0x01_03_00;
    private static final int VERSION_END = 0x02_00_00;

    // struct IMB_MGR: aes_gcm_enc_dec_t gcm256_enc, gcm256_dec; aes_gcm_pre_t gcm256_pre.
    private static final int GCM256_ENC = 272;
    private static final int GCM256_DEC = 296;
    private static final int GCM256_PRE = 464;
    private static final int MANAGER_KNOWN_BYTES = 512;

    private static final MethodHandle CALL_EXPAND = link(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle CALL_PACKET = link(FunctionDescriptor.ofVoid(
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
            JAVA_LONG));

    private static final @Nullable Functions GCM_256 = load();

    private IpsecMb() {}

    private static MethodHandle link(FunctionDescriptor is) {
        return Linker.nativeLinker().downcallHandle(is, Linker.Option.critical(false));
    }

    /** AES-256-GCM, or null where the library is not, or is none that we know. */
    static @Nullable Functions gcm256() {
        return GCM_256;
    }

    private static @Nullable Functions load() {
        SymbolLookup library;
        try {
            library = SymbolLookup.libraryLookup("libIPSec_MB.so.1", Arena.global());
        } catch (IllegalArgumentException e) {
            return null;
        }
        int version = (int) setUp(library, "imb_get_version", JAVA_INT);
        if (version < VERSION_MIN || version >= VERSION_END) {
            return null;
        }
        // Both live as long as the process: the manager is code chosen for this processor.
        long manager = (long) setUp(library, "alloc_mb_mgr", JAVA_LONG, 0L);
        if (manager == 0) {
            return null;
        }
        setUp(library, "init_mb_mgr_auto", null, manager, 0L);
        MemorySegment pointers = MemorySegment.ofAddress(manager).reinterpret(MANAGER_KNOWN_BYTES);
        Functions found = new Functions(
                pointers.get(ADDRESS, GCM256_PRE),
                pointers.get(ADDRESS, GCM256_ENC),
                pointers.get(ADDRESS, GCM256_DEC));
        boolean complete = found.expand.address() != 0 && found.seal.address() != 0 && found.open.address() != 0;
        return complete ? found : null;
    }

    /** One call of many words, once. */
    private static Object setUp(
            SymbolLookup library, String function, @Nullable MemoryLayout returns, Object... words) {
        MemoryLayout[] parameters = new MemoryLayout[words.length];
        Arrays.fill(parameters, JAVA_LONG);
        FunctionDescriptor is =
                returns == null ? FunctionDescriptor.ofVoid(parameters) : FunctionDescriptor.of(returns, parameters);
        try {
            return Linker.nativeLinker()
                    .downcallHandle(library.findOrThrow(function), is)
                    .invokeWithArguments(words);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /** aes_gcm_pre_t: makes of a raw key what packets need, at {@code keyData} (struct gcm_key_data, 64-octet aligned). */
    static void expand(Functions f, long key, long keyData) {
        try {
            CALL_EXPAND.invokeExact(f.expand, key, keyData);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }

    /**
     * aes_gcm_enc_dec_t, without associated data.
     *
     * @param function {@link Functions#seal} or {@link Functions#open}
     * @param context struct gcm_context_data, of no meaning afterwards
     * @param nonce of 12 octets
     * @param tag where it writes what the tag is, also when opening
     */
    static void packet(
            MemorySegment function,
            long keyData,
            long context,
            long out,
            long in,
            int bytes,
            long nonce,
            long tag,
            int tagBytes) {
        try {
            CALL_PACKET.invokeExact(
                    function, keyData, context, out, in, (long) bytes, nonce, 0L, 0L, tag, (long) tagBytes);
        } catch (Throwable thrown) {
            throw Syscalls.unexpected(thrown);
        }
    }
}
