// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import io.sojourn.wire.DropReason;
import java.lang.foreign.MemorySegment;

/**
 * One way to carry a network's packets between gateways.
 *
 * <p>The control path asks it for an {@link Outbound} when it installs a route; the forwarder applies that to every
 * packet of the route and never learns what it does. What arrives from the WAN is offered to the mechanism whose {@link
 * #carriage} it came by and that {@link #accepts} its first octet. A mechanism that needs more than network and epoch
 * for a route (a page address, a locator, a label) offers a method of its own for the control path; the forwarder stays
 * as it is.
 *
 * <p>What a mechanism must signal at ARM, ACTIVATE and DRAIN joins this interface with the first that has something to
 * say: {@code overlay} moves nothing but the binding, which the handoff itself announces.
 *
 * <p><i>Order</i>: packets of a batch keep theirs. <i>Ownership</i>: buffers stay the caller's. <i>Locking</i>: none;
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

    /** Octets that {@link Outbound#encapsulate} may write before the frame. */
    int headroomBytes();

    /**
     * Octets by which a packet on the WAN exceeds the guest's IP packet, outer IP and UDP headers included; a network's
     * MTU is the underlay's less this.
     *
     * @param underlayV6 true when gateways reach each other over IPv6
     */
    int addedBytes(boolean underlayV6);

    /**
     * What a route in network {@code vni} to a binding of {@code epoch} (0: none) does to its packets. Control path.
     *
     * @throws IllegalArgumentException when {@code vni} has more than 24 bits
     */
    Outbound outbound(int vni, long epoch);

    /** Whether what begins with this octet can be this mechanism's; for {@link Carriage#DATAGRAM} only. */
    boolean accepts(int firstOctet);

    /** Takes a packet from the WAN apart; {@code result} is filled when the answer is {@link DropReason#NONE}. */
    DropReason decapsulate(MemorySegment packet, long at, int length, Inbound result);
}
