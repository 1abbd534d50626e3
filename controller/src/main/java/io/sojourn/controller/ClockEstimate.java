// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.Optional;

/**
 * A gateway's clock against ours: of the last probes, the one with the shortest round trip (RFC 5905, section 10, the clock filter).
 * Where a gateway does not answer probes, its heartbeats bound the offset from one side.
 */
final class ClockEstimate {
    /** @param offsetUs its clock minus ours @param uncertaintyUs half the round trip */
    record Offset(long offsetUs, long uncertaintyUs) {}

    private static final int KEPT = 8;
    private static final long UNKNOWN_UNCERTAINTY_US = 1_000_000;

    private final Deque<Offset> probes = new ArrayDeque<>();
    private final Deque<Long> heartbeats = new ArrayDeque<>();

    synchronized void probe(long sentUs, long gatewayUs, long receivedUs) {
        long roundTripUs = receivedUs - sentUs;
        if (roundTripUs < 0) {
            return; // our clock was set back meanwhile
        }
        probes.addLast(new Offset(gatewayUs - (sentUs + roundTripUs / 2), roundTripUs / 2));
        if (probes.size() > KEPT) {
            probes.removeFirst();
        }
    }

    synchronized void heartbeat(long gatewayUs, long receivedUs) {
        heartbeats.addLast(gatewayUs - receivedUs);
        if (heartbeats.size() > KEPT) {
            heartbeats.removeFirst();
        }
    }

    synchronized Optional<Offset> best() {
        Optional<Offset> probed = probes.stream().min(Comparator.comparingLong(Offset::uncertaintyUs));
        // A heartbeat arrives late by its one-way delay, so the greatest difference is the nearest to the truth.
        return probed.or(() -> heartbeats.stream()
                .max(Comparator.naturalOrder())
                .map(offset -> new Offset(offset, UNKNOWN_UNCERTAINTY_US)));
    }

    long offsetUs() {
        return best().map(Offset::offsetUs).orElse(0L);
    }
}
