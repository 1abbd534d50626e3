// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.binding;

import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;

/** A VM is reached through a gateway, since this epoch. All identifiers of the VM move together. */
public record Binding(VmId vm, GatewayId gateway, Epoch epoch) {
    @Override
    public String toString() {
        return vm + " at " + gateway + " " + epoch;
    }
}
