// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.DATA_HEADER_BYTES;

/**
 * What has been sent, and what has become of it: which datagrams have arrived, which are held lost (RFC 9002, section 6), and how fast the path has delivered them
 * (draft-ietf-ccwg-bbr, section 4.1), which it tells the rate control.
 *
 * <p>Locking: none; the forwarder's thread, but {@link #ackedOffset} and {@link #isFinAcked}.
 */
final class Flight {
    /** In place of a datagram's number. */
    static final long NOTHING = Long.MIN_VALUE;

    private static final long MS = 1_000_000L;
    /** RFC 9002, section 6.1.1; the time by which packets were seen to overtake each other comes on top. */
    private static final int PACKET_THRESHOLD = 3;

    private static final long LONG_PATH_NS = 20 * MS;

    private final ByteRing ring;
    private final RoundTrip roundTrip;
    private final RateControl rate;
    private final SentPackets packets;
    private final RangeSet ackedNumbers;
    private final RangeSet ackedBytes;
    private final long[] lostQueue;
    private final int lostMask;
    private int lostHead;
    private int lostTail;

    private volatile long ackedOffset;
    private volatile boolean finAcked;

    private long oldestInFlight;
    private long largestAcked = -1;
    private long largestAckedSentNs;
    private long inFlightBytes;
    private long reorderNs;
    private long roundReorderNs;
    private long lossDueNs = Long.MAX_VALUE;

    private long deliveredBytes;
    private long deliveredNs;
    private long firstSentNs;
    private long appLimitedUntil;
    private long roundEndsAt;
    private long sampleNumber;

    private long lostDatagrams;
    private long spuriousDatagrams;

    Flight(ByteRing ring, StreamParameters parameters, RoundTrip roundTrip, RateControl rate) {
        this.ring = ring;
        this.roundTrip = roundTrip;
        this.rate = rate;
        int capacity = Integer.highestOneBit(2 * ring.capacityBytes() / parameters.maxPayloadBytes()) * 2;
        packets = new SentPackets(capacity);
        ackedNumbers = new RangeSet(capacity);
        ackedBytes = new RangeSet(capacity);
        lostQueue = new long[capacity];
        lostMask = capacity - 1;
    }

    // --- sending

    /** False if no more datagrams can be remembered. */
    boolean makeRoom() {
        if (packets.full()) {
            packets.forgetLost();
        }
        return !packets.full();
    }

    boolean isFull() {
        return packets.full();
    }

    /** A datagram leaves. @return its number */
    long add(long offset, int bytes, boolean copy, long nowNs) {
        if (inFlightBytes == 0) {
            firstSentNs = nowNs;
            deliveredNs = nowNs;
        }
        inFlightBytes += DATA_HEADER_BYTES + bytes;
        return packets.add(
                offset, bytes, copy, nowNs, deliveredBytes, deliveredNs, firstSentNs, appLimitedUntil > deliveredBytes);
    }

    /** What is under way now was not all that the path could have had. */
    void markAppLimited() {
        appLimitedUntil = Math.max(1, deliveredBytes + inFlightBytes);
    }

    /** With their headers: sent, and neither acknowledged nor held lost. */
    long bytes() {
        return inFlightBytes;
    }

    /** Number of the datagram that is sent next. */
    long next() {
        return packets.next();
    }

    /** Numbers below it are forgotten. */
    long base() {
        return packets.base();
    }

    /** Where in the stream a datagram's octets stand. */
    long offset(long number) {
        return packets.offset(number);
    }

    int payloadBytes(long number) {
        return packets.payloadBytes(number);
    }

    long sentNs(long number) {
        return packets.sentNs(number);
    }

    /** It is an original, under way, and its octets have not come by another. */
    boolean isWorthCopying(long number) {
        return packets.state(number) == SentPackets.IN_FLIGHT
                && !packets.copy(number)
                && !arrived(packets.offset(number), packets.payloadBytes(number));
    }

    /** Meaningful while something is under way. */
    long oldest() {
        skipSettled();
        return oldestInFlight;
    }

    /** Likewise. */
    long newest() {
        long number = packets.next() - 1;
        while (number > packets.base() && packets.state(number) != SentPackets.IN_FLIGHT) {
            number--;
        }
        return number;
    }

