// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.*;

import java.lang.foreign.MemorySegment;

/**
 * The receiving end of a memory stream: places bytes where they belong in the ring, publishes them in order, and acknowledges
 * by packet number so that the sender can tell a retransmission from its original. Pure, like {@link StreamSender}.
 *
 * <p><i>Order</i>: published bytes are in stream order. <i>Ownership</i>: a datagram is copied at once. <i>Locking</i>: none;
 * all on the forwarder thread but {@code fail}, {@code failure}, {@code wakeNeeded} and {@code stats}.
 */
public final class StreamReceiver implements StreamEnd {
    private static final long MS = 1_000_000L;
    /** A lone datagram is acknowledged after this long. */
    private static final long ACK_DELAY_NS = 2 * MS;
    /** Acks keep this distance, save for the end of the stream, a probe, or a window that opens. */
    private static final long ACK_SPACING_NS = MS / 4;
    /** So many unacknowledged datagrams make an ack due. */
    private static final int ACK_EVERY = 4;
    /** Holes in the stream, at most: 2 x 128 KiB of table. */
    private static final int MAX_HOLES = 1 << 14;

    private final StreamToken token;
    private final ByteRing ring;
    private final RangeSet held = new RangeSet(MAX_HOLES);
    private final RangeSet numbers = new RangeSet(2 * MAX_ACK_RANGES);

    private volatile long cumulative;
    private long highest;
    private long end = -1;
    private volatile long grantedLimit;

    private long largest = NONE;
    private long largestReceivedNs;
    private int unacked;
    private long ackDueNs = Long.MAX_VALUE;
    private long lastAckNs = Long.MIN_VALUE / 2;
    private boolean signalPending;

    private final Reset reset = new Reset();
    private volatile boolean closed;

    private long datagrams;
    private long duplicateDatagrams;
    private long reorderedDatagrams;
    private long acks;
    private final long[] verdicts = new long[StreamVerdict.COUNT];

    /** A receiver into {@code ring}, of at least 4 MiB; as its producer it closes that side in {@link #close()}. */
    public StreamReceiver(StreamToken token, ByteRing ring) {
        if (ring.capacityBytes() < INITIAL_WINDOW_BYTES) {
            throw new IllegalArgumentException("a receiving ring holds at least " + INITIAL_WINDOW_BYTES + " B");
        }
        this.token = token;
        this.ring = ring;
        grantedLimit = ring.capacityBytes();
    }

    @Override
    public StreamToken token() {
        return token;
    }

    @Override
    public int maxDatagramBytes() {
        return MAX_ACK_BYTES;
    }

