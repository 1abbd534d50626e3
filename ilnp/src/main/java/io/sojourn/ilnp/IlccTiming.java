// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

/**
 * How long things are kept, in milliseconds, and how many.
 *
 * @param inUseMs a locator that a packet went to or came from within this time is in use
 * @param tentativeMs a correspondent that only spoke to us, and was never answered, is forgotten after this (FreeBSD: 10 s)
 * @param idleMs a correspondent of whom and to whom nothing went is forgotten after this (RFC 6741: several minutes)
 * @param replacedMs how long packets that are on their way from a locator that an update has replaced are taken
 * @param nonceAfterMoveMs how long all packets carry the nonce after a move; at least 3 round trips, a fixed time is allowed (RFC 6744 section 4)
 * @param nonceFirstPackets how many packets at a session's begin carry it
 * @param correspondentsMax at most so many are known at a time
 * @param locatorsMax of one correspondent; further ones in an update are passed over
 */
public record IlccTiming(
        long inUseMs,
        long tentativeMs,
        long idleMs,
        long replacedMs,
        long nonceAfterMoveMs,
        int nonceFirstPackets,
        int correspondentsMax,
        int locatorsMax) {
    public static final IlccTiming DEFAULT = new IlccTiming(10_000, 10_000, 600_000, 10_000, 60_000, 4, 65_536, 16);
}
