// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.sojourn.linux.AeadContext.Algorithm;
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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** OpenSSL's octets against the JDK's. */
class AeadContextTest {
    private static final int LONGEST = 9_000;

    private final Random random = new Random(42);
    private final byte[] key = bytes(AeadContext.KEY_BYTES);
    private final MemorySegment memory = Arena.ofAuto().allocate(LONGEST + 64);

    @BeforeEach
    void thereMustBeALibcrypto() {
        assumeTrue(AeadContext.isAvailable(), "this host has no libcrypto.so.3");
    }

    @ParameterizedTest
    @EnumSource
    void sealsAsTheJdkDoesAndOpensInPlace(Algorithm algorithm) throws GeneralSecurityException {
        AeadContext sealer = new AeadContext(algorithm, key, true);
        AeadContext opener = new AeadContext(algorithm, key, false);
        for (int length : new int[] {0, 1, 15, 16, 17, 64, 255, 1_400, LONGEST}) {
            long number = random.nextLong();
            byte[] plain = bytes(length);
            MemorySegment.copy(plain, 0, memory, ValueLayout.JAVA_BYTE, 12, length);
            int n = sealer.seal(number, memory, 12, length, memory, 12);
            assertThat(memory.asSlice(12, n).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(jdk(algorithm, number, plain));
            assertThat(opener.open(number, memory, 12, n, memory, 12)).isEqualTo(length);
            assertThat(memory.asSlice(12, length).toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(plain);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatWasTamperedWithIsNotAuthenticAndTheNextOneIs(Algorithm algorithm) {
        AeadContext sealer = new AeadContext(algorithm, key, true);
        AeadContext opener = new AeadContext(algorithm, key, false);
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

    @Test
    void memoryIsNeverPassed() {
        AeadContext sealer = new AeadContext(Algorithm.AES_256_GCM, key, true);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> sealer.seal(1, memory, 0, LONGEST, memory, 64 - AeadContext.TAG_BYTES + 1));
    }

    @Test
    void aPacketAllocatesNothing() {
        AeadContext sealer = new AeadContext(Algorithm.AES_256_GCM, key, true);
        AeadContext opener = new AeadContext(Algorithm.AES_256_GCM, key, false);
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

    private byte[] jdk(Algorithm algorithm, long number, byte[] plain) throws GeneralSecurityException {
        byte[] nonce = ByteBuffer.allocate(12).putInt(0).putLong(number).array();
        boolean aes = algorithm == Algorithm.AES_256_GCM;
        Cipher cipher = Cipher.getInstance(aes ? "AES/GCM/NoPadding" : "ChaCha20-Poly1305");
        cipher.init(
                Cipher.ENCRYPT_MODE,
                new SecretKeySpec(key, aes ? "AES" : "ChaCha20"),
                aes ? new GCMParameterSpec(128, nonce) : new IvParameterSpec(nonce));
        return cipher.doFinal(plain);
    }
}
