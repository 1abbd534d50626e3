// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;

/**
 * What gateways say to each other about a handoff, straight and authenticated ({@link SignalCodec}). Every signal may be
 * lost, doubled, delayed or overtaken: whoever needs an answer sends again, and every answer may be given twice.
 *
 * @param epoch the epoch that the handoff would bind the VM under
 * @param sender who wrote it, which need not be who forwarded it
 */
public record Signal(MigrationId migration, VmId vm, Epoch epoch, GatewayId sender, Body body) {

    /** Which half of the traffic an end marker ends. */
    public enum Direction {
        INVALID,
        /** To the VM: nothing from the marker's origin follows on the path through the source. */
        INBOUND,
        /** From the VM: nothing that the VM sent at the source follows. */
        OUTBOUND
    }

    public sealed interface Body {}

    /** D to S and each Ci: the VM runs here, the binding is active. */
    public record Announce(GatewayId source, Epoch previous, Ordering ordering) implements Body {}

    /** S and Ci to D. */
    public record AnnounceAck() implements Body {}

    /**
     * Travels in order behind the data. INBOUND: Ci (or D, for hosts on its own LAN) to S, which passes it on to D.
     * OUTBOUND: S to each Ci and to D.
     */
    public record EndMarker(GatewayId origin, Direction direction) implements Body {}

    /** D to Ci (INBOUND), Ci or D to S (OUTBOUND): the marker came, or nobody waits for it any more. */
    public record EndMarkerAck(GatewayId origin, Direction direction) implements Body {}

    /** S to D, in order behind what was redirected, and to each Ci: S keeps the guest, the epoch is burnt. */
    public record Abort(String reason) implements Body {}

    /** D to S: burnt here, the guest never runs under this epoch. Ci to S: disarmed ({@code returned} is 0). */
    public record AbortAck(long returned) implements Body {}

    /** D to S, in order behind the packets of its buffer. */
    public record ReturnEnd(long returned) implements Body {}

    /** D to S: burnt at D's own wish, for this reason; the guest does not and will not run here. */
    public record Failed(String reason) implements Body {}

    /** Whoever knows better, to a late sender: the binding that holds now. */
    public record Moved(GatewayId gateway, Epoch now) implements Body {}

    /**
     * D to S: the VM was seen here, moved behind our back. S agrees with ANNOUNCE_ACK if its own guest does not run, and
     * else answers ABORT. Proves nothing.
     */
    public record Claim(Epoch previous, Ordering ordering) implements Body {}

    /** The binding that this signal proves active, if it proves one. */
    public java.util.Optional<Binding> proves() {
        return switch (body) {
            case Announce a -> java.util.Optional.of(new Binding(vm, sender, epoch));
            case Moved(GatewayId gateway, Epoch now) -> java.util.Optional.of(new Binding(vm, gateway, now));
            default -> java.util.Optional.empty();
        };
    }

    @Override
    public String toString() {
        return body + " of " + vm + " " + epoch + " by " + sender;
    }
}
