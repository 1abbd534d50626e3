// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Stub: the API. The source's carrier: QEMU - Unix socket - ring - sender. */
public final class SourceCarrier implements StreamEnd {
    /**
     * Listens on {@code socket} for QEMU's one connection.
     *
     * @param wake makes the forwarder thread poll this end soon; any thread, cheap, may be called too often
     */
    public static SourceCarrier listen(
            StreamToken token, Path socket, StreamParameters parameters, CarrierEvents events, Runnable wake) {
        throw new UnsupportedOperationException();
    }

    /** Stops reading from QEMU at once; {@link CarrierEvents#drained} follows. Any thread. */
    public void park() {
        throw new UnsupportedOperationException();
    }

    /** Reads freely. Any thread. */
    public void unpark() {
        throw new UnsupportedOperationException();
    }

    /** Reads {@code bytes} more from now on, then parks; replaces what was left of an earlier allowance. Any thread. */
    public void allow(long bytes) {
        throw new UnsupportedOperationException();
    }

    /** The guest is paused: unparks, and sends the rest with redundancy. Any thread. */
    public void expedite() {
        throw new UnsupportedOperationException();
    }

    /** Parked, and every byte read has been sent once. Any thread. */
    public boolean drained() {
        throw new UnsupportedOperationException();
    }

    /** Bytes read from QEMU so far. Any thread. */
    public long bytesRead() {
        throw new UnsupportedOperationException();
    }

    /** Gives up: QEMU's connection is closed and the far carrier told. Any thread. */
    public void fail(String reason) {
        throw new UnsupportedOperationException();
    }

    public SenderStats stats() {
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
