// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.location;

/** The name of a gateway: one process at one site. */
public record GatewayId(String name) implements Comparable<GatewayId> {
    public GatewayId {
        Labels.check("gateway", name);
    }

    @Override
    public int compareTo(GatewayId other) {
        return name.compareTo(other.name);
    }

    @Override
    public String toString() {
        return name;
    }
}
