// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.*;

import java.lang.foreign.MemorySegment;

/** An acknowledgement where it was received (docs/protocol/stream.md): a view, good until the memory is used again. */
final class Acknowledgement {
    private MemorySegment in = MemorySegment.NULL;
    private long at;

    /**
     * Whether it can be an answer to what has been sent; if so it is what is read from now on.
     *
     * @param next number of the datagram that will be sent next
     * @param sentOffset where the stream is that has been sent
     * @param finSent its end among it
     */
    StreamVerdict view(
            MemorySegment s, long from, int length, long tokenBits, long next, long sentOffset, boolean finSent) {
        StreamVerdict verdict = check(s, from, length, TYPE_ACK, ACK_HEADER_BYTES, tokenBits);
        if (verdict != StreamVerdict.ACCEPTED) {
            return verdict;
        }
        in = s;
        at = from;
        int reasonBytes = reasonBytes();
        if (ranges() > MAX_ACK_RANGES || reasonBytes > MAX_REASON_BYTES) {
            return StreamVerdict.BAD_FIELD;
        }
        if (length != ACK_HEADER_BYTES + ranges() * ACK_RANGE_BYTES + reasonBytes) {
            return StreamVerdict.TRUNCATED;
        }
        long limit = windowLimit();
        if (largest() < NONE
                || cumulative() < 0
                || limit < 0
                || limit > MAX_NUMBER
                || (largest() == NONE) != (ranges() == 0)) {
            return StreamVerdict.BAD_FIELD;
        }
        if (largest() >= next || cumulative() > sentOffset || (isFin() && (!finSent || cumulative() != sentOffset))) {
            return StreamVerdict.ACKS_UNSENT;
        }
        return areRangesInOrder() ? StreamVerdict.ACCEPTED : StreamVerdict.BAD_FIELD;
    }

    private boolean areRangesInOrder() {
        long previousLow = largest() + 1;
        for (int i = 0; i < ranges(); i++) {
            if (low(i) < 0 || high(i) >= previousLow || (i == 0 && high(i) != largest())) {
                return false;
            }
            previousLow = low(i);
        }
        return true;
    }

    /** The end of the stream has arrived, and all before it. */
    boolean isFin() {
        return (u8(in, at + FLAGS) & FLAG_FIN) != 0;
    }

    boolean isReset() {
        return (u8(in, at + FLAGS) & FLAG_RESET) != 0;
    }

    /** Why, of a reset. */
    String reason() {
        return Reset.read(in, at + ACK_HEADER_BYTES, reasonBytes());
    }

    private int reasonBytes() {
        return u16(in, at + REASON_LENGTH);
    }

    /** The largest number that has arrived, or {@link StreamFormat#NONE}. */
    long largest() {
        return u64(in, at + LARGEST);
    }

    /** How long that had been there when this was sent. */
    long delayNs() {
        return u32(in, at + ACK_DELAY_US) * 1000;
    }

    /** When it came, by the receiver's clock. */
    long receivedNs() {
        return u64(in, at + RECEIVED_US) * 1000;
    }

    /** All of the stream before that has arrived. */
    long cumulative() {
        return u64(in, at + CUMULATIVE);
    }

    /** Up to there the sender may send. */
    long windowLimit() {
        return u64(in, at + WINDOW_LIMIT);
    }

    /** Ranges of numbers that have arrived, downwards. */
    int ranges() {
        return u16(in, at + RANGE_COUNT);
    }

    long high(int range) {
        return largest() - u32(in, at + ACK_HEADER_BYTES + (long) range * ACK_RANGE_BYTES);
    }

    long low(int range) {
        return high(range) - u32(in, at + ACK_HEADER_BYTES + (long) range * ACK_RANGE_BYTES + 4);
    }
}
