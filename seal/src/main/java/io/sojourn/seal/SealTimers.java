// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/**
 * How long things last. All but the first are WireGuard's (whitepaper section 6.1) or shorter: between gateways it matters
 * more that a path comes back at once.
 *
 * @param rekeyAfterNs age at which a session's initiator makes the next one
 * @param rejectAfterNs age at which a session is forgotten; between the two a rekey may be deferred or fail
 * @param retryNs between initiations that are not answered, growing to {@code retryMaxNs}
 * @param retryMaxNs the longest
 * @param silenceNs a peer from which nothing authentic has come for so long may have lost its keys: a new handshake is tried
 * @param keepaliveNs a session over which nothing was sent for so long sends something empty
 */
public record SealTimers(
        long rekeyAfterNs, long rejectAfterNs, long retryNs, long retryMaxNs, long silenceNs, long keepaliveNs) {
    private static final long SECOND = 1_000_000_000L;

    public static final SealTimers DEFAULT =
            new SealTimers(120 * SECOND, 180 * SECOND, SECOND, 2 * SECOND, 3 * SECOND, SECOND);

    /** A rekey is due after so many datagrams: at 1400 octets each, an attacker's advantage against AES-GCM stays below 2^-56. */
    static final long REKEY_AFTER_DATAGRAMS = 1L << 29;

    static final long REJECT_AFTER_DATAGRAMS = 1L << 30;

    /** Cookies, and the secret they are made with, live so long. */
    static final long COOKIE_NS = 120 * SECOND;

    /** The same, rekeying at another age; a session still has a minute in which the rekey may fail. */
    public SealTimers rekeyAfter(long ns) {
        return new SealTimers(ns, ns + 60 * SECOND, retryNs, retryMaxNs, silenceNs, keepaliveNs);
    }
}
