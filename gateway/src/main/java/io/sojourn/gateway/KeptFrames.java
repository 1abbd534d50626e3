// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;

/**
 * What waits for a guest that does not run here yet. Within a flow it comes out as it went in; between flows, datagrams go before TCP: a call or a clock has nobody else
 * to make up for the silence, while TCP, whose first segments cost a guest with cold caches milliseconds each, has. So that they cannot keep TCP waiting for ever, one segment goes
 * after every few datagrams.
 *
 * <p>Ownership and locking: as {@link HoldBuffer}.
 */
final class KeptFrames implements AutoCloseable {
    private static final int DATAGRAMS_PER_SEGMENT = 16;
    /** The most that a frame takes beside its own length. */
    private static final int OVERHEAD_BYTES = 16;

    private final HoldBuffer datagrams;
    private final HoldBuffer segments;
    private final long boundBytes;
    private final ParsedFrame f = new ParsedFrame();
    /** Datagrams that have gone since the last segment did. */
    private int inARow;

    /** @param boundBytes of both together */
    KeptFrames(long boundBytes) {
        this.boundBytes = boundBytes;
        datagrams = new HoldBuffer(boundBytes);
        segments = new HoldBuffer(boundBytes);
    }

    /** Copies a frame in; false when it does not fit. */
    boolean add(MemorySegment from, long at, int length) {
        return datagrams.bytes() + segments.bytes() + length + OVERHEAD_BYTES <= boundBytes
                && (isSegment(from, at, length) ? segments : datagrams).add(from, at, length);
    }

    /** All packets of a flow, fragments among them, are one or the other. */
    private boolean isSegment(MemorySegment from, long at, int length) {
        return !f.parse(from, at, length).isDrop() && f.isIp() && f.protocol() == IpProtocol.TCP;
    }

    boolean isEmpty() {
        return datagrams.isEmpty() && segments.isEmpty();
    }

    int count() {
        return datagrams.count() + segments.count();
    }

    /** Where the next frame to go out is the oldest; call only when not empty. */
    HoldBuffer next() {
        boolean segment = datagrams.isEmpty() || inARow >= DATAGRAMS_PER_SEGMENT && !segments.isEmpty();
        return segment ? segments : datagrams;
    }

    /** Forgets the frame that {@link #next} gave. */
    void remove() {
        HoldBuffer next = next();
        inARow = next == datagrams ? inARow + 1 : 0;
        next.remove();
    }

    /** Gives the memory back; empty, it may be used again. */
    @Override
    public void close() {
        datagrams.close();
        segments.close();
    }
}
