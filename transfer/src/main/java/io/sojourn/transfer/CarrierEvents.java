// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * What a carrier reports. Called on the forwarder thread or on the carrier's own thread: implementations only post the
 * event onwards, they neither block nor throw.
 */
public interface CarrierEvents {
    /**
     * QEMU is on the line: the source's connected to the carrier's socket, or the carrier reached the destination's.
     */
    default void connected() {}

    /** Source, once per park: nothing waits in the carrier; every byte read from QEMU has been sent once. */
    default void drained() {}

    /** Source: QEMU has closed its end, and its last byte has been read. */
    default void emptied(long streamBytes) {}

    /** Destination: the whole stream has come; QEMU may still have to take what was last. */
    default void arrived(long streamBytes) {}

    /**
     * The stream ended well. Source: QEMU closed it and the far carrier has acknowledged all of it. Destination: all of it is
     * in QEMU's hands and the connection is closed.
     *
     * @param streamBytes length of the whole stream
     */
    default void finished(long streamBytes) {}

    /** The stream is dead, on both sides or about to be; reported once. One line: what, where. */
    default void failed(String reason) {}
}
