// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.*;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The sending end of a memory stream: cuts the ring's bytes into datagrams, paces them, finds losses as QUIC does (RFC 9002)
 * and sends lost bytes again under new packet numbers. Pure: driven by {@link #poll} and {@link #onAck}, no socket, thread or
 * clock of its own.
 *
 * <p>What {@link #poll} prefers, first to last:
 *
 * <ol>
 *   <li>the word that the stream is dead;
 *   <li>probes after a timeout, and one tail probe when the ring has run dry;
 *   <li>bytes held lost;
 *   <li>new bytes, within the receiver's window;
 *   <li>after {@link #expedite()}: copies of what is still unacknowledged, since one lost datagram then costs the
 *       paused guest a whole round trip.
 * </ol>
 *
 * <p><i>Order</i>: the receiver restores it. <i>Ownership</i>: ring bytes stay until acknowledged. <i>Locking</i>: none;
 * everything runs on the forwarder thread but {@code expedite}, {@code fail}, {@code failure} and {@code stats}.
 */
public final class StreamSender implements StreamEnd {
    private static final long MS = 1_000_000L;
    /** RFC 9002, section 6.1.1; the time by which packets were seen to overtake each other comes on top. */
    private static final int PACKET_THRESHOLD = 3;
    /** What a receiver may delay an ack by, with the slack of two busy forwarders. */
    private static final long MAX_ACK_DELAY_NS = 5 * MS;
    /** Credit that a late forwarder may catch up with in one burst. */
    private static final long BURST_NS = 8 * MS;

    private static final int BURST_DATAGRAMS = 32;
    /** Datagrams are released in lumps of this much time, not one by one: a wake costs more than a datagram. */
    private static final long QUANTUM_NS = MS / 4;
    /** A copy keeps this distance from its original, times its rank: losses come in bursts. */
    private static final long COPY_SPACING_NS = 2 * MS;

    private static final int MAX_COPIES = 3;
    /** Share of bytes lost above which a path gets more redundancy. */
    private static final double LOSSY = 0.002;

    private static final long LONG_PATH_NS = 20 * MS;
    private static final int RESET_REPEATS = 5;
    private static final long RESET_SPACING_NS = 200 * MS;
    private static final int MAX_BACKOFF = 6;
    private static final long MAX_PROBE_TIMEOUT_NS = 2_000 * MS;

    private final StreamToken token;
    private final ByteRing ring;
    private final StreamParameters parameters;
    private final RoundTrip roundTrip = new RoundTrip();
    private final RateControl rate;
    private final SentPackets packets;
    private final RangeSet ackedNumbers;
    private final RangeSet ackedBytes;
    private final long[] lostQueue;
    private final int lostMask;
    private int lostHead;
    private int lostTail;

    // Stream offsets.
    private volatile long sentOffset;
    private volatile long ackedOffset;
    private long windowLimit = INITIAL_WINDOW_BYTES;
    private boolean finSent;
    private volatile boolean finAcked;

    // Packets.
    private long oldestInFlight;
    private long largestAcked = -1;
    private long largestAckedSentNs;
    private long inFlightBytes;
    private long reorderNs;
    private long roundReorderNs;

    // Delivery rate (draft-ietf-ccwg-bbr, section 4.1).
    private long deliveredBytes;
    private long deliveredNs;
    private long firstSentNs;
    private long appLimitedUntil;
    private long roundEndsAt;
    private long sampleNumber;

    // Timers.
    private double creditBytes;
    private boolean creditClipped;
    private boolean creditBlocked;
    private long creditNs = Long.MIN_VALUE;
    private long lastSentNs;
    private long lossDueNs = Long.MAX_VALUE;
    private int timeouts;
    private int probesWanted;
    private boolean tailProbeWanted;
    private boolean idle;
    private long unansweredSinceNs = -1;

    // The final burst.
    private volatile boolean expedited;
    /** Copied in any case. */
    private static final int TAIL_DATAGRAMS = 16;

    private boolean copying;
    private final long[] copyCursors = new long[MAX_COPIES];
    private long copyDueNs = Long.MAX_VALUE;
    private long burstCopiedBytes;

    // Death.
    private volatile String failure = "";
    private volatile boolean tellPeer;
    private boolean peerKnows;
    private int resetsSent;
    private long resetDueNs = Long.MIN_VALUE;
    private volatile boolean closed;

    // Counters.
    private long wireBytes;
    private long retransmittedBytes;
    private long copiedBytes;
    private long lostDatagrams;
    private long spuriousDatagrams;
    private long probeTimeouts;
    private final long[] verdicts = new long[StreamVerdict.COUNT];

    /** A sender of what {@code ring}'s producer writes; as the ring's consumer it closes that side in {@link #close()}. */
    public StreamSender(StreamToken token, ByteRing ring, StreamParameters parameters) {
        this.token = token;
        this.ring = ring;
        this.parameters = parameters;
        rate = new RateControl(parameters, roundTrip);
        int capacity = Integer.highestOneBit(2 * ring.capacityBytes() / parameters.maxPayloadBytes()) * 2;
        packets = new SentPackets(capacity);
        ackedNumbers = new RangeSet(capacity);
        ackedBytes = new RangeSet(capacity);
        lostQueue = new long[capacity];
        lostMask = capacity - 1;
    }

    @Override
    public StreamToken token() {
        return token;
    }

    @Override
    public int maxDatagramBytes() {
        return DATA_HEADER_BYTES + Math.max(parameters.maxPayloadBytes(), MAX_REASON_BYTES);
    }

    // ---- sending

    @Override
    public int poll(long nowNs, MemorySegment out, long at) {
        if (closed) {
            return 0;
        }
        if (dead()) {
            return pollReset(nowNs, out, at);
        }
        runTimers(nowNs);
        if (dead()) {
            return pollReset(nowNs, out, at);
        }
        if (probesWanted > 0) {
            return sendProbe(nowNs, out, at);
        }
        if (packets.full()) {
            packets.forgetLost();
            if (packets.full()) {
                return 0;
            }
        }
        refillCredit(nowNs);
        int most = DATA_HEADER_BYTES + parameters.maxPayloadBytes();
        if (creditBytes < most) {
            creditBlocked = true;
            return 0;
        }
        boolean late = creditBlocked && creditClipped;
        creditBlocked = false;
        if (inFlightBytes + most > inFlightLimit()) {
            return 0;
        }
        if (late) {
            // This machine was too busy to keep the pace; that says nothing about the path.
            markAppLimited();
        }
        int length = sendLost(nowNs, out, at);
        if (length == 0) {
            length = sendNew(nowNs, out, at);
        }
        if (length == 0) {
            length = sendCopy(nowNs, out, at);
        }
        if (length == 0) {
            idle = true;
            markAppLimited();
            if (tailProbeWanted && nowNs >= tailProbeDueNs()) {
                tailProbeWanted = false;
                length = sendTail(nowNs, out, at);
            }
        } else {
            idle = false;
        }
        return length;
    }

    private void markAppLimited() {
        appLimitedUntil = Math.max(1, deliveredBytes + inFlightBytes);
    }

    private long inFlightLimit() {
        long limit = rate.inFlightLimitBytes();
        return expedited ? 2 * limit : limit;
    }

    private void refillCredit(long nowNs) {
        if (expedited) {
            rate.expedite();
        }
        double pace = rate.paceBytesPerS();
        double most = Math.max(
                pace * BURST_NS / 1e9, BURST_DATAGRAMS * (double) (parameters.maxPayloadBytes() + DATA_HEADER_BYTES));
        if (creditNs == Long.MIN_VALUE) {
            creditBytes = most;
        } else {
            double earned = creditBytes + pace * (nowNs - creditNs) / 1e9;
            creditClipped = earned > most;
            creditBytes = Math.min(most, earned);
        }
        creditNs = nowNs;
    }

    /**
     * On a long path that loses now and then, lost bytes go twice: what is lost a second time holds up the stream for another round
     * trip, and a window of two or three round trips runs full. The price is the loss ratio itself.
     */
    private int sendLost(long nowNs, MemorySegment out, long at) {
        while (lostHead != lostTail) {
            long entry = lostQueue[lostHead++ & lostMask];
            boolean second = entry < 0;
            long number = second ? ~entry : entry;
            if (packets.state(number) != SentPackets.LOST_QUEUED) {
                continue; // turned up after all
            }
            long offset = packets.offset(number);
            int bytes = packets.payloadBytes(number);
            if (arrived(offset, bytes)) {
                packets.state(number, SentPackets.LOST);
                continue;
            }
            if (!second && rate.lossRatio() > LOSSY && roundTrip.smoothedNs() > LONG_PATH_NS) {
                lostQueue[lostTail++ & lostMask] = ~number;
            } else {
                packets.state(number, SentPackets.LOST);
            }
            retransmittedBytes += bytes;
            return send(nowNs, out, at, offset, bytes, 0, second);
        }
        return 0;
    }

    private int sendNew(long nowNs, MemorySegment out, long at) {
        long end = ring.end();
        long from = sentOffset;
        long available = ring.published() - from;
        if (available == 0) {
            if (end == from && !finSent) {
                return send(nowNs, out, at, from, 0, 0, false);
            }
            ring.markConsumerHungry();
            // The producer may have published between the two reads and found nobody hungry.
            available = ring.published() - from;
            if (available == 0) {
                if (ring.abandoned()) {
                    fail("the stream's source went away before its end");
                }
                return 0;
            }
        }
        int bytes = (int) Math.min(Math.min(available, windowLimit - from), parameters.maxPayloadBytes());
        if (bytes <= 0) {
            return 0;
        }
        sentOffset = from + bytes;
        tailProbeWanted = true;
        return send(nowNs, out, at, from, bytes, 0, false);
    }

    private int sendCopy(long nowNs, MemorySegment out, long at) {
        if (!expedited || parameters.extraCopies() == 0) {
            return 0;
        }
        if (!copying) {
            copying = true;
            Arrays.fill(copyCursors, oldestInFlight);
        }
        copyDueNs = Long.MAX_VALUE;
        if (lostDatagrams == 0) {
            // A path that has lost nothing so far is trusted with all but the very end, where a loss would show last.
            if (ring.end() < 0 || sentOffset < ring.end()) {
                return 0;
            }
            copyCursors[0] = Math.max(copyCursors[0], packets.next() - TAIL_DATAGRAMS);
        }
        int copies = Math.min(MAX_COPIES, parameters.extraCopies() + (rate.lossRatio() > LOSSY ? 1 : 0));
        for (int rank = 0; rank < copies; rank++) {
            long cursor = Math.max(copyCursors[rank], packets.base());
            while (cursor < packets.next() && !worthCopying(cursor)) {
                cursor++;
            }
            copyCursors[rank] = cursor;
            if (cursor == packets.next()) {
                continue;
            }
            long offset = packets.offset(cursor);
            int bytes = packets.payloadBytes(cursor);
            if (burstCopiedBytes + bytes > parameters.extraCopiesMaxBytes()) {
                return 0;
            }
            long dueNs = packets.sentNs(cursor) + (rank + 1) * COPY_SPACING_NS;
            if (dueNs > nowNs) {
                copyDueNs = Math.min(copyDueNs, dueNs);
                continue;
            }
            copyCursors[rank] = cursor + 1;
            burstCopiedBytes += bytes;
            copiedBytes += bytes;
            return send(nowNs, out, at, offset, bytes, 0, true);
        }
        return 0;
    }

    private boolean worthCopying(long number) {
        return packets.state(number) == SentPackets.IN_FLIGHT
                && !packets.copy(number)
                && !arrived(packets.offset(number), packets.payloadBytes(number));
    }

    /** One datagram after a timeout: the oldest bytes in flight, then the newest; an empty one if nothing is. */
    private int sendProbe(long nowNs, MemorySegment out, long at) {
        probesWanted--;
        if (packets.full()) {
            packets.forgetLost();
            if (packets.full()) {
                probesWanted = 0;
                lastSentNs = nowNs; // back off: only an ack can help
                return 0;
            }
        }
        if (inFlightBytes == 0) {
            probesWanted = 0;
            return send(nowNs, out, at, sentOffset, 0, FLAG_PROBE, true);
        }
        skipSettled();
        long number = probesWanted > 0 ? oldestInFlight : newestInFlight();
        int bytes = packets.payloadBytes(number);
        retransmittedBytes += bytes;
        return send(nowNs, out, at, packets.offset(number), bytes, FLAG_PROBE, true);
    }

    private int sendTail(long nowNs, MemorySegment out, long at) {
        if (inFlightBytes == 0) {
            return 0;
        }
        long number = newestInFlight();
        int bytes = packets.payloadBytes(number);
        copiedBytes += bytes;
        return send(nowNs, out, at, packets.offset(number), bytes, FLAG_PROBE, true);
    }

    private long newestInFlight() {
        long number = packets.next() - 1;
        while (number > packets.base() && packets.state(number) != SentPackets.IN_FLIGHT) {
            number--;
        }
        return number;
    }

    /** Writes a data datagram for stream bytes and books it. */
    private int send(long nowNs, MemorySegment out, long at, long offset, int bytes, int flags, boolean copy) {
        if (inFlightBytes == 0) {
            firstSentNs = nowNs;
            deliveredNs = nowNs;
        }
        boolean last = ring.end() >= 0 && offset + bytes == ring.end();
        finSent |= last;
        long number = packets.add(
                offset, bytes, copy, nowNs, deliveredBytes, deliveredNs, firstSentNs, appLimitedUntil > deliveredBytes);
        putCommon(out, at, TYPE_DATA, flags | (last ? FLAG_FIN : 0), token.bits());
        putU64(out, at + NUMBER, number);
        putU64(out, at + OFFSET, offset);
        putU16(out, at + LENGTH, bytes);
        putU16(out, at + DATA_RESERVED, 0);
        // Bytes released meanwhile may read as later ones, but then the receiver has them and looks at none of these.
        ring.copyTo(offset, out, at + DATA_HEADER_BYTES, bytes);
        int length = DATA_HEADER_BYTES + bytes;
        inFlightBytes += length;
        creditBytes -= length;
        wireBytes += length;
        lastSentNs = nowNs;
        if (unansweredSinceNs < 0) {
            unansweredSinceNs = nowNs;
        }
        return length;
    }

    // ---- timers

    private void runTimers(long nowNs) {
        if (unansweredSinceNs >= 0 && nowNs - unansweredSinceNs > parameters.silenceMs() * MS) {
            fail("the far carrier has not answered for " + parameters.silenceMs() / 1000 + " s");
            return;
        }
        if (nowNs >= lossDueNs) {
            long lost = detectLost(nowNs);
            if (lost > 0) {
                rate.onAck(nowNs, 0, false, 0, deliveredBytes, false, 0, lost);
            }
        }
        if (probesWanted == 0 && nowNs >= timeoutDueNs()) {
            timeouts++;
            probeTimeouts++;
            probesWanted = 2;
        }
    }

    private long timeoutDueNs() {
        if (inFlightBytes == 0 && !windowBlocked()) {
            return Long.MAX_VALUE;
        }
        if (lossDueNs != Long.MAX_VALUE) {
            return Long.MAX_VALUE;
        }
        long timeoutNs = roundTrip.probeTimeoutNs(MAX_ACK_DELAY_NS) << Math.min(timeouts, MAX_BACKOFF);
        return lastSentNs + Math.min(timeoutNs, MAX_PROBE_TIMEOUT_NS);
    }

    /** New bytes wait, but the receiver has no room that we know of: ask, lest the ack that granted it was lost. */
    private boolean windowBlocked() {
        return sentOffset >= windowLimit && ring.published() > sentOffset;
    }

    private long tailProbeDueNs() {
        return lastSentNs + Math.clamp(roundTrip.smoothedNs() / 8, 2 * MS, 30 * MS);
    }

    @Override
    public long nextDueNs(long nowNs) {
        if (closed) {
            return Long.MAX_VALUE;
        }
        if (dead()) {
            return resetsSent < RESET_REPEATS && tellPeer && !peerKnows ? Math.max(nowNs, resetDueNs) : Long.MAX_VALUE;
        }
        if (probesWanted > 0) {
            return nowNs;
        }
        long dueNs = Math.min(lossDueNs, timeoutDueNs());
        if (unansweredSinceNs >= 0) {
            dueNs = Math.min(dueNs, unansweredSinceNs + parameters.silenceMs() * MS + 1);
        }
        int most = DATA_HEADER_BYTES + parameters.maxPayloadBytes();
        if (inFlightBytes + most > inFlightLimit() || packets.full()) {
            return dueNs;
        }
        boolean newBytes = ring.published() > sentOffset && sentOffset < windowLimit;
        boolean fin = !finSent && ring.end() == sentOffset;
        if (lostHead != lostTail || newBytes || fin) {
            return Math.min(dueNs, creditDueNs(nowNs, ring.published() - sentOffset));
        }
        if (!idle) {
            // poll has to see for itself that there is nothing, and tell the ring so
            return Math.min(dueNs, creditDueNs(nowNs, 0));
        }
        if (expedited && !copying) {
            return nowNs;
        }
        if (expedited) {
            dueNs = Math.min(dueNs, Math.max(copyDueNs, creditDueNs(nowNs, 0)));
        }
        return tailProbeWanted && inFlightBytes > 0 ? Math.min(dueNs, tailProbeDueNs()) : dueNs;
    }

    /** When the credit suffices for a lump of datagrams, or for all there is. */
    private long creditDueNs(long nowNs, long waitingBytes) {
        if (creditNs == Long.MIN_VALUE) {
            return nowNs;
        }
        double pace = rate.paceBytesPerS();
        long most = DATA_HEADER_BYTES + parameters.maxPayloadBytes();
        if (creditBytes + pace * (nowNs - creditNs) / 1e9 >= most) {
            return nowNs;
        }
        double lump = Math.max(most, Math.min(pace * QUANTUM_NS / 1e9, waitingBytes));
        return creditNs + (long) Math.ceil((lump - creditBytes) * 1e9 / pace);
    }

    // ---- acknowledgements

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        return onAck(in, at, length, nowNs);
    }

    /** Takes an acknowledgement in. See {@link StreamEnd#onDatagram}. */
    public StreamVerdict onAck(MemorySegment in, long at, int length, long nowNs) {
        StreamVerdict verdict = closed ? StreamVerdict.CLOSED : admit(in, at, length);
        verdicts[verdict.ordinal()]++;
        if (verdict == StreamVerdict.ACCEPTED) {
            takeIn(in, at, nowNs);
        }
        return verdict;
    }

    private StreamVerdict admit(MemorySegment in, long at, int length) {
        StreamVerdict verdict = check(in, at, length, TYPE_ACK, ACK_HEADER_BYTES, token.bits());
        if (verdict != StreamVerdict.ACCEPTED) {
            return verdict;
        }
        int ranges = u16(in, at + RANGE_COUNT);
        int reasonBytes = u16(in, at + REASON_LENGTH);
        if (ranges > MAX_ACK_RANGES || reasonBytes > MAX_REASON_BYTES) {
            return StreamVerdict.BAD_FIELD;
        }
        if (length != ACK_HEADER_BYTES + ranges * ACK_RANGE_BYTES + reasonBytes) {
            return StreamVerdict.TRUNCATED;
        }
        long largest = u64(in, at + LARGEST);
        long cumulative = u64(in, at + CUMULATIVE);
        long limit = u64(in, at + WINDOW_LIMIT);
        if (largest < NONE || cumulative < 0 || limit < 0 || limit > MAX_NUMBER || (largest == NONE) != (ranges == 0)) {
            return StreamVerdict.BAD_FIELD;
        }
        boolean fin = (u8(in, at + FLAGS) & FLAG_FIN) != 0;
        if (largest >= packets.next() || cumulative > sentOffset || (fin && (!finSent || cumulative != sentOffset))) {
            return StreamVerdict.ACKS_UNSENT;
        }
        long previousLow = largest + 1;
        for (int i = 0; i < ranges; i++) {
            long high = largest - u32(in, at + ACK_HEADER_BYTES + (long) i * ACK_RANGE_BYTES);
            long low = high - u32(in, at + ACK_HEADER_BYTES + (long) i * ACK_RANGE_BYTES + 4);
            if (low < 0 || high >= previousLow || (i == 0 && high != largest)) {
                return StreamVerdict.BAD_FIELD;
            }
            previousLow = low;
        }
        return StreamVerdict.ACCEPTED;
    }

    private void takeIn(MemorySegment in, long at, long nowNs) {
        unansweredSinceNs = -1;
        timeouts = 0;
        probesWanted = 0;
        int flags = u8(in, at + FLAGS);
        if ((flags & FLAG_RESET) != 0) {
            peerKnows = true;
            die(peerReason(in, at));
            return;
        }
        long cumulative = u64(in, at + CUMULATIVE);
        windowLimit = Math.max(windowLimit, u64(in, at + WINDOW_LIMIT));
        int ranges = u16(in, at + RANGE_COUNT);
        long largest = u64(in, at + LARGEST);
        long beforeLargest = largestAcked;
        long beforeLargestSentNs = largestAckedSentNs;
        long deliveredBefore = deliveredBytes;
        sampleNumber = -1;
        for (int i = 0; i < ranges; i++) {
            long high = largest - u32(in, at + ACK_HEADER_BYTES + (long) i * ACK_RANGE_BYTES);
            long low = high - u32(in, at + ACK_HEADER_BYTES + (long) i * ACK_RANGE_BYTES + 4);
            acknowledge(Math.max(low, packets.base()), high, beforeLargest, beforeLargestSentNs, nowNs);
        }
        if (largest > beforeLargest && largestAcked == largest) {
            long sentNs = largestAckedSentNs;
            roundTrip.sample(nowNs - sentNs, u32(in, at + ACK_DELAY_US) * 1000, nowNs);
            roundTrip.forwardSample(u64(in, at + RECEIVED_US) * 1000 - sentNs, nowNs);
        }
        if (cumulative > ackedOffset) {
            ackedOffset = cumulative;
            ackedBytes.trimBelow(cumulative);
            ring.release(cumulative);
        }
        finAcked |= (flags & FLAG_FIN) != 0;
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

    // ---- loss

    private void skipSettled() {
        oldestInFlight = Math.max(oldestInFlight, packets.base());
        while (oldestInFlight < packets.next() && packets.state(oldestInFlight) != SentPackets.IN_FLIGHT) {
            oldestInFlight++;
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
        long offset = packets.offset(number);
        inFlightBytes -= DATA_HEADER_BYTES + bytes;
        lostDatagrams++;
        if (arrived(offset, bytes)) {
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

    // ---- state

    /** Every byte that the ring holds has been sent once. Any thread, but exact only on the forwarder. */
    public boolean allSent() {
        return sentOffset == ring.published();
    }

    /** Bytes of the stream that have been sent at least once. Any thread. */
    long sentBytes() {
        return sentOffset;
    }

    /** The present pace. Forwarder thread. */
    double paceBytesPerS() {
        return rate.paceBytesPerS();
    }

    /** Every byte that the ring holds has been acknowledged. */
    public boolean allAcked() {
        return ackedOffset == ring.published();
    }

    /** The stream ended and the receiver has all of it. Any thread. */
    public boolean finished() {
        return finAcked;
    }

    /** The guest is paused: what follows, and what is unacknowledged, is sent with redundancy. Any thread. */
    public void expedite() {
        expedited = true;
    }

    /** Gives up and tells the receiver, with the next {@link #poll}. The first reason stays. Any thread. */
    public void fail(String reason) {
        if (failure.isEmpty() && !finAcked) {
            tellPeer = true;
            die(reason);
        }
    }

    private void die(String reason) {
        if (failure.isEmpty()) {
            failure = reason;
        }
    }

    private boolean dead() {
        return !failure.isEmpty();
    }

    /** Why the stream is dead; empty while it is not. Any thread. */
    public String failure() {
        return failure;
    }

    private int pollReset(long nowNs, MemorySegment out, long at) {
        if (!tellPeer || peerKnows || resetsSent == RESET_REPEATS || nowNs < resetDueNs) {
            return 0;
        }
        byte[] reason = reasonBytes(failure);
        putCommon(out, at, TYPE_DATA, FLAG_RESET, token.bits());
        putU64(out, at + NUMBER, packets.next());
        putU64(out, at + OFFSET, sentOffset);
        putU16(out, at + LENGTH, reason.length);
        putU16(out, at + DATA_RESERVED, 0);
        MemorySegment.copy(MemorySegment.ofArray(reason), 0, out, at + DATA_HEADER_BYTES, reason.length);
        resetsSent++;
        resetDueNs = nowNs + RESET_SPACING_NS;
        return DATA_HEADER_BYTES + reason.length;
    }

    private static String peerReason(MemorySegment in, long at) {
        return readReason(in, at + ACK_HEADER_BYTES, u16(in, at + REASON_LENGTH));
    }

    @Override
    public boolean done() {
        if (closed) {
            return true;
        }
        return dead() ? !tellPeer || peerKnows || resetsSent == RESET_REPEATS : finAcked;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            ring.closeConsumer();
        }
    }

    /** Datagrams refused for one reason. */
    public long count(StreamVerdict verdict) {
        return verdicts[verdict.ordinal()];
    }

    /** A snapshot of the counters. Any thread. */
    public SenderStats stats() {
        long rejected = 0;
        for (int i = 1; i < verdicts.length; i++) {
            rejected += verdicts[i];
        }
        return new SenderStats(
                sentOffset,
                ackedOffset,
                wireBytes,
                packets.next(),
                retransmittedBytes,
                copiedBytes,
                lostDatagrams,
                spuriousDatagrams,
                probeTimeouts,
                roundTrip.known() ? roundTrip.smoothedNs() / 1000 : 0,
                roundTrip.known() ? roundTrip.minNs() / 1000 : 0,
                roundTrip.smoothedQueueNs() / 1000,
                (long) rate.paceBytesPerS(),
                inFlightBytes,
                rejected);
    }

    static byte[] reasonBytes(String reason) {
        byte[] bytes = reason.getBytes(StandardCharsets.UTF_8);
        return bytes.length <= MAX_REASON_BYTES ? bytes : Arrays.copyOf(bytes, MAX_REASON_BYTES);
    }

    /** A peer's reason as one harmless line. */
    static String readReason(MemorySegment in, long at, int length) {
        byte[] bytes = in.asSlice(at, length).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        String text = new String(bytes, StandardCharsets.UTF_8)
                .replaceAll("\\p{Cntrl}", " ")
                .strip();
        return text.isEmpty() ? "the far carrier gave up without a reason" : text;
    }
}
