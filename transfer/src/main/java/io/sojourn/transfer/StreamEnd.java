// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;

/**
 * One end of a memory stream as the gateway's forwarder thread drives it: sender or receiver, bare or inside a carrier.
 *
 * <p>Order of a turn: {@link #onDatagram} for each stream datagram of the received batch, then {@link #poll} until it
 * returns 0 or the batch is full, then {@link #nextDueNs} for the sleep. Nothing here blocks, allocates per datagram,
 * reads a clock or knows a socket. One thread only. {@code nowNs} is a monotonic clock such as
 * {@link System#nanoTime()}; it never runs backwards between calls.
 */
public interface StreamEnd {
    /** The stream's name; the forwarder finds the end by {@link StreamFormat#tokenBits} of a datagram. */
    StreamToken token();

    /**
     * Takes one received datagram (types 2 and 3 of the 0x53 family, docs/protocol/stream.md).
     *
     * @param in memory that holds the datagram, read only during the call
     * @param at offset of its first byte (the 0x53)
     * @param length bytes of UDP payload
     */
    StreamVerdict onDatagram(MemorySegment in, long at, int length, long nowNs);

    /**
     * Writes the next datagram that is due, if any.
     *
     * @param out room for {@link #maxDatagramBytes()} at {@code at}
     * @return bytes of UDP payload written, or 0 when nothing is due now
     */
    int poll(long nowNs, MemorySegment out, long at);

    /** When {@link #poll} has something to do next; {@code Long.MAX_VALUE} when only a datagram or a wake can change it. */
    long nextDueNs(long nowNs);

    /** The most bytes {@link #poll} ever writes. */
    int maxDatagramBytes();

    /** True when nothing is left to send or to await: finished and acknowledged, or failed and told. */
    boolean done();

    /** Gives the ring back; the end answers {@link StreamVerdict#CLOSED} from now on. Forwarder thread, idempotent. */
    void close();
}
