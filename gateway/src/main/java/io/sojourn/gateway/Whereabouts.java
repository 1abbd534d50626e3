// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import org.jspecify.annotations.Nullable;

/**
 * What every packet to a VM, or from it, asks for. Apart from the rest of {@link VmEntry}, since the JVM puts the fields of a
 * superclass first: among a million VMs it is found in one or two cache lines. The forwarder's thread only.
 */
abstract class Whereabouts {
    /** What happens to packets that come for the VM. */
    enum Keeping {
        /** They go on: to the port when local, else along the route. */
        NOTHING,
        /** Destination, armed: those marked with the move's epoch wait in order; others go along the route. */
        MARKED,
        /** Source, held: all wait until the guest has read its port's queue empty, or what it left there has gone before them. */
        WAITING,
        /** Source, taking back: all wait, but what the destination returns goes to the port at once. */
        ALL,
        /** Local: all queue behind what is being flushed. */
        BEHIND
    }

    Keeping keeping = Keeping.NOTHING;
    /** True while packets are delivered to the guest's port on our own LAN. */
    boolean local;
    /**
     * True while the bridge brings what is for the VM's MAC to the gateway instead of the guest's port: it is not here, or what comes
     * must wait its turn. Frames then reach the guest through {@link VmEntry#direct} alone.
     */
    boolean captured;
    /** Set while a handoff of this VM wants to know of its frames on our LAN. */
    boolean watched;
    /** The number of the epoch of the binding that this gateway acts by. */
    long boundEpoch;
    /** Where packets go when not local; null when the gateway of the binding is unknown. */
    @Nullable
    Peer route;
    /** Epoch that goes into packets sent along {@code route}. */
    long routeEpoch;

    /** Has all of it in the processor's cache; the result means nothing. */
    final long touch() {
        return routeEpoch + boundEpoch + (local ? 1 : 0) + (route == null ? 1 : 0);
    }
}
