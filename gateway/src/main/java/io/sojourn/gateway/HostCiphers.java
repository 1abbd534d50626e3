// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.AeadContext;
import io.sojourn.linux.AeadContext.Algorithm;
import io.sojourn.seal.PacketCipher;
import java.lang.foreign.MemorySegment;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Packets are sealed by the host's OpenSSL: nothing to collect behind the forwarder's back, nothing to compile first. Without it, by the JDK. */
final class HostCiphers {
    private static final Logger LOG = LoggerFactory.getLogger(HostCiphers.class);

    private record Openssl(AeadContext context) implements PacketCipher {
        static PacketCipher make(boolean aes, byte[] key, boolean sealing) {
            return new Openssl(
                    new AeadContext(aes ? Algorithm.AES_256_GCM : Algorithm.CHACHA20_POLY1305, key, sealing));
        }

        @Override
        public int seal(long nonce, MemorySegment in, long at, int length, MemorySegment out, long outAt) {
            return context.seal(nonce, in, at, length, out, outAt);
        }

        @Override
        public int open(long nonce, MemorySegment in, long at, int length, MemorySegment out, long outAt) {
            return context.open(nonce, in, at, length, out, outAt);
        }
    }

    /** Asked once in a process. */
    private static final boolean HAS_OPENSSL = AeadContext.isAvailable();

    private HostCiphers() {}

    static PacketCipher.Maker best() {
        return HAS_OPENSSL ? Openssl::make : PacketCipher.Maker.ofJdk();
    }

    /** To an operator, once a gateway does its work. */
    static void sayWhatIsMissing() {
        if (!HAS_OPENSSL) {
            LOG.info("this host has no OpenSSL 3 (libssl3): packets are sealed by the JDK, more slowly");
        }
    }
}
