// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.StreamFormat.MAX_REASON_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Why one end of a stream has given up, and how often the other has been told. A reset may be lost like any datagram and nobody acknowledges it, so it is sent some times over.
 *
 * <p>Locking: the forwarder's thread, but {@link #fail} and {@link #reason}, which are for any.
 */
final class Reset {
    private static final int REPEATS = 5;
    private static final long SPACING_NS = 200_000_000L;
    private static final long ANSWER_SPACING_NS = 10_000_000L;

    private volatile String reason = "";
    private volatile boolean tellPeer;
    private boolean peerKnows;
    private int sent;
    private long dueNs = Long.MIN_VALUE;

    /** This end gives up and will say so. The first reason stays. */
    void fail(String why) {
        if (reason.isEmpty()) {
            tellPeer = true;
            reason = why;
        }
    }

    /** The other end has given up. */
    void heard(String why) {
        peerKnows = true;
        if (reason.isEmpty()) {
            reason = why;
        }
    }

    /** The other end goes on as if it had not been told: once more, soon. */
    void answer(long nowNs) {
        dueNs = Math.min(dueNs, nowNs + ANSWER_SPACING_NS);
        sent = Math.min(sent, REPEATS - 1);
    }

    /** Empty while the stream lives. */
    String reason() {
        return reason;
    }

    boolean isDead() {
        return !reason.isEmpty();
    }

    /** Of a dead stream: nothing is left to say. */
    boolean isTold() {
        return !tellPeer || peerKnows || sent == REPEATS;
    }

    long nextDueNs(long nowNs) {
        return isTold() ? Long.MAX_VALUE : Math.max(nowNs, dueNs);
    }

    boolean isDue(long nowNs) {
        return !isTold() && nowNs >= dueNs;
    }

    /** It is due and goes now. @return octets of the reason, which are written at {@code at} */
    int write(long nowNs, MemorySegment out, long at) {
        byte[] bytes = reason.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, MAX_REASON_BYTES);
        MemorySegment.copy(bytes, 0, out, ValueLayout.JAVA_BYTE, at, length);
        sent++;
        dueNs = nowNs + SPACING_NS;
        return length;
    }

    /** A peer's reason as one harmless line. */
    static String read(MemorySegment in, long at, int length) {
        byte[] bytes = in.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
        String text = new String(bytes, StandardCharsets.UTF_8)
                .replaceAll("\\p{Cntrl}", " ")
                .strip();
        return text.isEmpty() ? "the far carrier gave up without a reason" : text;
    }
}
