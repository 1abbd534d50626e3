// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.AeadContext;
import io.sojourn.linux.IpsecMbGcm;
import io.sojourn.linux.OpensslAead;
import io.sojourn.linux.OpensslAead.Algorithm;
import io.sojourn.seal.PacketCipher;
import java.lang.foreign.MemorySegment;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Packets are sealed by the host's libraries: nothing to collect behind the forwarder's back, nothing to compile first. AES by Intel's for IPsec, the fastest there is where the
 * processor has VAES; without it, and ChaCha20, by OpenSSL; without that by the JDK.
 */
final class HostCiphers {
    private static final Logger LOG = LoggerFactory.getLogger(HostCiphers.class);

    private record ByLibrary(AeadContext context) implements PacketCipher {
        @Override
        public int seal(long nonce, MemorySegment in, long at, int length, MemorySegment out, long outAt) {
            return context.seal(nonce, in, at, length, out, outAt);
        }

        @Override
        public int open(long nonce, MemorySegment in, long at, int length, MemorySegment out, long outAt) {
            return context.open(nonce, in, at, length, out, outAt);
        }
    }

    // Asked once in a process.
    private static final boolean HAS_IPSEC_MB = IpsecMbGcm.isAvailable();
    private static final boolean HAS_OPENSSL = OpensslAead.isAvailable();

    private HostCiphers() {}

    static PacketCipher.Maker best() {
        PacketCipher.Maker jdk = PacketCipher.Maker.ofJdk();
        return (aes, key, sealing) -> {
            if (aes && HAS_IPSEC_MB) {
                return new ByLibrary(new IpsecMbGcm(key));
            }
            return HAS_OPENSSL
                    ? new ByLibrary(
                            new OpensslAead(aes ? Algorithm.AES_256_GCM : Algorithm.CHACHA20_POLY1305, key, sealing))
                    : jdk.make(aes, key, sealing);
        };
    }

    /** Whether AES leaves nothing for the collector. */
    static boolean allocateNothing() {
        return HAS_IPSEC_MB || HAS_OPENSSL;
    }

    /** To an operator, once a gateway does its work. */
    static void sayWhatIsMissing() {
        if (!allocateNothing()) {
            LOG.info(
                    "this host has neither libipsec-mb1 nor OpenSSL 3 (libssl3): packets are sealed by the JDK, more slowly");
        } else if (!HAS_IPSEC_MB && System.getProperty("os.arch").equals("amd64")) {
            LOG.info("this host has no libipsec-mb1: packets are sealed by OpenSSL, more slowly");
        }
    }
}
