// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import io.sojourn.wire.DropReason;
import java.lang.foreign.MemorySegment;

/**
 * One way to carry a network's packets between gateways.
 *
 * <p>The forwarder has each frame of a route {@link #encapsulate encapsulated} and never learns what that does. What arrives from
 * the WAN is offered to the mechanism whose {@link #carriage} it came by and that {@link #accepts} its first octet. A frame may stand
 * in two places, its headers here and its payload elsewhere: a mechanism looks at the headers only.
 *
 * <p>What a mechanism must signal at ARM, ACTIVATE and DRAIN joins this interface with the first that has something to
 * say: {@code overlay} moves nothing but the binding, which the handoff itself announces.
 *
 * <p><i>Ownership</i>: buffers stay the caller's. <i>Locking</i>: none;
 * implementations are stateless or owned by the forwarder's thread.
 */
public interface Mechanism {
    /** How packets travel between gateways. */
    enum Carriage {
        /** As payload of UDP datagrams between the gateways' one port. */
        DATAGRAM,
        /** As IP packets in their own right, rewritten but with nothing around them. */
        NATIVE
    }

    /** The name in configuration and on the command line, such as {@code overlay}. */
    String name();

    Carriage carriage();

    /** Octets that {@link #encapsulate} may write before the frame. */
    int headroomBytes();

    /**
     * Octets by which a packet on the WAN exceeds the guest's IP packet, outer IP and UDP headers included; a network's
     * MTU is the underlay's less this.
     *
     * @param underlayV6 true when gateways reach each other over IPv6
     */
    int addedBytes(boolean underlayV6);

    /**
     * Makes of the Ethernet frame whose headers stand at {@code frameAt} what goes onto the WAN, in place, using the headroom before it.
     *
     * @param epoch of the binding that the frame goes by; 0: none
     * @param partialChecksum the frame's transport checksum is partial
     * @param passedOn the frame has come from another gateway
     * @return where it now begins; it ends where the frame ended
     */
    long encapsulate(
            MemorySegment buffer, long frameAt, int vni, long epoch, boolean partialChecksum, boolean passedOn);

    /** Whether what begins with this octet can be this mechanism's; for {@link Carriage#DATAGRAM} only. */
    boolean accepts(int firstOctet);

    /** Takes a packet from the WAN apart; {@code result} is filled when the answer is {@link DropReason#NONE}. */
    DropReason decapsulate(MemorySegment packet, long at, int length, Inbound result);
}
