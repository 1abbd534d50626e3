// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.rpc.Explained;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/** What this gateway would do now with a packet of a network: the tables are asked as a packet asks them. Forwarder's thread only. */
final class Explanation {
    private static final int HEADERS_BYTES = Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES + Tcp.HEADER_BYTES;
    private static final int OVERLAY_INNER_BYTES = Vxlan.HEADER_BYTES + Ethernet.HEADER_BYTES;

    private final ForwardingTable table;
    private final WanPort wan;

    Explanation(ForwardingTable table, WanPort wan) {
        this.table = table;
        this.wan = wan;
    }

    /** @throws GatewayException if the network is not known here */
    Explained of(String networkName, IpAddress source, IpAddress destination) {
        VirtualNetwork network = table.network(networkName);
        if (network == null) {
            throw new GatewayException("network " + networkName + " is not known at this gateway");
        }
        Explained.Builder told = Explained.newBuilder();
        VmEntry vm = network.vmByAddress.get(destination.isV6(), destination.high(), destination.low());
        if (vm == null) {
            VirtualNetwork.Subnet subnet = network.subnetOf(destination.isV6(), destination.high(), destination.low());
            if (subnet == null || subnet.homeSite().isEmpty()) {
                return told.addLines("no route: " + destination + " is in no subnet of network " + networkName)
                        .build();
            }
            told.addLines(
                    "route: " + destination + " is a host of " + subnet.prefix() + ", at site " + subnet.homeSite());
            if (table.isOwnSite(subnet.homeSite())) {
                return told.addLines("delivery: on this LAN, its MAC address by ARP or ND")
                        .build();
            }
            return towards(told, table.gatewayOf(subnet.homeSite()), network, source, destination, 0);
        }
        told.addLines("route: VM " + vm.id + " is " + (vm.local ? "here" : "at " + vm.gateway) + " under epoch "
                + vm.epoch.number() + (vm.onMove ? ", and moves now" : ""));
        told.addLines(String.format(
                Locale.ROOT,
                "state: kept %s, holds %d inbound %d outbound, route epoch %d, highest epoch heard %d",
                vm.keeping.toString().toLowerCase(Locale.ROOT),
                vm.holds.size(),
                vm.outboundHolds.size(),
                vm.routeEpoch,
                vm.highestEpoch));
        if (!vm.local) {
            Peer there = vm.route;
            if (there != null
                    && vm.isMat(network)
                    && wan.bypass(there, network, frame(source, destination), 0) == null) {
                told.addLines(
                        "mapping: none of " + destination
                                + " is known here yet, as no packet has wanted one; it is asked for, and packets go by the overlay meanwhile");
            }
            return towards(told, vm.route, network, source, destination, vm.routeEpoch);
        }
        VmEntry.Nic nic = vm.nics.stream()
                .filter(n -> n.network() == network && n.has(destination.isV6(), destination.high(), destination.low()))
                .findFirst()
                .orElseThrow();
        return told.addLines("delivery: on this LAN, to " + new MacAddress(nic.mac()) + " from "
                        + new MacAddress(LanPort.ANYCAST_MAC))
                .build();
    }

    private Explained towards(
            Explained.Builder told,
            @org.jspecify.annotations.Nullable Peer peer,
            VirtualNetwork network,
            IpAddress source,
            IpAddress destination,
            long epoch) {
        if (peer == null) {
            return told.addLines("no route: the gateway of that place is not in the table")
                    .build();
        }
        MemorySegment frame = frame(source, destination);
        Bypass way = wan.bypass(peer, network, frame, 0);
        int added = way == null
                ? peer.outerHeaderBytes() + OVERLAY_INNER_BYTES
                : peer.underlayMtuBytes - way.mtuBytes(peer);
        told.addLines(
                way == null
                        ? "overlay: " + (peer.plain ? "in the open" : "sealed") + ", VXLAN framing, VNI " + network.vni
                                + ", epoch " + epoch + ", to " + (peer.via == null ? peer.address : "relay " + peer.via)
                        : way.explain(peer, network, frame, 0, epoch));
        if (way == null && network.label != null) {
            told.addLines(
                    "label: TCP of connections that began at home goes natively all the same; see label-tunnelled");
        }
        told.addLines(String.format(
                Locale.ROOT,
                "path: to gateway %s, round trip %.1f ms, underlay MTU %d, %d octets added, packets of up to %d octets",
                peer.id,
                peer.rttNs / 1e6,
                peer.underlayMtuBytes,
                added,
                wan.innerMtuBytes(peer, network, frame, 0)));
        return told.setNext(peer.id.name()).setAddedBytes(added).build();
    }

    /** As much of a packet as a table looks at. */
    private static MemorySegment frame(IpAddress source, IpAddress destination) {
        MemorySegment s = Arena.ofAuto().allocate(HEADERS_BYTES, 8);
        boolean v6 = destination.isV6();
        Ethernet.write(s, 0, 0, 0, v6 ? EtherType.IPV6 : EtherType.IPV4);
        long ip = Ethernet.HEADER_BYTES;
        // Of TCP, as some ways carry nothing else.
        int header = v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
        BigEndian.putU8(s, ip, v6 ? 0x60 : 0x45);
        BigEndian.putU8(s, ip + (v6 ? Ipv6.NEXT_HEADER_OFFSET : Ipv4.PROTOCOL_OFFSET), IpProtocol.TCP);
        BigEndian.putU16(
                s,
                ip + (v6 ? Ipv6.PAYLOAD_LENGTH_OFFSET : Ipv4.TOTAL_LENGTH_OFFSET),
                Tcp.HEADER_BYTES + (v6 ? 0 : header));
        BigEndian.putU8(s, ip + header + Tcp.DATA_OFFSET_OFFSET, Tcp.HEADER_BYTES << 2);
        byte[] from = source.toBytes();
        byte[] to = destination.toBytes();
        int at = v6 ? Ipv6.SOURCE_OFFSET : Ipv4.SOURCE_OFFSET;
        MemorySegment.copy(from, 0, s, ValueLayout.JAVA_BYTE, ip + at, from.length);
        MemorySegment.copy(to, 0, s, ValueLayout.JAVA_BYTE, ip + at + from.length, to.length);
        return s;
    }
}
