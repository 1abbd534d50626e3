// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.util.Arrays;
import java.util.Base64;

/** A gateway's static public key: 32 octets of X25519 (RFC 7748), written in base64. Immutable. */
public final class SealPublicKey {
    public static final int BYTES = X25519.BYTES;

    private final byte[] bytes;
    private final int hash;

    private SealPublicKey(byte[] bytes) {
        this.bytes = bytes;
        this.hash = Arrays.hashCode(bytes);
    }

    /** @throws SealException if it is not 32 octets */
    public static SealPublicKey of(byte[] bytes) {
        if (bytes.length != BYTES) {
            throw new SealException("a public key has " + BYTES + " octets, not " + bytes.length);
        }
        return new SealPublicKey(bytes.clone());
    }

    /** @throws SealException if it is not base64 of 32 octets */
    public static SealPublicKey parse(String base64) {
        try {
            return of(Base64.getDecoder().decode(base64));
        } catch (IllegalArgumentException e) {
            throw new SealException("'" + base64 + "' is not a public key in base64", e);
        }
    }

    public byte[] bytes() {
        return bytes.clone();
    }

    /** Not to be written to. */
    byte[] raw() {
        return bytes;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SealPublicKey k && Arrays.equals(bytes, k.bytes);
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public String toString() {
        return Base64.getEncoder().encodeToString(bytes);
    }
}