    // ---- receiving

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        return onData(in, at, length, nowNs);
    }

    /** Takes a data datagram in. See {@link StreamEnd#onDatagram}. */
    public StreamVerdict onData(MemorySegment in, long at, int length, long nowNs) {
        StreamVerdict verdict = closed ? StreamVerdict.CLOSED : takeIn(in, at, length, nowNs);
        verdicts[verdict.ordinal()]++;
        return verdict;
    }

    private StreamVerdict takeIn(MemorySegment in, long at, int length, long nowNs) {
        StreamVerdict verdict = check(in, at, length, TYPE_DATA, DATA_HEADER_BYTES, token.bits());
        if (verdict != StreamVerdict.ACCEPTED) {
            return verdict;
        }
        int bytes = u16(in, at + LENGTH);
        if (length != DATA_HEADER_BYTES + bytes) {
            return StreamVerdict.TRUNCATED;
        }
        long number = u64(in, at + NUMBER);
        long offset = u64(in, at + OFFSET);
        int flags = u8(in, at + FLAGS);
        if (number < 0 || number > MAX_NUMBER || offset < 0 || offset > MAX_NUMBER) {
            return StreamVerdict.BAD_FIELD;
        }
        if (reset.isDead()) {
            reset.answer(nowNs);
            return StreamVerdict.CLOSED;
        }
        if ((flags & FLAG_RESET) != 0) {
            if (bytes > MAX_REASON_BYTES) {
                return StreamVerdict.BAD_FIELD;
            }
            reset.heard(Reset.read(in, at + DATA_HEADER_BYTES, bytes));
            return StreamVerdict.ACCEPTED;
        }
        long upTo = offset + bytes;
        boolean fin = (flags & FLAG_FIN) != 0;
        if ((end >= 0 && (upTo > end || (fin && upTo != end))) || (fin && upTo < highest)) {
            return StreamVerdict.BAD_FIELD;
        }
        if (upTo > grantedLimit) {
            return StreamVerdict.BEYOND_WINDOW;
        }
        if (!accept(in, at + DATA_HEADER_BYTES, offset, bytes)) {
            return StreamVerdict.TOO_FRAGMENTED;
        }
        if (fin && end < 0) {
            end = upTo;
        }
        if (end >= 0 && cumulative == end && ring.end() < 0) {
            ring.finishAt(end);
            signalPending = true;
        }
        note(number, flags, fin, nowNs);
        return StreamVerdict.ACCEPTED;
    }

    /** Puts the bytes that are new in their place; false when there is no room to remember another hole. */
    private boolean accept(MemorySegment in, long payloadAt, long offset, int bytes) {
        long upTo = offset + bytes;
        if (bytes > 0 && (upTo <= cumulative || held.contains(offset, upTo))) {
            duplicateDatagrams++;
            return true;
        }
        long from = Math.max(offset, cumulative);
        int fresh = (int) (upTo - from);
        if (fresh <= 0) {
            return true;
        }
        if (from > cumulative && !held.add(from, upTo)) {
            return false;
        }
        try {
            ring.place(from, in, payloadAt + (from - offset), fresh);
        } catch (TransferException e) {
            fail(String.valueOf(e.getMessage()));
            return true;
        }
        highest = Math.max(highest, upTo);
        if (from == cumulative) {
            long next = upTo;
            if (held.size() > 0) {
                held.trimBelow(next);
                next = held.size() > 0 ? held.firstMissing(next) : next;
                held.trimBelow(next);
            }
            cumulative = next;
            ring.publish(next);
            signalPending = true;
        }
        return true;
    }

    private void note(long number, int flags, boolean fin, long nowNs) {
        datagrams++;
        boolean inOrder = number == largest + 1;
        if (number > largest) {
            largest = number;
            largestReceivedNs = nowNs;
        } else {
            reorderedDatagrams++;
        }
        if (!numbers.add(number, number + 1) && number > numbers.start(0)) {
            numbers.dropLowest();
            numbers.add(number, number + 1);
        }
        unacked++;
        boolean atOnce = (flags & FLAG_PROBE) != 0 || fin || (end >= 0 && cumulative == end);
        if (atOnce) {
            ackDueNs = nowNs;
        } else if (!inOrder || unacked >= ACK_EVERY) {
            ackDueNs = Math.min(ackDueNs, Math.max(nowNs, lastAckNs + ACK_SPACING_NS));
        } else {
            ackDueNs = Math.min(ackDueNs, nowNs + ACK_DELAY_NS);
        }
    }

    // ---- acknowledging

    /** Also wakes the ring's consumer, so that this happens once per batch of datagrams and not for each. */
    @Override
    public int poll(long nowNs, MemorySegment out, long at) {
        return pollAck(nowNs, out, at);
    }

    /** Writes an acknowledgement if one is due. See {@link StreamEnd#poll}. */
    public int pollAck(long nowNs, MemorySegment out, long at) {
        if (closed) {
            return 0;
        }
        if (signalPending) {
            signalPending = false;
            ring.signalConsumer();
        }
        if (ring.consumerClosed() && !(end >= 0 && ring.released() == end)) {
            fail("the destination's reader went away before the stream's end");
        }
        if (reset.isDead()) {
            return reset.isDue(nowNs) ? writeReset(nowNs, out, at) : 0;
        }
        if (nowNs < ackDueNs && !windowOpened()) {
            return 0;
        }
        return writeAck(nowNs, out, at);
    }

    private int writeAck(long nowNs, MemorySegment out, long at) {
        boolean all = end >= 0 && cumulative == end;
        putCommon(out, at, TYPE_ACK, all ? FLAG_FIN : 0, token.bits());
        putU64(out, at + LARGEST, largest);
        putU32(out, at + ACK_DELAY_US, Math.min((nowNs - largestReceivedNs) / 1000, 0xffff_ffffL));
        putU64(out, at + RECEIVED_US, largestReceivedNs / 1000);
        putU64(out, at + CUMULATIVE, cumulative);
        grantedLimit = ring.released() + ring.capacityBytes();
        putU64(out, at + WINDOW_LIMIT, grantedLimit);
        int count = 0;
        long rangeAt = at + ACK_HEADER_BYTES;
        for (int i = numbers.size() - 1; i >= 0 && count < MAX_ACK_RANGES; i--) {
            long high = numbers.end(i) - 1;
            long extent = Math.min(high - numbers.start(i), 0xffff_ffffL);
            if (largest - high > 0xffff_ffffL) {
                break;
            }
            putU32(out, rangeAt, largest - high);
            putU32(out, rangeAt + 4, extent);
            rangeAt += ACK_RANGE_BYTES;
            count++;
        }
        putU16(out, at + RANGE_COUNT, count);
        putU16(out, at + REASON_LENGTH, 0);
        unacked = 0;
        ackDueNs = Long.MAX_VALUE;
        lastAckNs = nowNs;
        acks++;
        return (int) (rangeAt - at);
    }

    /**
     * The reader has made so much room since the last ack that the sender should hear of it. The ring's consumer asks this after
     * releasing, on its own thread, and wakes the forwarder.
     */
    boolean windowOpened() {
        long granted = grantedLimit;
        long capacity = ring.capacityBytes();
        return ring.released() + capacity - granted >= capacity / 4 && granted - cumulative < capacity / 2;
    }

    @Override
    public long nextDueNs(long nowNs) {
        if (closed) {
            return Long.MAX_VALUE;
        }
        if (reset.isDead()) {
            return reset.nextDueNs(nowNs);
        }
        return signalPending || windowOpened() ? nowNs : ackDueNs;
    }

    // ---- state

    /** The whole stream has been received. Forwarder thread. */
    boolean whole() {
        return end >= 0 && cumulative == end;
    }

    /** The whole stream has been received and acknowledged at least once. Forwarder thread. */
    public boolean complete() {
        return whole() && ackDueNs == Long.MAX_VALUE;
    }

    /** Gives up and tells the sender, with the next {@link #poll}. The first reason stays. Any thread. */
    public void fail(String reason) {
        reset.fail(reason);
    }

    /** Why the stream is dead; empty while it is not. Any thread. */
    public String failure() {
        return reset.reason();
    }

    private int writeReset(long nowNs, MemorySegment out, long at) {
        int bytes = reset.write(nowNs, out, at + ACK_HEADER_BYTES);
        putCommon(out, at, TYPE_ACK, FLAG_RESET, token.bits());
        putU64(out, at + LARGEST, NONE);
        putU32(out, at + ACK_DELAY_US, 0);
        putU64(out, at + RECEIVED_US, 0);
        putU64(out, at + CUMULATIVE, cumulative);
        putU64(out, at + WINDOW_LIMIT, grantedLimit);
        putU16(out, at + RANGE_COUNT, 0);
        putU16(out, at + REASON_LENGTH, bytes);
        return ACK_HEADER_BYTES + bytes;
    }

    /**
     * {@inheritDoc} Keep a receiver that is done for a few round trips all the same: if its last ack is lost the sender asks
     * again.
     */
    @Override
    public boolean done() {
        return closed || (reset.isDead() ? reset.isTold() : complete());
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            ring.closeProducer();
        }
    }

    /** Datagrams refused for one reason. */
    public long count(StreamVerdict verdict) {
        return verdicts[verdict.ordinal()];
    }

    /** A snapshot of the counters. Any thread. */
    public ReceiverStats stats() {
        return new ReceiverStats(
                cumulative, datagrams, duplicateDatagrams, reorderedDatagrams, acks, StreamVerdict.rejected(verdicts));
    }
}
