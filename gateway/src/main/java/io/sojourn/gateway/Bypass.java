// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.FrameRun;
import java.lang.foreign.MemorySegment;

/** A way beside the overlay by which packets of some VMs go to other gateways. Forwarder's thread only; nothing is allocated for a packet. */
interface Bypass {
    /** Whether the IP packet in the Ethernet frame would go to the peer by this way. */
    boolean carries(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt);

    /** What the way is called, and what it makes of that packet, for a person to read. Only of one that it carries. */
    String explain(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt, long epoch);

    /** The largest IP packet of a guest that reaches the peer by this way in one piece. */
    int mtuBytes(Peer peer);

    /** Hands a run as it is to the host's own routing; false: this way has none. */
    default boolean sendUnderlay(FrameRun run) {
        return false;
    }

    /**
     * Sends a run, if this is its way.
     *
     * @param epoch by which it goes; 0: none
     * @param passedOn it has come from another gateway
     * @return false when it is not, and has not been touched
     */
    boolean send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn);
}
