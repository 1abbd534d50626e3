// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A virtual network whose subnets the underlay routes to their sites: which prefixes are whose, and who else may speak with its VMs. Follows the forwarding table. Forwarder's thread only;
 * lookups allocate nothing.
 */
final class LabelNetwork {
    /** @param peer null: it is ours */
    private record Routed(IpPrefix prefix, @Nullable Peer peer) {}

    final VirtualNetwork network;
    private final GatewayConfig.Attachment attachment;
    private List<Routed> routed = List.of();

    LabelNetwork(VirtualNetwork network, GatewayConfig.Attachment attachment) {
        this.network = network;
        this.attachment = attachment;
    }

    void rebuild(ForwardingTable table) {
        List<Routed> all = new ArrayList<>();
        attachment.routed().forEach(prefix -> all.add(new Routed(prefix, null)));
        for (Peer peer : table.peers()) {
            peer.routed.getOrDefault(network.name, List.of()).forEach(prefix -> all.add(new Routed(prefix, peer)));
        }
        routed = List.copyOf(all);
    }

    private @Nullable Routed find(boolean v6, long high, long low) {
        for (int i = 0; i < routed.size(); i++) {
            Routed r = routed.get(i);
            if (VirtualNetwork.contains(r.prefix, v6, high, low)) {
                return r;
            }
        }
        return null;
    }

    /** Whether the underlay brings packets for that address to us. */
    boolean isOurs(boolean v6, long high, long low) {
        Routed r = find(v6, high, low);
        return r != null && r.peer == null;
    }

    boolean isOurs(IpAddress address) {
        return isOurs(address.isV6(), address.high(), address.low());
    }

    /** To whom it brings them; null: to us, or to nobody that we know. */
    @Nullable
    Peer peerAt(boolean v6, long high, long low) {
        Routed r = find(v6, high, low);
        return r == null ? null : r.peer;
    }

    /** An address of ours that is no host's: connections that began elsewhere go on from it. */
    Optional<IpAddress> standIn(boolean v6) {
        for (VirtualNetwork.Subnet subnet : network.subnets()) {
            IpAddress gateway = subnet.gatewayAddress();
            if (gateway.isV6() == v6 && isOurs(gateway)) {
                return Optional.of(gateway);
            }
        }
        return Optional.empty();
    }

    /** Whether somebody without a gateway may speak with the network's VMs. */
    boolean admits(boolean v6, long high, long low) {
        List<IpPrefix> outsiders = attachment.outsiders();
        for (int i = 0; i < outsiders.size(); i++) {
            if (VirtualNetwork.contains(outsiders.get(i), v6, high, low)) {
                return true;
            }
        }
        return false;
    }
}
