// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/** What the two codes of a handshake datagram, mac1 and mac2, are made with (as WireGuard's, whitepaper section 5.4.4 and 5.4.7). */
final class Handshakes {
    private static final byte[] MAC1 = "sojourn mac1".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] COOKIE = "sojourn cookie".getBytes(StandardCharsets.US_ASCII);

    private Handshakes() {}

    /** The key of mac1 in datagrams to the gateway with this static key: a sender proves that it knows whom it talks to. */
    static byte[] mac1Key(SealPublicKey to) {
        return Hash.sha256(MAC1, to.raw());
    }

    /** The key that cookies from the gateway with this static key are sealed with. */
    static byte[] cookieKey(SealPublicKey from) {
        return Hash.sha256(COOKIE, from.raw());
    }

    static byte[] mac(byte[] key, byte[] message, int length) {
        return Arrays.copyOf(Hash.hmac(key, Arrays.copyOf(message, length)), SealFormat.MAC_BYTES);
    }

    static boolean isMac(byte[] key, byte[] message, int at) {
        byte[] found = Arrays.copyOfRange(message, at, at + SealFormat.MAC_BYTES);
        return MessageDigest.isEqual(mac(key, message, at), found);
    }
}
