// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;

/**
 * What waits for a guest that does not run here yet. Within a flow it comes out as it went in; between flows, who has somebody waiting goes first: the oldest datagram of each pair
 * of addresses, as who sends a thousand a second must not keep those waiting who send ten; then the other datagrams; then what is patient, TCP, which makes up for the silence
 * by itself, and ICMP, which nobody's session hangs on. The first of either costs a guest with cold caches milliseconds. So that the patient do not wait for ever, one of them goes after
 * every few datagrams.
 *
 * <p>Ownership and locking: as {@link HoldBuffer}.
 */
final class KeptFrames implements AutoCloseable {
    private static final int DATAGRAMS_PER_PATIENT = 16;
    /** The most that a frame takes beside its own length. */
    private static final int OVERHEAD_BYTES = 16;

    /** Pairs of addresses whose oldest datagram goes first; those beyond wait their turn. */
    private static final int PAIRS = 64;

    private static final long MIX = 0x9E37_79B9_7F4A_7C15L;

    /** What the guest's port has been given, of which nobody knows yet whether the guest will run here; in case it does not, they are the first. */
    private final HoldBuffer led;

    private final HoldBuffer oldest;
    private final HoldBuffer datagrams;
    private final HoldBuffer patient;
    private final long boundBytes;
    private final ParsedFrame f = new ParsedFrame();
    /** Pairs that have had their turn among the oldest, by a hash of their addresses: two that share it are served as one. */
    private final long[] pairs = new long[PAIRS];

    private int pairCount;
    /** Datagrams that have gone since the last of the patient did. */
    private int inARow;

    private boolean patientWait;

    /** @param boundBytes of all together */
    KeptFrames(long boundBytes) {
        this.boundBytes = boundBytes;
        led = new HoldBuffer(boundBytes);
        oldest = new HoldBuffer(boundBytes);
        datagrams = new HoldBuffer(boundBytes);
        patient = new HoldBuffer(boundBytes);
    }

    /** Copies a frame in; false when it does not fit. */
    boolean add(MemorySegment from, long at, int length) {
        return led.bytes() + oldest.bytes() + datagrams.bytes() + patient.bytes() + length + OVERHEAD_BYTES
                        <= boundBytes
                && placeOf(from, at, length).add(from, at, length);
    }

    /** All packets of a flow, fragments among them, are patient or are not; and all datagrams of a pair of addresses but its first go one way. */
    private HoldBuffer placeOf(MemorySegment from, long at, int length) {
        if (f.parse(from, at, length).isDrop() || !f.isIp()) {
            return datagrams;
        }
        return switch (f.protocol()) {
            case IpProtocol.TCP, IpProtocol.ICMP, IpProtocol.ICMPV6 -> patient;
            default -> isNewPair() ? oldest : datagrams;
        };
    }

    private boolean isNewPair() {
        long hash = f.sourceHigh();
        hash = hash * MIX + f.sourceLow();
        hash = hash * MIX + f.destinationHigh();
        hash = hash * MIX + f.destinationLow();
        for (int i = 0; i < pairCount; i++) {
            if (pairs[i] == hash) {
                return false;
            }
        }
        if (pairCount == PAIRS) {
            return false;
        }
        pairs[pairCount++] = hash;
        return true;
    }

    boolean isEmpty() {
        return led.isEmpty() && oldest.isEmpty() && datagrams.isEmpty() && patient.isEmpty();
    }

    int count() {
        return led.count() + oldest.count() + datagrams.count() + patient.count();
    }

    /** How many correspondents' oldest datagrams wait: they go at once, each has somebody waiting for its answer. */
    int pairsWaiting() {
        return oldest.count();
    }

    /** Where the datagram to lead with is the oldest; call only while {@link #pairsWaiting}. */
    HoldBuffer nextToLead() {
        return oldest;
    }

    /** The frame that {@link #nextToLead} gave is in the guest's port. */
    void lead() {
        if (led.add(oldest.frames(), oldest.frameAt(), oldest.frameLength())) {
            oldest.remove();
        }
    }

    /** The guest runs, and has what its port was given; how many that were. */
    int forgetLed() {
        int count = led.count();
        led.close();
        return count;
    }

    /** Whether the patient wait until they may go again, even if nothing else is there. */
    void letPatientWait(boolean wait) {
        patientWait = wait;
    }

    /** Whether {@link #next} has something that may go. */
    boolean hasNext() {
        return patientWait ? !(led.isEmpty() && oldest.isEmpty() && datagrams.isEmpty()) : !isEmpty();
    }

    /** Where the next frame to go out is the oldest; call only when {@link #hasNext}. */
    HoldBuffer next() {
        if (!led.isEmpty()) {
            return led;
        }
        if (!oldest.isEmpty()) {
            return oldest;
        }
        boolean isTheirTurn = !patientWait && inARow >= DATAGRAMS_PER_PATIENT;
        boolean isPatient = datagrams.isEmpty() || isTheirTurn && !patient.isEmpty();
        return isPatient ? patient : datagrams;
    }

    /** Forgets the frame that {@link #next} gave. */
    void remove() {
        HoldBuffer next = next();
        inARow = next == patient ? 0 : inARow + 1;
        next.remove();
    }

    /** Gives the memory back; empty, it may be used again. */
    @Override
    public void close() {
        led.close();
        oldest.close();
        datagrams.close();
        patient.close();
    }
}
