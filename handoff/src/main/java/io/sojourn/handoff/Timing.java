// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

/**
 * The bounds of one handoff. All times in nanoseconds of the gateway's monotonic clock; none is ever compared between
 * gateways.
 *
 * @param rttNs the longest round trip between two gateways that take part
 * @param drainBoundNs longest wait for the guest to read what is already in its port's queue (HOLD)
 * @param markerBoundNs longest hold of packets on a new path, counted from the first one held
 * @param quietNs how long nothing may have come over the old path before the source forgets it
 * @param maxPauseNs longest wait for the destination to run before the source asks for the guest back
 * @param giveUpNs how long a peer that does not answer is asked where the answer no longer matters for safety
 * @param armExpiryNs an armed handoff that never started, and a copy that never ended, ends after this
 * @param bufferBytes bound of the destination's buffer and of each hold
 */
public record Timing(
        long rttNs,
        long drainBoundNs,
        long markerBoundNs,
        long quietNs,
        long maxPauseNs,
        long giveUpNs,
        long armExpiryNs,
        long bufferBytes) {
    private static final long MS = 1_000_000;
    private static final long SECOND = 1_000 * MS;

    public Timing {
        if (rttNs < 0
                || drainBoundNs <= 0
                || markerBoundNs <= 0
                || quietNs <= 0
                || maxPauseNs <= 0
                || giveUpNs <= 0
                || armExpiryNs <= 0
                || bufferBytes <= 0) {
            throw new IllegalArgumentException("bounds of a handoff must be positive");
        }
    }

    /** The usual bounds on paths with this round trip. */
    public static Timing forRtt(long rttNs) {
        return new Timing(
                rttNs,
                50 * MS,
                4 * rttNs + 200 * MS, // a marker that is lost once still comes in time: Ci-S-D is at most 1 RTT
                Math.max(SECOND, 3 * rttNs),
                10 * SECOND,
                30 * SECOND,
                2 * 3600 * SECOND,
                64L << 20);
    }

    /**
     * Wait before an unanswered signal is sent again. Grows to a bound that still lets a correspondent flip within 2 RTT
     * + 50 ms of the end of a fault (invariant 4); after half a minute a peer counts as away and is asked once a second,
     * and at once when it is seen again.
     *
     * @param attempt 0 for the first sending
     */
    public long retransmitAfterNs(int attempt) {
        long boundNs = rttNs + rttNs / 4 + 30 * MS;
        long intervalNs = rttNs + (5 * MS << Math.min(attempt, 10));
        return (long) attempt * boundNs > 30 * SECOND ? Math.max(SECOND, boundNs) : Math.min(intervalNs, boundNs);
    }
}
