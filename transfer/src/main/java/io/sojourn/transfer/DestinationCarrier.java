// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Stub: the API. The destination's carrier: receiver - ring - Unix socket - QEMU. */
public final class DestinationCarrier implements StreamEnd {
    /**
     * Starts a carrier that connects to the incoming QEMU's {@code socket} when the first bytes are there.
     *
     * @param wake makes the forwarder thread poll this end soon; any thread, cheap, may be called too often
     */
    public static DestinationCarrier connectTo(
            StreamToken token, Path socket, StreamParameters parameters, CarrierEvents events, Runnable wake) {
        throw new UnsupportedOperationException();
    }

    /** Bytes handed to QEMU so far. Any thread. */
    public long bytesWritten() {
        throw new UnsupportedOperationException();
    }

    /** Gives up: QEMU's connection is closed and the far carrier told. Any thread. */
    public void fail(String reason) {
        throw new UnsupportedOperationException();
    }

    public ReceiverStats stats() {
        throw new UnsupportedOperationException();
    }

    @Override
    public StreamToken token() {
        throw new UnsupportedOperationException();
    }

    @Override
    public StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs) {
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

    @Override
    public boolean done() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
