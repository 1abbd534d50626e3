// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowKey;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.IpProtocol;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The floating addresses that are routed to this gateway, by address and by the VM's address. Forwarder's thread. */
final class FloatingTable {
    /** A port that stands for another. */
    record Port(int protocol, int outer, int inner) {}

    /**
     * One address, or some ports of it.
     *
     * @param ports none: all that there is, one to one
     */
    record Floating(IpAddress address, VirtualNetwork network, VmEntry vm, IpAddress to, List<Port> ports) {
        boolean isOneToOne() {
            return ports.isEmpty();
        }

        /** The VM's port; -1: nothing leads there. */
        int inner(int protocol, int outer) {
            if (ports.isEmpty()) {
                return outer;
            }
            for (Port port : ports) {
                if (port.protocol == protocol && port.outer == outer) {
                    return port.inner;
                }
            }
            return -1;
        }
    }

    private final List<IpPrefix> prefixes;
    private Map<IpAddress, List<Floating>> byAddress = Map.of();
    /** One to one, by the VM's own address. */
    private Map<VirtualNetwork, Map<IpAddress, Floating>> byVm = Map.of();

    FloatingTable(List<IpPrefix> prefixes) {
        this.prefixes = prefixes;
    }

    static Port port(String text) {
        int slash = text.indexOf('/');
        int equals = text.indexOf('=');
        int protocol = switch (text.substring(0, Math.max(slash, 0))) {
            case "tcp" -> IpProtocol.TCP;
            case "udp" -> IpProtocol.UDP;
            default -> throw new IllegalArgumentException("'" + text + "' is no port such as tcp/443=8443");
        };
        int outer = Integer.parseInt(text.substring(slash + 1, equals < 0 ? text.length() : equals));
        return new Port(protocol, outer, equals < 0 ? outer : Integer.parseInt(text.substring(equals + 1)));
    }

    void rebuild(ForwardingTable table) {
        Map<IpAddress, List<Floating>> addresses = new HashMap<>();
        Map<VirtualNetwork, Map<IpAddress, Floating>> vms = new HashMap<>();
        for (VmEntry vm : table.vms()) {
            for (io.sojourn.rpc.Floating said : vm.floating) {
                VirtualNetwork network = table.network(said.getNetwork());
                IpAddress address = IpAddress.parse(said.getAddress());
                if (network == null || prefixes.stream().noneMatch(p -> p.contains(address))) {
                    continue;
                }
                Floating floating = new Floating(
                        address,
                        network,
                        vm,
                        IpAddress.parse(said.getTo()),
                        said.getPortsList().stream().map(FloatingTable::port).toList());
                addresses.computeIfAbsent(address, a -> new ArrayList<>()).add(floating);
                if (floating.isOneToOne()) {
                    vms.computeIfAbsent(network, n -> new HashMap<>()).putIfAbsent(floating.to(), floating);
                }
            }
        }
        byAddress = addresses;
        byVm = vms;
    }

    /** What the local end of the key, as the outside knows it, leads to; null: nothing. Asked once a flow. */
    @Nullable
    Floating of(FlowKey key) {
        List<Floating> all = byAddress.get(new IpAddress(key.isV6(), key.localHigh(), key.localLow()));
        if (all != null) {
            for (Floating floating : all) {
                if (floating.inner(key.protocol(), key.localPort()) >= 0) {
                    return floating;
                }
            }
        }
        return null;
    }

    /** By which the VM's flows leave; null: by none of its own. Asked once a flow. */
    @Nullable
    Floating oneToOne(VirtualNetwork network, FlowKey key) {
        Map<IpAddress, Floating> all = byVm.get(network);
        return all == null ? null : all.get(new IpAddress(key.isV6(), key.localHigh(), key.localLow()));
    }
}
