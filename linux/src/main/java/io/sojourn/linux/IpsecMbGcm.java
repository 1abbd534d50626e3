// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * AES-256-GCM by Intel's library for IPsec (Debian's libipsec-mb1), which has code for each kind of x86 processor. One call does a packet, and where the processor has VAES it
 * takes half of the time of OpenSSL 3.0, which makes no use of that.
 *
 * <p>Locking: none, one thread. The key is wiped when this object goes.
 */
public final class IpsecMbGcm implements AeadContext {
    private static final int NONCE_BYTES = 12;
    private static final int ALIGN = 64;
    // struct gcm_key_data and struct gcm_context_data: 1,008 and 88 octets in version 1.3.
    private static final int KEY_DATA_BYTES = 2048;
    private static final int CONTEXT_BYTES = 256;

    private static final ValueLayout.OfLong NET_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    /** The Galois/Counter Mode of Operation (McGrew and Viega), test case 14: key, nonce and sixteen octets of text are zero. */
    private static final String CASE_14 = "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919";

    private static final boolean AVAILABLE = IpsecMb.gcm256() != null && computesCase14();

    private final IpsecMb.Functions functions;
    /** What the library has made of the key. */
    private final MemorySegment expanded;

    private final MemorySegment context;
    private final MemorySegment nonce;
    private final MemorySegment tag;

    /** @throws UnsupportedOperationException if this host has no such library */
    public IpsecMbGcm(byte[] key) {
        AeadContext.mustBeKey(key);
        IpsecMb.Functions f = IpsecMb.gcm256();
        if (f == null) {
            throw new UnsupportedOperationException("this host has no libIPSec_MB");
        }
        functions = f;
        Arena arena = Arena.ofAuto();
        expanded = MemorySegment.ofAddress(arena.allocate(KEY_DATA_BYTES, ALIGN).address())
                .reinterpret(KEY_DATA_BYTES, arena, s -> s.fill((byte) 0));
        context = arena.allocate(CONTEXT_BYTES, ALIGN);
        nonce = arena.allocate(NONCE_BYTES, Long.BYTES);
        tag = arena.allocate(TAG_BYTES, Long.BYTES);
        try (Arena brief = Arena.ofConfined()) {
            MemorySegment secret = brief.allocateFrom(JAVA_BYTE, key);
            IpsecMb.expand(f, secret.address(), expanded.address());
            secret.fill((byte) 0);
        }
    }

    /** Whether this host has the library, and it computes what it should. */
    public static boolean isAvailable() {
        return AVAILABLE;
    }

    private static boolean computesCase14() {
        byte[] expected = HexFormat.of().parseHex(CASE_14);
        byte[] text = new byte[expected.length - TAG_BYTES];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(expected.length);
            IpsecMbGcm gcm = new IpsecMbGcm(new byte[KEY_BYTES]);
            gcm.seal(0, s, 0, text.length, s, 0);
            return Arrays.equals(s.toArray(JAVA_BYTE), expected)
                    && gcm.open(0, s, 0, expected.length, s, 0) == text.length
                    && Arrays.equals(s.asSlice(0, text.length).toArray(JAVA_BYTE), text);
        }
    }

    @Override
    public int seal(long number, MemorySegment in, long at, int bytes, MemorySegment out, long outAt) {
        long from = AeadContext.address(in, at, bytes);
        long to = AeadContext.address(out, outAt, bytes + TAG_BYTES);
        packet(functions.seal(), number, from, bytes, to, to + bytes);
        fence(in, out);
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
        long first = in.get(JAVA_LONG_UNALIGNED, at + inner);
        long second = in.get(JAVA_LONG_UNALIGNED, at + inner + Long.BYTES);
        packet(functions.open(), number, from, inner, to, tag.address());
        fence(in, out);
        // Both halves are compared, whatever the first says: how long it takes tells nothing.
        long differs = (first ^ tag.get(JAVA_LONG, 0)) | (second ^ tag.get(JAVA_LONG, Long.BYTES));
        return differs == 0 ? inner : -1;
    }

    private void packet(MemorySegment function, long number, long from, int bytes, long to, long tagAt) {
        nonce.set(NET_LONG, Integer.BYTES, number);
        IpsecMb.packet(
                function, expanded.address(), context.address(), to, from, bytes, nonce.address(), tagAt, TAG_BYTES);
    }

    private void fence(MemorySegment in, MemorySegment out) {
        Reference.reachabilityFence(in);
        Reference.reachabilityFence(out);
        Reference.reachabilityFence(this);
    }
}
