// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;

/** Stub: the API. */
public final class StreamReceiver implements StreamEnd {
    public StreamReceiver(StreamToken token, ByteRing ring) {
        throw new UnsupportedOperationException();
    }

    @Override
    public StreamToken token() {
        throw new UnsupportedOperationException();
    }

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
        return onData(in, at, length, nowNs);
    }

    public StreamVerdict onData(MemorySegment in, long at, int length, long nowNs) {
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

    /** Gives up and tells the sender. Any thread. */
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

    public ReceiverStats stats() {
        throw new UnsupportedOperationException();
    }
}
