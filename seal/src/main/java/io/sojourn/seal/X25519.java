// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.spec.NamedParameterSpec;
import java.security.spec.XECPrivateKeySpec;
import java.security.spec.XECPublicKeySpec;
import java.util.Arrays;
import javax.crypto.KeyAgreement;
import org.jspecify.annotations.Nullable;

/** Diffie-Hellman on Curve25519 (RFC 7748 section 5) with keys as the 32 octets that they are on the wire. */
final class X25519 {
    static final int BYTES = 32;
    private static final String NAME = "X25519";
    private static final byte[] BASE_POINT = new byte[BYTES];

    static {
        BASE_POINT[0] = 9;
    }

    private X25519() {}

    static byte[] publicKey(byte[] privateKey) {
        byte[] out = agree(privateKey, BASE_POINT);
        if (out == null) {
            throw new AssertionError("the base point has no small order");
        }
        return out;
    }

    /** The shared secret, or null for a public key of small order, whose secret everybody knows (RFC 7748 section 6.1). */
    static byte @Nullable [] agree(byte[] privateKey, byte[] publicKey) {
        try {
            KeyFactory keys = KeyFactory.getInstance(NAME);
            KeyAgreement agreement = KeyAgreement.getInstance(NAME);
            agreement.init(keys.generatePrivate(new XECPrivateKeySpec(NamedParameterSpec.X25519, privateKey)));
            agreement.doPhase(
                    keys.generatePublic(new XECPublicKeySpec(NamedParameterSpec.X25519, coordinate(publicKey))), true);
            return agreement.generateSecret();
        } catch (InvalidKeyException e) {
            return null;
        } catch (GeneralSecurityException e) {
            throw new SealException("this JDK has no " + NAME, e);
        }
    }

    /** Little-endian, and the most significant bit is ignored (RFC 7748 section 5). */
    private static BigInteger coordinate(byte[] publicKey) {
        byte[] bigEndian = Arrays.copyOf(publicKey, BYTES);
        for (int i = 0; i < BYTES; i++) {
            bigEndian[i] = publicKey[BYTES - 1 - i];
        }
        bigEndian[0] &= 0x7F;
        return new BigInteger(1, bigEndian);
    }
}
