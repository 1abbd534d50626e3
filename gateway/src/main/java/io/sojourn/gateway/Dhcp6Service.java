// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.Dhcp6;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.RouterAdvertisement;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Addresses for guests by DHCPv6 (RFC 8415), and the name server for those that have one. The server has the same name at every site, so that a lease is renewed wherever the guest is. As with Router Advertisements: what is
 * at home here is preferred, other registered addresses live on for what has begun with them. Forwarder's thread.
 */
final class Dhcp6Service {
    private static final int VALID_S = 7200;
    private static final int PREFERRED_S = 3600;
    private static final byte[] NAME = Dhcp6.duid(LanPort.ANYCAST_MAC);
    private static final IpAddress ROUTER =
            IpAddress.v6(NeighborDiscovery.LINK_LOCAL_HIGH, RouterAdvertisement.linkLocalLow(LanPort.ANYCAST_MAC));

    private final Counters counters;
    private final Dhcp6 dhcp = new Dhcp6();
    private final MemorySegment frame = Arena.ofAuto().allocate(GuestFrame.payloadAt(true) + Dhcp6.ANSWER_BYTES, 64);

    Dhcp6Service(Counters counters) {
        this.counters = counters;
    }

    static boolean isAsked(ParsedFrame f) {
        return f.isV6()
                && f.destinationPort() == Dhcp6.SERVER_PORT
                && f.sourcePort() == Dhcp6.CLIENT_PORT
                && f.destinationHigh() == Dhcp6.SERVERS_HIGH
                && f.destinationLow() == Dhcp6.SERVERS_LOW;
    }

    /** A datagram to all servers, from a VM. @param names whether the gateway answers for names */
    boolean answer(LanPort port, MemorySegment s, ParsedFrame f, VmEntry sender, boolean names) {
        VmEntry.Nic nic = sender.nicIn(port.network, f.sourceMac());
        if (nic == null
                || f.sourceHigh() != NeighborDiscovery.LINK_LOCAL_HIGH
                || !dhcp.read(s, f.l4At() + Udp.HEADER_BYTES, f.l4Length() - Udp.HEADER_BYTES)
                || !dhcp.isFor(NAME)) {
            return false;
        }
        IpAddress to = IpAddress.v6(f.sourceHigh(), f.sourceLow());
        switch (dhcp.type()) {
            case Dhcp6.SOLICIT ->
                reply(
                        port,
                        nic,
                        to,
                        dhcp.wantsRapidCommit() ? Dhcp6.REPLY : Dhcp6.ADVERTISE,
                        granted(port, nic),
                        -1,
                        names);
            case Dhcp6.REQUEST, Dhcp6.RENEW, Dhcp6.REBIND ->
                reply(port, nic, to, Dhcp6.REPLY, granted(port, nic), -1, names);
            case Dhcp6.CONFIRM -> {
                // What it has is its own wherever it is.
                if (IntStream.range(0, dhcp.associations()).anyMatch(i -> dhcp.wanted(i) > 0)) {
                    reply(
                            port,
                            nic,
                            to,
                            Dhcp6.REPLY,
                            List.of(),
                            ownsAll(nic) ? Dhcp6.SUCCESS : Dhcp6.NOT_ON_LINK,
                            names);
                }
            }
            // What is registered stays registered.
            case Dhcp6.RELEASE, Dhcp6.DECLINE -> reply(port, nic, to, Dhcp6.REPLY, List.of(), Dhcp6.SUCCESS, false);
            default -> reply(port, nic, to, Dhcp6.REPLY, List.of(), -1, names);
        }
        return true;
    }

    private boolean ownsAll(VmEntry.Nic nic) {
        for (int i = 0; i < dhcp.associations(); i++) {
            for (int n = 0; n < dhcp.wanted(i); n++) {
                if (!nic.has(true, dhcp.wantedHigh(i, n), dhcp.wantedLow(i, n))) {
                    return false;
                }
            }
        }
        return true;
    }

    private List<List<Dhcp6.Lease>> granted(LanPort port, VmEntry.Nic nic) {
        List<List<Dhcp6.Lease>> granted = new ArrayList<>();
        List<IpAddress> here = here(port.network, nic);
        for (int i = 0; i < dhcp.associations(); i++) {
            List<Dhcp6.Lease> leases = new ArrayList<>();
            // A host has one association a NIC; of a second one only what it has already is renewed.
            (i == 0 ? here : List.<IpAddress>of())
                    .forEach(a -> leases.add(new Dhcp6.Lease(a.high(), a.low(), PREFERRED_S, VALID_S)));
            for (int n = 0; n < dhcp.wanted(i) && dhcp.type() != Dhcp6.SOLICIT; n++) {
                long high = dhcp.wantedHigh(i, n);
                long low = dhcp.wantedLow(i, n);
                if (leases.stream().noneMatch(lease -> lease.high() == high && lease.low() == low)) {
                    leases.add(
                            nic.has(true, high, low)
                                    ? new Dhcp6.Lease(high, low, leases.isEmpty() ? PREFERRED_S : 0, VALID_S)
                                    : new Dhcp6.Lease(high, low, 0, 0));
                }
            }
            granted.add(leases.subList(0, Math.min(leases.size(), Dhcp6.LEASES_MOST)));
        }
        return granted;
    }

    /** Of a NIC's addresses those in subnets that are at home here; if there are none, the first. */
    private static List<IpAddress> here(VirtualNetwork network, VmEntry.Nic nic) {
        LabelNetwork routed = network.label;
        List<IpAddress> all = nic.addresses().stream().filter(IpAddress::isV6).toList();
        List<IpAddress> home =
                all.stream().filter(a -> routed != null && routed.isOurs(a)).toList();
        return home.isEmpty() ? all.stream().limit(1).toList() : home;
    }

    private void reply(
            LanPort port,
            VmEntry.Nic nic,
            IpAddress to,
            int type,
            List<List<Dhcp6.Lease>> granted,
            int status,
            boolean names) {
        IpAddress server = null;
        for (IpAddress a : names ? here(port.network, nic) : List.<IpAddress>of()) {
            server = server == null ? port.network.speakingAddress(true, a.high(), a.low()) : server;
        }
        Dhcp6.Said said = new Dhcp6.Said(status, server == null ? 0 : server.high(), server == null ? 0 : server.low());
        int bytes = dhcp.write(frame, GuestFrame.payloadAt(true), type, NAME, granted, said);
        port.write(frame, 0, GuestFrame.udp(frame, nic.mac(), ROUTER, Dhcp6.SERVER_PORT, to, Dhcp6.CLIENT_PORT, bytes));
        counters.add(Kind.DHCP_ANSWERED);
    }
}
