// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/** What became of a received stream datagram. Everything but {@link #ACCEPTED} left the stream's state untouched. */
public enum StreamVerdict {
    /** Understood and used (a duplicate counts as used: it is acknowledged again). */
    ACCEPTED,
    /** Shorter than its header, or than the lengths in it say. */
    TRUNCATED,
    /** Not a stream datagram, or a data datagram at the sender, or an ack at the receiver. */
    WRONG_TYPE,
    /** A version of the format that this end does not speak. */
    WRONG_VERSION,
    /** Another stream's token, or a guess. */
    WRONG_TOKEN,
    /** A field out of its range: numbers beyond 2^62, ranges out of order, bytes after the end of the stream. */
    BAD_FIELD,
    /** Bytes beyond the window that was granted. */
    BEYOND_WINDOW,
    /** So many holes that the reassembly table is full; the bytes will be sent again. */
    TOO_FRAGMENTED,
    /** Acknowledges what was never sent. */
    ACKS_UNSENT,
    /** The stream has been reset, or its ring closed. */
    CLOSED;

    static final int COUNT = values().length;

    /** Of so many datagrams by verdict, those that were refused. */
    static long rejected(long[] byVerdict) {
        long all = 0;
        for (long count : byVerdict) {
            all += count;
        }
        return all - byVerdict[ACCEPTED.ordinal()];
    }
}