    private void skipSettled() {
        oldestInFlight = Math.max(oldestInFlight, packets.base());
        while (oldestInFlight < packets.next() && packets.state(oldestInFlight) != SentPackets.IN_FLIGHT) {
            oldestInFlight++;
        }
    }

    boolean hasLost() {
        return lostHead != lostTail;
    }

    /**
     * The next of those held lost whose octets are to go again; its complement if they have gone again already; or {@link #NOTHING}.
     *
     * <p>On a long path that loses now and then, lost octets go twice: what is lost a second time holds up the stream for another round trip, and a window of two or
     * three round trips runs full. The price is the loss ratio itself.
     */
    long nextLost() {
        while (hasLost()) {
            long entry = lostQueue[lostHead++ & lostMask];
            boolean second = entry < 0;
            long number = second ? ~entry : entry;
            if (packets.state(number) != SentPackets.LOST_QUEUED) {
                continue; // turned up after all
            }
            if (arrived(packets.offset(number), packets.payloadBytes(number))) {
                packets.state(number, SentPackets.LOST);
                continue;
            }
            if (!second && rate.isLossy() && roundTrip.smoothedNs() > LONG_PATH_NS) {
                lostQueue[lostTail++ & lostMask] = ~number;
            } else {
                packets.state(number, SentPackets.LOST);
            }
            return entry;
        }
        return NOTHING;
    }

    // --- acknowledgements

    void takeIn(Acknowledgement ack, long nowNs) {
        long largest = ack.largest();
        long beforeLargest = largestAcked;
        long beforeLargestSentNs = largestAckedSentNs;
        long deliveredBefore = deliveredBytes;
        sampleNumber = -1;
        for (int i = 0; i < ack.ranges(); i++) {
            acknowledge(Math.max(ack.low(i), packets.base()), ack.high(i), beforeLargest, beforeLargestSentNs, nowNs);
        }
        if (largest > beforeLargest && largestAcked == largest) {
            roundTrip.sample(nowNs - largestAckedSentNs, ack.delayNs(), nowNs);
            roundTrip.forwardSample(ack.receivedNs() - largestAckedSentNs, nowNs);
        }
        if (ack.cumulative() > ackedOffset) {
            ackedOffset = ack.cumulative();
            ackedBytes.trimBelow(ackedOffset);
            ring.release(ackedOffset);
        }
        finAcked |= ack.isFin();
        long lost = detectLost(nowNs);
        adapt(nowNs, deliveredBytes - deliveredBefore, lost);
        packets.forget(nowNs - 2 * roundTrip.smoothedNs() - 100 * MS);
        ackedNumbers.trimBelow(packets.base());
    }

    private void acknowledge(long low, long high, long beforeLargest, long beforeLargestSentNs, long nowNs) {
        long number = low;
        while (number <= high) {
            number = ackedNumbers.firstMissing(number);
            long until = Math.min(high + 1, ackedNumbers.nextStartAbove(number));
            for (; number < until; number++) {
                acknowledgeOne(number, nowNs);
                if (number < beforeLargest) {
                    // It was overtaken; by how much, in time between the sendings, is how long to wait before crying
                    // loss.
                    long lateNs = beforeLargestSentNs - packets.sentNs(number);
                    roundReorderNs = Math.max(roundReorderNs, lateNs + lateNs / 4 + MS / 20);
                    reorderNs =
                            Math.min(Math.max(reorderNs, roundReorderNs), Math.max(roundTrip.smoothedNs() / 2, 5 * MS));
                }
            }
        }
        if (low <= high) {
            ackedNumbers.add(low, high + 1);
        }
    }

    private void acknowledgeOne(long number, long nowNs) {
        int state = packets.state(number);
        int bytes = packets.payloadBytes(number);
        int length = DATA_HEADER_BYTES + bytes;
        if (state == SentPackets.IN_FLIGHT) {
            inFlightBytes -= length;
        } else if (state != SentPackets.ACKED) {
            spuriousDatagrams++;
            lostDatagrams--;
            rate.onSpuriousLoss(length);
        }
        packets.state(number, SentPackets.ACKED);
        long offset = packets.offset(number);
        if (offset + bytes > ackedOffset) {
            ackedBytes.add(Math.max(offset, ackedOffset), offset + bytes);
        }
        deliveredBytes += length;
        deliveredNs = nowNs;
        if (sampleNumber < 0
                || packets.delivered(number) > packets.delivered(sampleNumber)
                || (packets.delivered(number) == packets.delivered(sampleNumber) && number > sampleNumber)) {
            sampleNumber = number;
            firstSentNs = Math.max(firstSentNs, packets.sentNs(number));
        }
        if (number > largestAcked) {
            largestAcked = number;
            largestAckedSentNs = packets.sentNs(number);
        }
    }

