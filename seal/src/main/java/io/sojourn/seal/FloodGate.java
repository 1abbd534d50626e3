// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * What stands between a flood of initiations and the four scalar multiplications that each costs. Up to a rate everybody
 * passes; beyond it, who has come back with a cookie, which shows that datagrams to its address reach it; and of those as
 * many again.
 */
final class FloodGate {
    enum Verdict {
        PASS,
        /** Send it a cookie. */
        COOKIE,
        REFUSE
    }

    private static final long PER_SECOND = 50;
    private static final long BURST = 100;
    private static final long COST_NS = 1_000_000_000L / PER_SECOND;

    private final Entropy entropy;
    private final byte[] mac1Key;
    private final Aead cookieSealer;
    private long openUntilNs;
    private long cookieUntilNs;
    private boolean begun;
    private byte[] secret = new byte[0];
    private long secretNs;
    private long cookies;

    FloodGate(SealPublicKey self, Entropy entropy) {
        this.entropy = entropy;
        mac1Key = Handshakes.mac1Key(self);
        cookieSealer = new Aead(false, Handshakes.cookieKey(self));
        // A nonce must not come back in the life of the static key: a random start, and 2^62 to go.
        cookies = ByteBuffer.wrap(entropy.bytes(Long.BYTES)).getLong();
    }

    boolean isForUs(byte[] message, int mac1At) {
        return Handshakes.isMac(mac1Key, message, mac1At);
    }

    Verdict admit(byte[] initiation, byte[] source, long nowNs) {
        if (!begun) {
            begun = true;
            openUntilNs = nowNs - BURST * COST_NS;
            cookieUntilNs = openUntilNs;
        }
        long open = Math.max(openUntilNs, nowNs - BURST * COST_NS);
        if (open + COST_NS <= nowNs) {
            openUntilNs = open + COST_NS;
            return Verdict.PASS;
        }
        if (!Handshakes.isMac(cookie(source, nowNs), initiation, initiation.length - SealFormat.MAC_BYTES)) {
            return Verdict.COOKIE;
        }
        long cookied = Math.max(cookieUntilNs, nowNs - BURST * COST_NS);
        if (cookied + COST_NS > nowNs) {
            return Verdict.REFUSE;
        }
        cookieUntilNs = cookied + COST_NS;
        return Verdict.PASS;
    }

    /** The answer to an initiation: a cookie that only somebody who has seen the initiation can open. */
    byte[] reply(byte[] initiation, int mac1At, Suite suite, byte[] source, long nowNs) {
        byte[] header = SealFormat.handshakeHeader(SealFormat.COOKIE, suite, 0, SealFormat.sender(initiation));
        byte[] out = Arrays.copyOf(header, SealFormat.COOKIE_REPLY_BYTES);
        long nonce = cookies++;
        byte[] nonceBytes = SealFormat.timestamp(nonce);
        System.arraycopy(nonceBytes, 0, out, header.length, nonceBytes.length);
        byte[] mac1 = Arrays.copyOfRange(initiation, mac1At, mac1At + SealFormat.MAC_BYTES);
        byte[] cookie = cookie(source, nowNs);
        cookieSealer.seal(nonce, mac1, cookie, 0, cookie.length, out, header.length + nonceBytes.length);
        return out;
    }

    private byte[] cookie(byte[] source, long nowNs) {
        if (secret.length == 0 || nowNs - secretNs > SealTimers.COOKIE_NS) {
            secret = entropy.bytes(Hash.BYTES);
            secretNs = nowNs;
        }
        return Arrays.copyOf(Hash.hmac(secret, source), SealFormat.COOKIE_BYTES);
    }
}
