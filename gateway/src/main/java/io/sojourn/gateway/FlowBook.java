// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowTable;
import io.sojourn.flow.FlowTiming;
import io.sojourn.linux.LazyMemory;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The flows that this gateway knows, and how it counts VMs and gateways in them. Nothing is spent on it before there is a flow. Forwarder's thread.
 */
final class FlowBook {
    private final ForwardingTable table;
    private final int capacity;
    private @Nullable FlowTable flows;
    private final Map<VmId, Integer> vmNumbers = new HashMap<>();
    private final List<VmId> vmNames = new ArrayList<>();
    private @Nullable VmEntry[] vms = new VmEntry[16];
    /** The first is ourselves. */
    private final List<GatewayId> gateways = new ArrayList<>();

    private @Nullable Peer[] peers = new Peer[4];

    FlowBook(ForwardingTable table, int capacity) {
        this.table = table;
        this.capacity = capacity;
        gateways.add(table.self());
    }

    FlowTable flows() {
        FlowTable made = flows;
        if (made == null) {
            made = new FlowTable(
                    LazyMemory.allocate(FlowTable.bytes(capacity)),
                    capacity,
                    FlowTiming.DEFAULT,
                    new SecureRandom().nextLong());
            flows = made;
        }
        return made;
    }

    /** Null: there has been no flow. */
    @Nullable
    FlowTable peek() {
        return flows;
    }

    static int second(long nowNs) {
        return (int) (nowNs / 1_000_000_000L);
    }

    int vm(VmEntry vm) {
        if (vm.flowVm < 0) {
            vm.flowVm = vmNumbers.computeIfAbsent(vm.id, id -> {
                vmNames.add(id);
                return vmNames.size() - 1;
            });
        }
        if (vm.flowVm >= vms.length) {
            vms = Arrays.copyOf(vms, Math.max(2 * vms.length, vm.flowVm + 1));
        }
        vms[vm.flowVm] = vm;
        return vm.flowVm;
    }

    /** Null: it is not known any more. */
    @Nullable
    VmEntry vm(int number) {
        return number < vms.length ? vms[number] : null;
    }

    /** As flows count owners. */
    int owner(GatewayId gateway) {
        int known = gateways.indexOf(gateway);
        if (known >= 0) {
            return known;
        }
        gateways.add(gateway);
        tableChanged();
        return gateways.size() - 1;
    }

    GatewayId owner(int number) {
        return gateways.get(number);
    }

    /** Null: it is ourselves, or not in the table. */
    @Nullable
    Peer peer(int owner) {
        return owner < peers.length ? peers[owner] : null;
    }

    void tableChanged() {
        peers = new Peer[gateways.size()];
        for (int i = 0; i < peers.length; i++) {
            peers[i] = table.peer(gateways.get(i));
        }
        for (int i = 0; i < vmNames.size() && i < vms.length; i++) {
            vms[i] = table.vm(vmNames.get(i));
        }
    }
}
