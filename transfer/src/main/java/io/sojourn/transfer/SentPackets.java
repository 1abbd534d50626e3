// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * What the sender remembers of each transmission, by packet number, in one flat array (a cache line per packet). Numbers in
 * {@code [base, next)} are known; {@code base} moves up as packets are acknowledged, or were held lost long enough ago that no
 * late acknowledgement is worth waiting for.
 */
final class SentPackets {
    static final int IN_FLIGHT = 1;
    static final int ACKED = 2;
    /** Held lost, and waiting in the queue of retransmissions. */
    static final int LOST_QUEUED = 3;
    /** Held lost, and its bytes sent again or no longer wanted. */
    static final int LOST = 4;

    private static final int STRIDE = 8;
    private static final int OFFSET = 0;
    private static final int SIZE = 1; // payload bytes << 8 | copy << 5 | application-limited << 4 | state
    private static final int SENT_NS = 2;
    private static final int DELIVERED = 3;
    private static final int DELIVERED_NS = 4;
    private static final int FIRST_SENT_NS = 5;
    private static final long STATE_MASK = 0xf;
    private static final long APP_LIMITED = 0x10;
    private static final long COPY = 0x20;

    private final long[] slots;
    private final int mask;
    private long base;
    private long next;

    /** Room for a power of two of packets. */
    SentPackets(int capacity) {
        slots = new long[capacity * STRIDE];
        mask = capacity - 1;
    }

    long base() {
        return base;
    }

    long next() {
        return next;
    }

    boolean full() {
        return next - base > mask;
    }

    long add(
            long offset,
            int payloadBytes,
            boolean copy,
            long sentNs,
            long delivered,
            long deliveredNs,
            long firstSentNs,
            boolean appLimited) {
        int at = at(next);
        slots[at + OFFSET] = offset;
        slots[at + SIZE] = ((long) payloadBytes << 8) | (copy ? COPY : 0) | (appLimited ? APP_LIMITED : 0) | IN_FLIGHT;
        slots[at + SENT_NS] = sentNs;
        slots[at + DELIVERED] = delivered;
        slots[at + DELIVERED_NS] = deliveredNs;
        slots[at + FIRST_SENT_NS] = firstSentNs;
        return next++;
    }

    int state(long number) {
        return (int) (slots[at(number) + SIZE] & STATE_MASK);
    }

    void state(long number, int state) {
        int at = at(number) + SIZE;
        slots[at] = (slots[at] & ~STATE_MASK) | state;
    }

    long offset(long number) {
        return slots[at(number) + OFFSET];
    }

    int payloadBytes(long number) {
        return (int) (slots[at(number) + SIZE] >>> 8);
    }

    boolean copy(long number) {
        return (slots[at(number) + SIZE] & COPY) != 0;
    }

    boolean appLimited(long number) {
        return (slots[at(number) + SIZE] & APP_LIMITED) != 0;
    }

    long sentNs(long number) {
        return slots[at(number) + SENT_NS];
    }

    /** Bytes that had been delivered when this packet left (draft-ietf-ccwg-bbr, delivery rate samples). */
    long delivered(long number) {
        return slots[at(number) + DELIVERED];
    }

    /** When the last of those had been acknowledged. */
    long deliveredNs(long number) {
        return slots[at(number) + DELIVERED_NS];
    }

    /** When the packet that opened this packet's send interval had left. */
    long firstSentNs(long number) {
        return slots[at(number) + FIRST_SENT_NS];
    }

    /** Forgets what is settled: acknowledged, or lost and sent before {@code lostBeforeNs}. */
    void forget(long lostBeforeNs) {
        while (base < next) {
            int state = state(base);
            boolean settled = state == ACKED || (state == LOST && sentNs(base) < lostBeforeNs);
            if (!settled) {
                return;
            }
            base++;
        }
    }

    /** Room is needed: forgets lost packets at the bottom whatever their age. */
    void forgetLost() {
        while (base < next && (state(base) == ACKED || state(base) == LOST)) {
            base++;
        }
    }

    private int at(long number) {
        return ((int) number & mask) * STRIDE;
    }
}
