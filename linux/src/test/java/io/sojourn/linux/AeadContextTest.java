// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.sojourn.linux.OpensslAead.Algorithm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The host's libraries against the JDK. */
class AeadContextTest {
    enum By {
        OPENSSL_AES(true, "libssl3", OpensslAead.isAvailable()),
        OPENSSL_CHACHA(false, "libssl3", OpensslAead.isAvailable()),
        IPSEC_MB_AES(true, "libipsec-mb1", IpsecMbGcm.isAvailable());

        private final boolean aes;
        private final String debianPackage;
        private final boolean isThere;

        By(boolean aes, String debianPackage, boolean isThere) {
            this.aes = aes;
            this.debianPackage = debianPackage;
            this.isThere = isThere;
        }

        AeadContext context(byte[] key, boolean sealing) {
            assumeTrue(isThere, "this host has no " + debianPackage);
            return this == IPSEC_MB_AES
                    ? new IpsecMbGcm(key)
                    : new OpensslAead(aes ? Algorithm.AES_256_GCM : Algorithm.CHACHA20_POLY1305, key, sealing);
        }
    }

    private static final int LONGEST = 9_000;

    private final Random random = new Random(42);
    private final byte[] key = bytes(AeadContext.KEY_BYTES);
    private final MemorySegment memory = Arena.ofAuto().allocate(LONGEST + 64);

    @ParameterizedTest
    @EnumSource
    void sealsAsTheJdkDoesAndOpensInPlace(By by) throws GeneralSecurityException {
        AeadContext sealer = by.context(key, true);
        AeadContext opener = by.context(key, false);
        for (int length : new int[] {0, 1, 15, 16, 17, 64, 255, 256, 257, 767, 768, 769, 1_400, LONGEST}) {
            long number = random.nextLong();
            byte[] plain = bytes(length);
            MemorySegment.copy(plain, 0, memory, ValueLayout.JAVA_BYTE, 12, length);
            int n = sealer.seal(number, memory, 12, length, memory, 12);
            assertThat(memory.asSlice(12, n).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(jdk(by, number, plain));
            assertThat(opener.open(number, memory, 12, n, memory, 12)).isEqualTo(length);
            assertThat(memory.asSlice(12, length).toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(plain);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatWasTamperedWithIsNotAuthenticAndTheNextOneIs(By by) {
        AeadContext sealer = by.context(key, true);
        AeadContext opener = by.context(key, false);
        MemorySegment sealed = Arena.ofAuto().allocate(200);
        for (int bit = 0; bit < 8 * (100 + AeadContext.TAG_BYTES); bit += 7) {
            int n = sealer.seal(bit, memory, 0, 100, sealed, 0);
            byte was = sealed.get(ValueLayout.JAVA_BYTE, bit / 8);
            sealed.set(ValueLayout.JAVA_BYTE, bit / 8, (byte) (was ^ 1 << bit % 8));
            assertThat(opener.open(bit, sealed, 0, n, memory, 1_000)).isNegative();
            sealed.set(ValueLayout.JAVA_BYTE, bit / 8, was);
            assertThat(opener.open(bit + 1L, sealed, 0, n, memory, 1_000)).isNegative();
            assertThat(opener.open(bit, sealed, 0, n, memory, 1_000)).isEqualTo(100);
        }
        assertThat(opener.open(0, sealed, 0, AeadContext.TAG_BYTES - 1, memory, 0))
                .isNegative();
    }

    @ParameterizedTest
    @EnumSource
    void memoryIsNeverPassed(By by) {
        AeadContext sealer = by.context(key, true);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> sealer.seal(1, memory, 0, LONGEST, memory, 64 - AeadContext.TAG_BYTES + 1));
    }

    @ParameterizedTest
    @EnumSource
    void aPacketAllocatesNothing(By by) {
        AeadContext sealer = by.context(key, true);
        AeadContext opener = by.context(key, false);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long perPacket = Long.MAX_VALUE;
        long number = 0;
        for (int round = 0; round < 5; round++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 20_000; i++) {
                int n = sealer.seal(++number, memory, 0, 1_400, memory, 0);
                assert opener.open(number, memory, 0, n, memory, 0) == 1_400;
            }
            perPacket = (threads.getCurrentThreadAllocatedBytes() - before) / 20_000;
        }
        assertThat(perPacket).isZero();
    }

    private byte[] bytes(int length) {
        byte[] out = new byte[length];
        random.nextBytes(out);
        return out;
    }

    private byte[] jdk(By by, long number, byte[] plain) throws GeneralSecurityException {
        byte[] nonce = ByteBuffer.allocate(12).putInt(0).putLong(number).array();
        boolean aes = by.aes;
        Cipher cipher = Cipher.getInstance(aes ? "AES/GCM/NoPadding" : "ChaCha20-Poly1305");
        cipher.init(
                Cipher.ENCRYPT_MODE,
                new SecretKeySpec(key, aes ? "AES" : "ChaCha20"),
                aes ? new GCMParameterSpec(128, nonce) : new IvParameterSpec(nonce));
        return cipher.doFinal(plain);
    }
}
