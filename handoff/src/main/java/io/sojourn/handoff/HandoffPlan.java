// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.List;

/**
 * What all who take part in a handoff are told when it is armed.
 *
 * @param previous the epoch that the VM is bound under at the source
 * @param epoch the epoch reserved for the destination; burnt if the move is aborted
 * @param correspondents every other gateway of the VM's networks, without source and destination
 */
public record HandoffPlan(
        MigrationId migration,
        VmId vm,
        GatewayId source,
        GatewayId destination,
        Epoch previous,
        Epoch epoch,
        List<GatewayId> correspondents,
        Ordering ordering,
        Timing timing) {
    public HandoffPlan {
        correspondents = List.copyOf(correspondents);
        if (source.equals(destination)) {
            throw new IllegalArgumentException(vm + " is at " + source + " already");
        }
        if (!epoch.isAfter(previous)) {
            throw new IllegalArgumentException("epoch " + epoch + " of the move does not follow " + previous);
        }
        if (correspondents.contains(source) || correspondents.contains(destination)) {
            throw new IllegalArgumentException("source and destination are not their own correspondents");
        }
        if (ordering == Ordering.INVALID) {
            throw new IllegalArgumentException("ordering must be strict or relaxed");
        }
    }

    public Binding before() {
        return new Binding(vm, source, previous);
    }

    public Binding after() {
        return new Binding(vm, destination, epoch);
    }

    boolean strict() {
        return ordering == Ordering.STRICT;
    }

    Signal signal(GatewayId sender, Signal.Body body) {
        return new Signal(migration, vm, epoch, sender, body);
    }
}
