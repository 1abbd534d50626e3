// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;

/** Stub: the API. */
public final class StreamSender implements StreamEnd {
    public StreamSender(StreamToken token, ByteRing ring, StreamParameters parameters) {
        throw new UnsupportedOperationException();
    }

    @Override
    public StreamToken token() {
        throw new UnsupportedOperationException();
    }

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        return onAck(in, at, length, nowNs);
    }

    public StreamVerdict onAck(MemorySegment in, long at, int length, long nowNs) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int poll(long nowNs, MemorySegment out, long at) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long nextDueNs(long nowNs) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int maxDatagramBytes() {
        throw new UnsupportedOperationException();
    }

    /** Every byte that the ring holds has been sent once. */
    public boolean allSent() {
        throw new UnsupportedOperationException();
    }

    /** Every byte that was ever published has been acknowledged. */
    public boolean allAcked() {
        throw new UnsupportedOperationException();
    }

    /** The guest is paused: send the rest with redundancy. Any thread. */
    public void expedite() {
        throw new UnsupportedOperationException();
    }

    /** Gives up and tells the receiver. Any thread. */
    public void fail(String reason) {
        throw new UnsupportedOperationException();
    }

    /** Why the stream is dead; empty while it is not. */
    public String failure() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean done() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }

    public SenderStats stats() {
        throw new UnsupportedOperationException();
    }
}
