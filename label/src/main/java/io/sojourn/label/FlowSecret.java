// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What both ends of a connection know since it was set up: its label, by which it is named, and the key that their control messages are authenticated with. The key is HMAC-SHA-256 over both tokens,
 * under the realm's key where the boundaries share one; where they do not, under the tokens themselves, so that whoever could read the set-up can speak for the connection, and nobody else.
 *
 * @param key 32 octets
 */
public record FlowSecret(long label, byte[] key) {
    static final int TAG_BYTES = 32;
    private static final String ALGORITHM = "HmacSHA256";
    private static final byte[] KEY = "sojourn label key".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] NAME = "sojourn label name".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] REALM = "sojourn label realm".getBytes(StandardCharsets.US_ASCII);

    public FlowSecret {
        key = key.clone();
        if (key.length != TAG_BYTES) {
            throw new IllegalArgumentException("a connection's key has " + TAG_BYTES + " octets, not " + key.length);
        }
    }

    /** @param realmKey empty: the boundaries share none */
    public static FlowSecret of(Token initiator, Token responder, byte[] realmKey) {
        byte[] tokens = ByteBuffer.allocate(2 * Token.BYTES)
                .putLong(initiator.high())
                .putInt(initiator.low())
                .putLong(responder.high())
                .putInt(responder.low())
                .array();
        byte[] name = hmac(tokens, NAME, tokens);
        return new FlowSecret(
                ByteBuffer.wrap(name).getLong(), hmac(realmKey.length == 0 ? tokens : realmKey, KEY, tokens));
    }

    /** Of a realm's key, what an option says of it: 24 bits, never 0; 0 for no key. */
    public static int keyName(byte[] realmKey) {
        if (realmKey.length == 0) {
            return 0;
        }
        int name = ByteBuffer.wrap(hmac(realmKey, REALM, new byte[0])).getInt() >>> 8;
        return name == 0 ? 1 : name;
    }

    @Override
    public byte[] key() {
        return key.clone();
    }

    /** The code over the first {@code length} octets. */
    byte[] tag(byte[] octets, int length) {
        return hmac(key, new byte[0], Arrays.copyOf(octets, length));
    }

    boolean isTag(byte[] octets, int length) {
        return octets.length == length + TAG_BYTES
                && MessageDigest.isEqual(tag(octets, length), Arrays.copyOfRange(octets, length, octets.length));
    }

    private static byte[] hmac(byte[] key, byte[] purpose, byte[] over) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
            mac.update(purpose);
            return mac.doFinal(over);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no " + ALGORITHM, e);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof FlowSecret f && f.label == label && MessageDigest.isEqual(f.key, key);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(label);
    }

    @Override
    public String toString() {
        return "label " + Long.toHexString(label);
    }
}
