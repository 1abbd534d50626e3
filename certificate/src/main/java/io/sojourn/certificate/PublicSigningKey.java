// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;

/** A gateway's Ed25519 public key (RFC 8032): what its statements are checked with. {@code hex} is its 32 octets in lower case. */
public record PublicSigningKey(String hex) {
    static final int KEY_BYTES = 32;
    private static final HexFormat HEX = HexFormat.of();
    /** SubjectPublicKeyInfo of an Ed25519 key, up to the key itself (RFC 8410 section 4). */
    private static final byte[] PREFIX = HEX.parseHex("302a300506032b6570032100");

    public PublicSigningKey {
        if (!hex.matches("[0-9a-f]{64}")) {
            throw new CertificateException("'" + hex + "' is not a signing key: 64 hexadecimal digits in lower case");
        }
    }

    public static PublicSigningKey of(byte[] octets) {
        return new PublicSigningKey(HEX.formatHex(octets));
    }

    public byte[] octets() {
        return HEX.parseHex(hex);
    }

    /** False also if the key is no point of the curve or the signature is malformed. */
    public boolean verifies(byte[] message, byte[] signature) {
        try {
            Signature check = Signature.getInstance("Ed25519");
            check.initVerify(KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded())));
            check.update(message);
            return check.verify(signature);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private byte[] encoded() {
        byte[] encoded = new byte[PREFIX.length + KEY_BYTES];
        System.arraycopy(PREFIX, 0, encoded, 0, PREFIX.length);
        System.arraycopy(octets(), 0, encoded, PREFIX.length, KEY_BYTES);
        return encoded;
    }

    @Override
    public String toString() {
        return hex;
    }
}
