// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

/** The name of a virtual machine, unique in one controller's realm. */
public record VmId(String name) implements Comparable<VmId> {
    public VmId {
        Names.label("VM", name);
    }

    @Override
    public int compareTo(VmId other) {
        return name.compareTo(other.name);
    }

    @Override
    public String toString() {
        return name;
    }
}
