// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.*;

import java.lang.foreign.MemorySegment;

/**
 * The sending end of a memory stream: cuts the ring's bytes into datagrams, paces them, finds losses as QUIC does (RFC 9002, {@link Flight})
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
    /** What a receiver may delay an ack by, with the slack of two busy forwarders. */
    private static final long MAX_ACK_DELAY_NS = 5 * MS;

    private static final int MAX_BACKOFF = 6;
    private static final long MAX_PROBE_TIMEOUT_NS = 2_000 * MS;

    private final StreamToken token;
    private final ByteRing ring;
    private final StreamParameters parameters;
    private final int datagramBytes;
    private final RoundTrip roundTrip = new RoundTrip();
    private final RateControl rate;
    private final Pacer pacer;
    private final Flight flight;
    private final BurstCopies copies;
    private final Acknowledgement ack = new Acknowledgement();
    private final Reset reset = new Reset();

    // Stream offsets.
    private volatile long sentOffset;
    private long windowLimit = INITIAL_WINDOW_BYTES;
    private boolean finSent;

    // Timers.
    private long lastSentNs;
    private int timeouts;
    private int probesWanted;
    private boolean tailProbeWanted;
    private boolean idle;
    private long unansweredSinceNs = -1;

    private volatile boolean expedited;
    private volatile boolean closed;

    // Counters.
    private long wireBytes;
    private long retransmittedBytes;
    private long copiedBytes;
    private long probeTimeouts;
    private final long[] verdicts = new long[StreamVerdict.COUNT];

    /** A sender of what {@code ring}'s producer writes; as the ring's consumer it closes that side in {@link #close()}. */
    public StreamSender(StreamToken token, ByteRing ring, StreamParameters parameters) {
        this.token = token;
        this.ring = ring;
        this.parameters = parameters;
        datagramBytes = DATA_HEADER_BYTES + parameters.maxPayloadBytes();
        rate = new RateControl(parameters, roundTrip);
        pacer = new Pacer(rate, parameters);
        flight = new Flight(ring, parameters, roundTrip, rate);
        copies = new BurstCopies(flight, parameters);
    }

    @Override
    public StreamToken token() {
        return token;
    }

    @Override
    public int maxDatagramBytes() {
        return Math.max(datagramBytes, DATA_HEADER_BYTES + MAX_REASON_BYTES);
    }

    // ---- sending

    @Override
    public int poll(long nowNs, MemorySegment out, long at) {
        if (closed) {
            return 0;
        }
        if (!reset.isDead()) {
            runTimers(nowNs);
        }
        if (reset.isDead()) {
            return reset.isDue(nowNs) ? sendReset(nowNs, out, at) : 0;
        }
        if (probesWanted > 0) {
            return sendProbe(nowNs, out, at);
        }
        if (!flight.makeRoom()) {
            return 0;
        }
        if (expedited) {
            rate.expedite();
        }
        if (!pacer.allows(nowNs)) {
            return 0;
        }
        boolean late = pacer.wasLate();
        if (isPathFull()) {
            return 0;
        }
        if (late) {
            flight.markAppLimited();
        }
        int length = sendLost(nowNs, out, at);
        if (length == 0) {
            length = sendNew(nowNs, out, at);
        }
        if (length == 0) {
            length = sendCopy(nowNs, out, at);
        }
        idle = length == 0;
        if (idle) {
            flight.markAppLimited();
            if (tailProbeWanted && nowNs >= tailProbeDueNs()) {
                tailProbeWanted = false;
                length = sendTail(nowNs, out, at);
            }
        }
        return length;
    }

    private boolean isPathFull() {
        long limit = rate.inFlightLimitBytes();
        return flight.bytes() + datagramBytes > (expedited ? 2 * limit : limit);
    }

    private int sendLost(long nowNs, MemorySegment out, long at) {
        long lost = flight.nextLost();
        if (lost == Flight.NOTHING) {
            return 0;
        }
        boolean second = lost < 0;
        return sendAgain(second ? ~lost : lost, 0, second, nowNs, out, at);
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
        boolean isAllSent = ring.end() >= 0 && sentOffset >= ring.end();
        long number = expedited ? copies.next(nowNs, isAllSent, rate.isLossy()) : Flight.NOTHING;
        return number == Flight.NOTHING ? 0 : sendTwice(number, 0, nowNs, out, at);
    }

    /** One datagram after a timeout: the oldest bytes in flight, then the newest; an empty one if nothing is. */
    private int sendProbe(long nowNs, MemorySegment out, long at) {
        probesWanted--;
        if (!flight.makeRoom()) {
            probesWanted = 0;
            lastSentNs = nowNs; // back off: only an ack can help
            return 0;
        }
        if (flight.bytes() == 0) {
            probesWanted = 0;
            return send(nowNs, out, at, sentOffset, 0, FLAG_PROBE, true);
        }
        long number = probesWanted > 0 ? flight.oldest() : flight.newest();
        return sendAgain(number, FLAG_PROBE, true, nowNs, out, at);
    }

    private int sendTail(long nowNs, MemorySegment out, long at) {
        return flight.bytes() == 0 ? 0 : sendTwice(flight.newest(), FLAG_PROBE, nowNs, out, at);
    }

    /** The octets of a datagram that is held lost, or may be. */
    private int sendAgain(long number, int flags, boolean copy, long nowNs, MemorySegment out, long at) {
        int bytes = flight.payloadBytes(number);
        retransmittedBytes += bytes;
        return send(nowNs, out, at, flight.offset(number), bytes, flags, copy);
    }

    /** The octets of a datagram that nothing is known against. */
    private int sendTwice(long number, int flags, long nowNs, MemorySegment out, long at) {
        int bytes = flight.payloadBytes(number);
        copiedBytes += bytes;
        return send(nowNs, out, at, flight.offset(number), bytes, flags, true);
    }

    /** Writes a data datagram for stream bytes and books it. */
    private int send(long nowNs, MemorySegment out, long at, long offset, int bytes, int flags, boolean copy) {
        boolean last = ring.end() >= 0 && offset + bytes == ring.end();
        finSent |= last;
        long number = flight.add(offset, bytes, copy, nowNs);
        writeHeader(out, at, flags | (last ? FLAG_FIN : 0), number, offset, bytes);
        // Bytes released meanwhile may read as later ones, but then the receiver has them and looks at none of these.
        ring.copyTo(offset, out, at + DATA_HEADER_BYTES, bytes);
        int length = DATA_HEADER_BYTES + bytes;
        pacer.spend(length);
        wireBytes += length;
        lastSentNs = nowNs;
        if (unansweredSinceNs < 0) {
            unansweredSinceNs = nowNs;
        }
        return length;
    }

    private int sendReset(long nowNs, MemorySegment out, long at) {
        int bytes = reset.write(nowNs, out, at + DATA_HEADER_BYTES);
        writeHeader(out, at, FLAG_RESET, flight.next(), sentOffset, bytes);
        return DATA_HEADER_BYTES + bytes;
    }

    private void writeHeader(MemorySegment out, long at, int flags, long number, long offset, int bytes) {
        putCommon(out, at, TYPE_DATA, flags, token.bits());
        putU64(out, at + NUMBER, number);
        putU64(out, at + OFFSET, offset);
        putU16(out, at + LENGTH, bytes);
        putU16(out, at + DATA_RESERVED, 0);
    }

    // ---- timers

    private void runTimers(long nowNs) {
        if (unansweredSinceNs >= 0 && nowNs - unansweredSinceNs > parameters.silenceMs() * MS) {
            fail("the far carrier has not answered for " + parameters.silenceMs() / 1000 + " s");
            return;
        }
        flight.runLossTimer(nowNs);
        if (probesWanted == 0 && nowNs >= timeoutDueNs()) {
            timeouts++;
            probeTimeouts++;
            probesWanted = 2;
        }
    }

    private long timeoutDueNs() {
        if ((flight.bytes() == 0 && !windowBlocked()) || flight.lossDueNs() != Long.MAX_VALUE) {
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
        if (reset.isDead()) {
            return reset.nextDueNs(nowNs);
        }
        if (probesWanted > 0) {
            return nowNs;
        }
        long dueNs = Math.min(flight.lossDueNs(), timeoutDueNs());
        if (unansweredSinceNs >= 0) {
            dueNs = Math.min(dueNs, unansweredSinceNs + parameters.silenceMs() * MS + 1);
        }
        if (isPathFull() || flight.isFull()) {
            return dueNs;
        }
        boolean newBytes = ring.published() > sentOffset && sentOffset < windowLimit;
        boolean fin = !finSent && ring.end() == sentOffset;
        if (flight.hasLost() || newBytes || fin) {
            return Math.min(dueNs, pacer.dueNs(nowNs, ring.published() - sentOffset));
        }
        if (!idle) {
            // poll has to see for itself that there is nothing, and tell the ring so
            return Math.min(dueNs, pacer.dueNs(nowNs, 0));
        }
        if (expedited && !copies.hasBegun()) {
            return nowNs;
        }
        if (expedited) {
            dueNs = Math.min(dueNs, Math.max(copies.dueNs(), pacer.dueNs(nowNs, 0)));
        }
        return tailProbeWanted && flight.bytes() > 0 ? Math.min(dueNs, tailProbeDueNs()) : dueNs;
    }

    // ---- acknowledgements

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        return onAck(in, at, length, nowNs);
    }

    /** Takes an acknowledgement in. See {@link StreamEnd#onDatagram}. */
    public StreamVerdict onAck(MemorySegment in, long at, int length, long nowNs) {
        StreamVerdict verdict = closed
                ? StreamVerdict.CLOSED
                : ack.view(in, at, length, token.bits(), flight.next(), sentOffset, finSent);
        verdicts[verdict.ordinal()]++;
        if (verdict == StreamVerdict.ACCEPTED) {
            takeIn(nowNs);
        }
        return verdict;
    }

    private void takeIn(long nowNs) {
        unansweredSinceNs = -1;
        timeouts = 0;
        probesWanted = 0;
        if (ack.isReset()) {
            reset.heard(ack.reason());
            return;
        }
        windowLimit = Math.max(windowLimit, ack.windowLimit());
        flight.takeIn(ack, nowNs);
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
        return flight.ackedOffset() == ring.published();
    }

    /** The stream ended and the receiver has all of it. Any thread. */
    public boolean finished() {
        return flight.isFinAcked();
    }

    /** The guest is paused: what follows, and what is unacknowledged, is sent with redundancy. Any thread. */
    public void expedite() {
        expedited = true;
    }

    /** Gives up and tells the receiver, with the next {@link #poll}. The first reason stays. Any thread. */
    public void fail(String reason) {
        if (!finished()) {
            reset.fail(reason);
        }
    }

    /** Why the stream is dead; empty while it is not. Any thread. */
    public String failure() {
        return reset.reason();
    }

    @Override
    public boolean done() {
        return closed || (reset.isDead() ? reset.isTold() : finished());
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
        return new SenderStats(
                sentOffset,
                flight.ackedOffset(),
                wireBytes,
                flight.next(),
                retransmittedBytes,
                copiedBytes,
                flight.lostDatagrams(),
                flight.spuriousDatagrams(),
                probeTimeouts,
                roundTrip.known() ? roundTrip.smoothedNs() / 1000 : 0,
                roundTrip.known() ? roundTrip.minNs() / 1000 : 0,
                roundTrip.smoothedQueueNs() / 1000,
                (long) rate.paceBytesPerS(),
                flight.bytes(),
                StreamVerdict.rejected(verdicts));
    }
}
