// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

/**
 * To whom, and under which epoch, packets to an address go while nothing but a binding has a say in it: a word that stands beside the address in {@link VmTable}, so that a packet
 * to one of a million VMs touches no more of the VM than that. {@link ForwardingTable} writes it and takes it back.
 *
 * <pre>
 *   63  62      48 47       0
 *   | 1 |   peer  |  epoch  |
 * </pre>
 */
final class NextHop {
    /** The VM has to be asked. */
    static final long NONE = 0;

    static final int MOST_PEERS = 1 << 15;
    private static final int PEER_SHIFT = 48;
    private static final long MOST_EPOCHS = 1L << PEER_SHIFT;
    private static final long KNOWN = 1L << 63;

    private NextHop() {}

    /** @param peer its number, from 0 on; {@link #NONE} if there is no room for it, or for the epoch */
    static long of(int peer, long epoch) {
        boolean fits = peer >= 0 && peer < MOST_PEERS && epoch >= 0 && epoch < MOST_EPOCHS;
        return fits ? KNOWN | (long) peer << PEER_SHIFT | epoch : NONE;
    }

    static int peer(long hop) {
        return (int) (hop >>> PEER_SHIFT) & MOST_PEERS - 1;
    }

    static long epoch(long hop) {
        return hop & MOST_EPOCHS - 1;
    }
}
