// SPDX-License-Identifier: Apache-2.0
package io.sojourn.rpc;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import org.jspecify.annotations.NullMarked;

/**
 * What an operator carries from the controller to a gateway, as one word without blanks:
 *
 * <pre>
 *   sj1.8 characters.22 characters.43 characters        each part in base64url (RFC 4648, section 5) without padding
 *       id           secret        SHA-256 of the CA's certificate
 * </pre>
 *
 * The fingerprint lets the gateway know its controller before it tells the secret.
 */
@NullMarked
public record EnrolmentToken(byte[] id, byte[] secret, byte[] authority) {
    public static final int ID_BYTES = 6;
    public static final int SECRET_BYTES = 16;
    private static final int FINGERPRINT_BYTES = 32;
    private static final String PREFIX = "sj1";
    private static final Base64.Encoder TEXT = Base64.getUrlEncoder().withoutPadding();

    /** @throws IllegalArgumentException with one line for a person */
    public static EnrolmentToken parse(String text) {
        String[] parts = text.strip().split("\\.", -1);
        if (parts.length == 4 && parts[0].equals(PREFIX)) {
            try {
                EnrolmentToken token = new EnrolmentToken(bytes(parts[1]), bytes(parts[2]), bytes(parts[3]));
                if (token.id.length == ID_BYTES
                        && token.secret.length == SECRET_BYTES
                        && token.authority.length == FINGERPRINT_BYTES) {
                    return token;
                }
            } catch (IllegalArgumentException e) {
                // the same complaint
            }
        }
        throw new IllegalArgumentException(
                "is not an enrolment token: copy all of what 'sojourn gateway token SITE/NAME' printed, it begins with 'sj1.'");
    }

    private static byte[] bytes(String text) {
        return Base64.getUrlDecoder().decode(text);
    }

    /** SHA-256, of a certificate's DER or of a secret. */
    public static byte[] digest(byte[] of) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(of);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** By which the controller finds what it knows of the token; no secret. */
    public String idText() {
        return TEXT.encodeToString(id);
    }

    public boolean names(byte[] authorityDer) {
        return MessageDigest.isEqual(authority, digest(authorityDer));
    }

    /** The whole word, with the secret. */
    public String text() {
        return PREFIX + "." + idText() + "." + TEXT.encodeToString(secret) + "." + TEXT.encodeToString(authority);
    }

    /** Without the secret: this may end up in a log. */
    @Override
    public String toString() {
        return PREFIX + "." + idText();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EnrolmentToken t && text().equals(t.text());
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(id);
    }

    /** What a gateway's proof covers; each part with its length, so that none can be read as another. */
    public static byte[] proof(EnrolRequest request) {
        java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
        for (byte[] part : new byte[][] {
            "sojourn enrolment 1".getBytes(StandardCharsets.US_ASCII),
            request.getToken().getBytes(StandardCharsets.UTF_8),
            request.getGateway().getBytes(StandardCharsets.UTF_8),
            request.getSite().getBytes(StandardCharsets.UTF_8),
            request.getPublicKey().toByteArray(),
            request.getSealKey().toByteArray()
        }) {
            out.write(part.length >>> 8);
            out.write(part.length);
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
