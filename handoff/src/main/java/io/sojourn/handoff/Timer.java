// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.location.GatewayId;
import java.util.Optional;

/**
 * A machine's own timer; setting one that is set moves it.
 *
 * @param gateway whom a {@link Kind#MARKER_BOUND} is about; empty for the other kinds
 */
public record Timer(Kind kind, Optional<GatewayId> gateway) {
    public enum Kind {
        /** Send again what has not been answered. */
        RETRANSMIT,
        /** An end marker has been waited for long enough. */
        MARKER_BOUND,
        /** S: the returned packets have been waited for long enough. */
        RETURN_BOUND,
        /** S: the drain of the guest's queue is overdue, should the packet path not answer. */
        DRAIN_BOUND,
        /** S: the destination should run by now. */
        PAUSE_BOUND,
        /** S: time to see whether the old path is quiet. */
        QUIET,
        /** Peers that have not answered by now are left to the controller's table. */
        GIVE_UP,
        /** Armed, or copying, for too long. */
        ARM_EXPIRY
    }

    static Timer of(Kind kind) {
        return new Timer(kind, Optional.empty());
    }

    static Timer markerBound(GatewayId gateway) {
        return new Timer(Kind.MARKER_BOUND, Optional.of(gateway));
    }

    @Override
    public String toString() {
        return kind + gateway.map(g -> "(" + g + ")").orElse("");
    }
}
