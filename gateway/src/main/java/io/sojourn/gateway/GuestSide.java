// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.util.List;

/**
 * What a handoff asks of the guest's hypervisor and of the carrier of its memory. Every method begins something and returns at
 * once; how it ended comes back to {@link Handoffs} as an event. Called on the forwarder's thread.
 */
interface GuestSide {
    /** A correspondent has no guest. */
    GuestSide NONE = new GuestSide() {};

    default void startCopy() {}

    default void cancelCopy() {}

    /** @param asksGiven also what the guest has got of what waits in its ports; answered by {@link Handoffs#given} after the guest is said to have stopped */
    default void stopGuest(boolean asksGiven) {}

    default void releaseStream() {}

    /** Destination: the guest has stopped at the source; the last of it is on its way. */
    default void stoppedAtSource() {}

    /** Lets the processors run: at the source again, at the destination for the first time. */
    default void continueGuest() {}

    default void quitGuest() {}

    /** Bridge ports of the guest, in the order of its NICs; -1 where not known. */
    default List<Integer> ports() {
        return List.of();
    }

    /** True while its hypervisor tells us itself when the guest resumes. */
    default boolean attached() {
        return false;
    }

    /** The guest was seen to run here: it is ours from now on. */
    default void activated() {}

    /** The handoff has ended; {@code stays} tells whether the guest lives on here. */
    default void finished(boolean stays) {}
}
