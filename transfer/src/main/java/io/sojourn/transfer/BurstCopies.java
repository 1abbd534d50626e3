// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.util.Arrays;

/**
 * What of the last burst goes more than once, and when: one lost datagram costs the paused guest a whole round trip. A path that has lost nothing so far is trusted with
 * all but the very end, where a loss would show last.
 */
final class BurstCopies {
    /** A copy keeps this distance from its original, times its rank: losses come in bursts. */
    private static final long SPACING_NS = 2_000_000L;

    private static final int MOST = 3;
    /** Copied in any case. */
    private static final int TAIL_DATAGRAMS = 16;

    private final Flight flight;
    private final StreamParameters parameters;
    private final long[] cursors = new long[MOST];
    private boolean begun;
    private long dueNs = Long.MAX_VALUE;
    private long bytes;

    BurstCopies(Flight flight, StreamParameters parameters) {
        this.flight = flight;
        this.parameters = parameters;
    }

    boolean hasBegun() {
        return begun;
    }

    /** When the next copy is due, as of the last {@link #next}. */
    long dueNs() {
        return dueNs;
    }

    /**
     * Number of the datagram whose octets go again now; {@link Flight#NOTHING}: none does.
     *
     * @param isAllSent nothing new will follow
     * @param isLossy the path loses more than a little
     */
    long next(long nowNs, boolean isAllSent, boolean isLossy) {
        if (!begun) {
            begun = true;
            Arrays.fill(cursors, flight.oldest());
        }
        if (parameters.extraCopies() == 0) {
            return Flight.NOTHING;
        }
        dueNs = Long.MAX_VALUE;
        if (flight.lostDatagrams() == 0) {
            if (!isAllSent) {
                return Flight.NOTHING;
            }
            cursors[0] = Math.max(cursors[0], flight.next() - TAIL_DATAGRAMS);
        }
        int copies = Math.min(MOST, parameters.extraCopies() + (isLossy ? 1 : 0));
        for (int rank = 0; rank < copies; rank++) {
            long cursor = Math.max(cursors[rank], flight.base());
            while (cursor < flight.next() && !flight.isWorthCopying(cursor)) {
                cursor++;
            }
            cursors[rank] = cursor;
            if (cursor == flight.next()) {
                continue;
            }
            if (bytes + flight.payloadBytes(cursor) > parameters.extraCopiesMaxBytes()) {
                return Flight.NOTHING;
            }
            long copyDueNs = flight.sentNs(cursor) + (rank + 1) * SPACING_NS;
            if (copyDueNs > nowNs) {
                dueNs = Math.min(dueNs, copyDueNs);
                continue;
            }
            cursors[rank] = cursor + 1;
            bytes += flight.payloadBytes(cursor);
            return cursor;
        }
        return Flight.NOTHING;
    }
}
