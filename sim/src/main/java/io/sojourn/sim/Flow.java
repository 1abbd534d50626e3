// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

/**
 * One direction between a VM and a host on a gateway's LAN, or between two VMs. Packets are numbered from 1.
 *
 * @param sourceVm index, or -1: the host at {@code hostAt} sends
 * @param targetVm index, or -1: the host at {@code hostAt} receives
 * @param hostAt index of the host's gateway; -1 between VMs
 */
record FlowName(int network, int sourceVm, int targetVm, int hostAt) {}

final class Flow {
    final FlowName name;
    final int index;
    long sent;
    /** The highest number that has been delivered. */
    long delivered;

    Flow(FlowName name, int index) {
        this.name = name;
        this.index = index;
    }

    @Override
    public String toString() {
        String source = name.sourceVm() >= 0 ? "vm" + name.sourceVm() : "host" + name.hostAt();
        String target = name.targetVm() >= 0 ? "vm" + name.targetVm() : "host" + name.hostAt();
        return source + ">" + target;
    }
}
