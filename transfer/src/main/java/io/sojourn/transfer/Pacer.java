// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.DATA_HEADER_BYTES;

/** When the next datagram may leave: credit in octets, earned at the pace of the rate control and spent by sending. */
final class Pacer {
    private static final long MS = 1_000_000L;
    /** Credit that a late forwarder may catch up with in one burst. */
    private static final long BURST_NS = 8 * MS;

    private static final int BURST_DATAGRAMS = 32;
    /** Datagrams are released in lumps of this much time, not one by one: a wake costs more than a datagram. */
    private static final long QUANTUM_NS = MS / 4;

    private final RateControl rate;
    private final int datagramBytes;
    private double creditBytes;
    private boolean clipped;
    private boolean blocked;
    private long creditNs = Long.MIN_VALUE;

    Pacer(RateControl rate, StreamParameters parameters) {
        this.rate = rate;
        this.datagramBytes = DATA_HEADER_BYTES + parameters.maxPayloadBytes();
    }

    /** Whether a datagram of any length may leave. */
    boolean allows(long nowNs) {
        double pace = rate.paceBytesPerS();
        double most = Math.max(pace * BURST_NS / 1e9, BURST_DATAGRAMS * (double) datagramBytes);
        if (creditNs == Long.MIN_VALUE) {
            creditBytes = most;
        } else {
            double earned = creditBytes + pace * (nowNs - creditNs) / 1e9;
            clipped = earned > most;
            creditBytes = Math.min(most, earned);
        }
        creditNs = nowNs;
        boolean allowed = creditBytes >= datagramBytes;
        blocked |= !allowed;
        return allowed;
    }

    /** After {@link #allows} has refused and allowed again: whether this machine was too busy to keep the pace, which says nothing about the path. */
    boolean wasLate() {
        boolean late = blocked && clipped;
        blocked = false;
        return late;
    }

    void spend(int bytes) {
        creditBytes -= bytes;
    }

    /** When the credit suffices for a lump of datagrams, or for all that waits. */
    long dueNs(long nowNs, long waitingBytes) {
        if (creditNs == Long.MIN_VALUE) {
            return nowNs;
        }
        double pace = rate.paceBytesPerS();
        if (creditBytes + pace * (nowNs - creditNs) / 1e9 >= datagramBytes) {
            return nowNs;
        }
        double lump = Math.max(datagramBytes, Math.min(pace * QUANTUM_NS / 1e9, waitingBytes));
        return creditNs + (long) Math.ceil((lump - creditBytes) * 1e9 / pace);
    }
}
