// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One handshake of pattern IK or IKpsk2 (Noise revision 34, sections 7.5 and 9), from either side.
 *
 * <pre>
 *   &lt;- s
 *   ...
 *   -&gt; e, es, s, ss
 *   &lt;- e, ee, se [, psk]
 * </pre>
 *
 * The calls come in the order of the messages. What is not authentic makes a read return null; the handshake is then to be
 * thrown away.
 */
final class NoiseIk {
    /** What the first message is longer than its payload, and what the second is. */
    static final int FIRST_OVERHEAD_BYTES = X25519.BYTES + X25519.BYTES + Aead.TAG_BYTES + Aead.TAG_BYTES;

    static final int SECOND_OVERHEAD_BYTES = X25519.BYTES + Aead.TAG_BYTES;
    static final int PSK_BYTES = 32;
    /** In place of a pre-shared key when there is none. */
    static final byte[] NO_PSK = new byte[0];

    private final Suite suite;
    private final SymmetricState symmetric;
    private final SealPrivateKey self;
    private byte[] ephemeral = new byte[0];
    private byte[] remoteStatic = new byte[0];
    private byte[] remoteEphemeral = new byte[0];

    private NoiseIk(Suite suite, byte[] prologue, SealPrivateKey self, byte[] responderStatic) {
        this.suite = suite;
        this.self = self;
        symmetric = new SymmetricState(suite);
        symmetric.mixHash(prologue);
        symmetric.mixHash(responderStatic);
    }

    static NoiseIk initiator(Suite suite, byte[] prologue, SealPrivateKey self, SealPublicKey responder) {
        NoiseIk out = new NoiseIk(suite, prologue, self, responder.raw());
        out.remoteStatic = responder.raw();
        return out;
    }

    static NoiseIk responder(Suite suite, byte[] prologue, SealPrivateKey self) {
        return new NoiseIk(suite, prologue, self, self.publicKey().raw());
    }

    /** The same handshake at the same point: a forged message read by a copy spoils nothing. */
    NoiseIk copy() {
        return new NoiseIk(this);
    }

    private NoiseIk(NoiseIk other) {
        suite = other.suite;
        self = other.self;
        symmetric = other.symmetric.copy();
        ephemeral = other.ephemeral;
        remoteStatic = other.remoteStatic;
        remoteEphemeral = other.remoteEphemeral;
    }

    /** Initiator: e, es, s, ss. Null if the responder's key is of small order. */
    byte @Nullable [] writeFirst(byte[] payload, byte[] ephemeralPrivate) {
        byte[] e = sendEphemeral(ephemeralPrivate);
        if (!mix(ephemeral, remoteStatic)) {
            return null;
        }
        byte[] s = symmetric.encryptAndHash(self.publicKey().raw());
        if (!mix(self.raw(), remoteStatic)) {
            return null;
        }
        return join(e, s, symmetric.encryptAndHash(payload));
    }

    /** Responder: the sender's static key, which is known to be the sender's only when {@link #readFirstPayload} has succeeded. */
    @Nullable
    SealPublicKey readFirstStatic(byte[] message) {
        if (message.length < FIRST_OVERHEAD_BYTES) {
            return null;
        }
        receiveEphemeral(message);
        if (!mix(self.raw(), remoteEphemeral)) {
            return null;
        }
        byte[] s =
                symmetric.decryptAndHash(Arrays.copyOfRange(message, X25519.BYTES, 2 * X25519.BYTES + Aead.TAG_BYTES));
        if (s == null) {
            return null;
        }
        remoteStatic = s;
        return SealPublicKey.of(s);
    }

    byte @Nullable [] readFirstPayload(byte[] message) {
        if (!mix(self.raw(), remoteStatic)) {
            return null;
        }
        return symmetric.decryptAndHash(
                Arrays.copyOfRange(message, FIRST_OVERHEAD_BYTES - Aead.TAG_BYTES, message.length));
    }

    /** Responder: e, ee, se, psk. Null if the initiator's keys are of small order. */
    byte @Nullable [] writeSecond(byte[] payload, byte[] ephemeralPrivate, byte[] psk) {
        byte[] e = sendEphemeral(ephemeralPrivate);
        if (!mix(ephemeral, remoteEphemeral) || !mix(ephemeral, remoteStatic)) {
            return null;
        }
        mixPsk(psk);
        return join(e, symmetric.encryptAndHash(payload));
    }

    /** Initiator: the payload. */
    byte @Nullable [] readSecond(byte[] message, byte[] psk) {
        if (message.length < SECOND_OVERHEAD_BYTES) {
            return null;
        }
        receiveEphemeral(message);
        if (!mix(ephemeral, remoteEphemeral) || !mix(self.raw(), remoteEphemeral)) {
            return null;
        }
        mixPsk(psk);
        return symmetric.decryptAndHash(Arrays.copyOfRange(message, X25519.BYTES, message.length));
    }

    /** After both messages: the initiator's sending key, and the responder's. */
    byte[][] split() {
        return symmetric.split();
    }

    byte[] handshakeHash() {
        return symmetric.handshakeHash();
    }

    private byte[] sendEphemeral(byte[] privateKey) {
        ephemeral = privateKey;
        byte[] e = X25519.publicKey(privateKey);
        mixEphemeral(e);
        return e;
    }

    private void receiveEphemeral(byte[] message) {
        remoteEphemeral = Arrays.copyOf(message, X25519.BYTES);
        mixEphemeral(remoteEphemeral);
    }

    private void mixEphemeral(byte[] e) {
        symmetric.mixHash(e);
        if (suite.isPreshared()) {
            symmetric.mixKey(e); // section 9.2
        }
    }

    private boolean mix(byte[] privateKey, byte[] publicKey) {
        byte[] secret = X25519.agree(privateKey, publicKey);
        if (secret == null) {
            return false;
        }
        symmetric.mixKey(secret);
        return true;
    }

    private void mixPsk(byte[] psk) {
        if (suite.isPreshared()) {
            symmetric.mixKeyAndHash(psk);
        }
    }

    private static byte[] join(byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        byte[] out = new byte[length];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, out, at, part.length);
            at += part.length;
        }
        return out;
    }
}
