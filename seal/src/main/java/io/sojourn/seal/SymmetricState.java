// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The SymmetricState and CipherState of a Noise handshake (revision 34, sections 5.1 and 5.2), in the specification's words. */
final class SymmetricState {
    private static final byte[] NOTHING = new byte[0];

    private final boolean aes;
    private byte[] chainingKey;
    private byte[] hash;
    private @Nullable Aead cipher;
    private long nonce;

    SymmetricState(Suite suite) {
        byte[] name = suite.protocolName();
        aes = suite.isAes();
        hash = name.length <= Hash.BYTES ? Arrays.copyOf(name, Hash.BYTES) : Hash.sha256(name);
        chainingKey = hash;
    }

    private SymmetricState(SymmetricState other) {
        aes = other.aes;
        chainingKey = other.chainingKey;
        hash = other.hash;
        cipher = other.cipher;
        nonce = other.nonce;
    }

    /** Arrays are never changed once they stand here, and a message begins with a new key: sharing is safe. */
    SymmetricState copy() {
        return new SymmetricState(this);
    }

    void mixHash(byte[] data) {
        hash = Hash.sha256(hash, data);
    }

    void mixKey(byte[] input) {
        byte[][] out = hkdf(input);
        chainingKey = out[0];
        key(out[1]);
    }

    void mixKeyAndHash(byte[] input) {
        byte[][] out = hkdf(input);
        chainingKey = out[0];
        mixHash(out[1]);
        key(out[2]);
    }

    private void key(byte[] key) {
        cipher = new Aead(aes, key);
        nonce = 0;
    }

    byte[] encryptAndHash(byte[] plain) {
        Aead c = cipher();
        byte[] out = new byte[plain.length + Aead.TAG_BYTES];
        c.seal(nonce++, hash, plain, 0, plain.length, out, 0);
        mixHash(out);
        return out;
    }

    /** Null if it is not authentic; the handshake is over then. */
    byte @Nullable [] decryptAndHash(byte[] sealed) {
        Aead c = cipher();
        byte[] out = new byte[Math.max(0, sealed.length - Aead.TAG_BYTES)];
        if (c.open(nonce++, hash, sealed, 0, sealed.length, out, 0) < 0) {
            return null;
        }
        mixHash(sealed);
        return out;
    }

    /** The two transport keys: first the initiator's for sending, then the responder's. */
    byte[][] split() {
        return hkdf(NOTHING);
    }

    byte[] handshakeHash() {
        return hash.clone();
    }

    private Aead cipher() {
        Aead c = cipher;
        if (c == null) {
            throw new IllegalStateException("every pattern of ours has a key before it encrypts");
        }
        return c;
    }

    /** Three outputs, of which some need two (section 4.3). */
    private byte[][] hkdf(byte[] input) {
        byte[] temp = Hash.hmac(chainingKey, input);
        byte[] first = Hash.hmac(temp, new byte[] {1});
        byte[] second = Hash.hmac(temp, first, new byte[] {2});
        return new byte[][] {first, second, Hash.hmac(temp, second, new byte[] {3})};
    }
}
