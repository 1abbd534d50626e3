// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;

/** A gateway's Ed25519 key pair (RFC 8032). Its text form has both halves, for a file that nobody else can read. */
public final class SigningKey {
    private static final HexFormat HEX = HexFormat.of();
    /** PKCS #8 of an Ed25519 key, up to the seed (RFC 8410 section 7). */
    private static final byte[] PREFIX = HEX.parseHex("302e020100300506032b657004220420");

    private final byte[] seed;
    private final PrivateKey privateKey;
    private final PublicSigningKey publicKey;

    private SigningKey(byte[] seed, PublicSigningKey publicKey) {
        this.seed = seed;
        this.publicKey = publicKey;
        byte[] encoded = Arrays.copyOf(PREFIX, PREFIX.length + seed.length);
        System.arraycopy(seed, 0, encoded, PREFIX.length, seed.length);
        try {
            privateKey = KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(encoded));
        } catch (GeneralSecurityException e) {
            throw new CertificateException("this Java cannot use an Ed25519 key", e);
        }
        byte[] probe = publicKey.hex().getBytes(StandardCharsets.US_ASCII);
        if (!publicKey.verifies(probe, sign(probe))) {
            throw new CertificateException("the two halves of the signing key do not belong together");
        }
    }

    public static SigningKey generate() {
        try {
            KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
            byte[] secret = pair.getPrivate().getEncoded();
            byte[] open = pair.getPublic().getEncoded();
            return new SigningKey(
                    Arrays.copyOfRange(secret, secret.length - PublicSigningKey.KEY_BYTES, secret.length),
                    PublicSigningKey.of(
                            Arrays.copyOfRange(open, open.length - PublicSigningKey.KEY_BYTES, open.length)));
        } catch (GeneralSecurityException e) {
            throw new CertificateException("this Java cannot make an Ed25519 key", e);
        }
    }

    /** @param text as {@link #secretText} wrote it */
    public static SigningKey parse(String text) {
        String[] halves = text.strip().split("\\s+");
        if (halves.length != 2 || !halves[0].matches("[0-9a-f]{64}")) {
            throw new CertificateException("not a signing key: two groups of 64 hexadecimal digits");
        }
        return new SigningKey(HEX.parseHex(halves[0]), new PublicSigningKey(halves[1]));
    }

    /** The seed and the public key, in hexadecimal. A secret. */
    public String secretText() {
        return HEX.formatHex(seed) + " " + publicKey.hex();
    }

    public PublicSigningKey publicKey() {
        return publicKey;
    }

    byte[] sign(byte[] message) {
        try {
            Signature signature = Signature.getInstance("Ed25519");
            signature.initSign(privateKey);
            signature.update(message);
            return signature.sign();
        } catch (GeneralSecurityException e) {
            throw new CertificateException("signing failed: " + e.getMessage(), e);
        }
    }

    /** Signs a statement as it is: this gateway said so. */
    public SignedStatement sign(Statement statement) {
        byte[] signature = sign(statement.signedOctets());
        return new SignedStatement(statement, publicKey, HEX.formatHex(signature));
    }
}
