// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** A gateway's static key pair. It shows its private half to whoever stores it, and to nobody by accident: not in text. */
public final class SealPrivateKey {
    private final byte[] bytes;
    private final SealPublicKey publicKey;

    private SealPrivateKey(byte[] bytes) {
        this.bytes = bytes;
        this.publicKey = SealPublicKey.of(X25519.publicKey(bytes));
    }

    public static SealPrivateKey generate(Entropy entropy) {
        return new SealPrivateKey(entropy.bytes(X25519.BYTES));
    }

    /** @throws SealException if it is not 32 octets */
    public static SealPrivateKey of(byte[] bytes) {
        if (bytes.length != X25519.BYTES) {
            throw new SealException("a private key has " + X25519.BYTES + " octets, not " + bytes.length);
        }
        return new SealPrivateKey(bytes.clone());
    }

    public SealPublicKey publicKey() {
        return publicKey;
    }

    /** For storing it. */
    public byte[] bytes() {
        return bytes.clone();
    }

    /** Not to be written to. */
    byte[] raw() {
        return bytes;
    }

    @Override
    public String toString() {
        return "private key of " + publicKey;
    }
}
