// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** What the JDK's AES-256-GCM allocates for a datagram that is sealed and opened, with nothing of ours around it. */
final class SealAllocation {
    private static final int DATAGRAMS = 20_000;
    private static final int ATTEMPTS = 20;
    private static final int TAG_BITS = 128;

    private SealAllocation() {}

    static double bytesADatagram(Arena arena, int bytes) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        MemorySegment s = arena.allocate(bytes);
        byte[] in = new byte[bytes];
        byte[] sealed = new byte[bytes + TAG_BITS / Byte.SIZE];
        byte[] nonce = new byte[12];
        double least = Double.MAX_VALUE;
        try {
            Cipher seal = Cipher.getInstance("AES/GCM/NoPadding");
            Cipher open = Cipher.getInstance("AES/GCM/NoPadding");
            SecretKeySpec key = new SecretKeySpec(new byte[32], "AES");
            long counter = 0;
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < DATAGRAMS; i++) {
                    MemorySegment.copy(s, ValueLayout.JAVA_BYTE, 0, in, 0, bytes);
                    putLong(nonce, ++counter);
                    seal.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(TAG_BITS, nonce));
                    seal.doFinal(in, 0, bytes, sealed, 0);
                    open.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(TAG_BITS, nonce));
                    open.doFinal(sealed, 0, sealed.length, in, 0);
                }
                least = Math.min(least, (double) (threads.getCurrentThreadAllocatedBytes() - before) / DATAGRAMS);
            }
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
        return least;
    }

    private static void putLong(byte[] to, long value) {
        for (int i = 0; i < Long.BYTES; i++) {
            to[4 + i] = (byte) (value >>> 8 * (Long.BYTES - 1 - i));
        }
    }
}