    /** Tells the rate control what this acknowledgement showed. */
    private void adapt(long nowNs, long ackedNow, long lostNow) {
        if (sampleNumber < 0) {
            rate.onAck(nowNs, 0, false, 0, deliveredBytes, false, ackedNow, lostNow);
            return;
        }
        long prior = packets.delivered(sampleNumber);
        boolean roundEnded = prior >= roundEndsAt;
        if (roundEnded) {
            roundEndsAt = deliveredBytes;
            reorderNs = Math.max(roundReorderNs, reorderNs - reorderNs / 16);
            roundReorderNs = 0;
        }
        long sendNs = packets.sentNs(sampleNumber) - packets.firstSentNs(sampleNumber);
        long ackNs = nowNs - packets.deliveredNs(sampleNumber);
        long intervalNs = Math.max(sendNs, ackNs);
        // Over less than a round trip the sample would measure how acks bunch, not what the path carries.
        double sample =
                intervalNs >= roundTrip.minNs() && intervalNs > 0 ? (deliveredBytes - prior) * 1e9 / intervalNs : 0;
        rate.onAck(
                nowNs, sample, packets.appLimited(sampleNumber), prior, deliveredBytes, roundEnded, ackedNow, lostNow);
    }

    // --- loss

    /** When the next suspect is held lost; {@code Long.MAX_VALUE}: there is none. */
    long lossDueNs() {
        return lossDueNs;
    }

    void runLossTimer(long nowNs) {
        if (nowNs >= lossDueNs) {
            long lost = detectLost(nowNs);
            if (lost > 0) {
                rate.onAck(nowNs, 0, false, 0, deliveredBytes, false, 0, lost);
            }
        }
    }

    /** RFC 9002, section 6.1; returns the bytes newly held lost and sets the timer for the next suspect. */
    private long detectLost(long nowNs) {
        lossDueNs = Long.MAX_VALUE;
        long lost = 0;
        long patienceNs = roundTrip.lossDelayNs(reorderNs);
        skipSettled();
        for (long number = oldestInFlight; number < largestAcked; number++) {
            if (packets.state(number) != SentPackets.IN_FLIGHT) {
                continue;
            }
            long sentNs = packets.sentNs(number);
            boolean overtaken = largestAcked - number >= PACKET_THRESHOLD && largestAckedSentNs - sentNs >= reorderNs;
            if (!overtaken && nowNs - sentNs < patienceNs) {
                lossDueNs = sentNs + patienceNs;
                break; // all later ones were sent later
            }
            lost += lose(number);
        }
        skipSettled();
        return lost;
    }

    private long lose(long number) {
        int bytes = packets.payloadBytes(number);
        inFlightBytes -= DATA_HEADER_BYTES + bytes;
        lostDatagrams++;
        if (arrived(packets.offset(number), bytes)) {
            packets.state(number, SentPackets.LOST);
        } else {
            packets.state(number, SentPackets.LOST_QUEUED);
            lostQueue[lostTail++ & lostMask] = number;
        }
        return DATA_HEADER_BYTES + bytes;
    }

    /** Whether the receiver has these bytes by another datagram; for an empty range: whether it need not come again. */
    private boolean arrived(long offset, int bytes) {
        if (bytes == 0) {
            return offset != ring.end() || finAcked;
        }
        return offset + bytes <= ackedOffset || ackedBytes.contains(Math.max(offset, ackedOffset), offset + bytes);
    }

    // --- state

    /** All of the stream before that has arrived. Any thread. */
    long ackedOffset() {
        return ackedOffset;
    }

    /** All of it has, and its end. Any thread. */
    boolean isFinAcked() {
        return finAcked;
    }

    /** Datagrams held lost that have not turned up since. */
    long lostDatagrams() {
        return lostDatagrams;
    }

    /** Those that had been held lost and have. */
    long spuriousDatagrams() {
        return spuriousDatagrams;
    }
}
