// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.VirtualNetwork.Subnet;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.Dhcp4;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.RouterAdvertisement;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What a guest asks its network for: an address by DHCP (RFC 2131, RFC 8415), prefixes by Router Advertisement (RFC 4861). Answers are the same at every site, from the same addresses, so that a lease is renewed wherever the
 * guest is; but of the addresses that are registered for it a guest that asks anew gets the one of the site's own subnet. Nothing is handed out that is not registered. Forwarder's thread.
 */
final class GuestServices {
    private static final int LEASE_S = 3600;
    private static final int VALID_S = 7200;
    private static final int PREFERRED_S = 3600;
    private static final int ROUTER_S = 1800;
    /** What a guest that has just arrived does first is answer; new addresses come after that. */
    private static final long[] ADVERTISED_NS = {
        TimeUnit.MILLISECONDS.toNanos(1_000),
        TimeUnit.MILLISECONDS.toNanos(3_000),
        TimeUnit.MILLISECONDS.toNanos(10_000)
    };

    private static final long AGAIN_NS = TimeUnit.MINUTES.toNanos(10);

    private static final class Guest {
        final VmEntry vm;
        final long sinceNs;
        int times;
        long nextNs;

        Guest(VmEntry vm, long sinceNs) {
            this.vm = vm;
            this.sinceNs = sinceNs;
            this.nextNs = sinceNs + ADVERTISED_NS[0];
        }
    }

    private final Counters counters;
    private final Dhcp4 dhcp = new Dhcp4();
    private final Dhcp6Service dhcp6;
    private boolean names;
    private final MemorySegment frame =
            Arena.ofAuto().allocate(Math.max(RouterAdvertisement.BYTES, 64 + Dhcp4.ANSWER_BYTES), 64);
    private final RouterAdvertisement advertisement = new RouterAdvertisement(frame);
    private final List<Guest> guests = new ArrayList<>();

    GuestServices(Counters counters) {
        this.counters = counters;
        this.dhcp6 = new Dhcp6Service(counters);
    }

    /** The gateway answers for names: guests are told. */
    void names() {
        names = true;
    }

    /** Whether guests of the network are served. */
    static boolean serves(VirtualNetwork network) {
        return network.label != null;
    }

    // --- DHCP

    /** Whether a guest asks for an address. */
    static boolean isDhcp(ParsedFrame f) {
        return f.protocol() == IpProtocol.UDP
                && !f.isFragment()
                && (f.isV6()
                        ? Dhcp6Service.isAsked(f)
                        : f.destinationPort() == Dhcp4.SERVER_PORT && f.sourcePort() == Dhcp4.CLIENT_PORT);
    }

    /** What {@link #isDhcp}, from a VM. @return false: it is nothing that is answered */
    boolean dhcp(LanPort port, MemorySegment s, ParsedFrame f, VmEntry sender) {
        return f.isV6() ? dhcp6.answer(port, s, f, sender, names) : dhcp4(port, s, f, sender);
    }

    private boolean dhcp4(LanPort port, MemorySegment s, ParsedFrame f, VmEntry sender) {
        VmEntry.Nic nic = sender.nicIn(port.network, f.sourceMac());
        long at = f.l4At() + Udp.HEADER_BYTES;
        if (nic == null || !dhcp.read(s, at, f.l4Length() - Udp.HEADER_BYTES) || dhcp.mac() != nic.mac()) {
            return false;
        }
        IpAddress here = home(port.network, nic);
        if (here == null) {
            return false;
        }
        int type = dhcp.type();
        long wanted = dhcp.wantedAddress();
        boolean isOwn = wanted != 0 && nic.has(false, 0, wanted);
        switch (type) {
            case Dhcp4.DISCOVER -> answer(port, nic, Dhcp4.OFFER, here);
            case Dhcp4.REQUEST -> {
                // What it has is its own wherever it is; that is what lets a lease be renewed after a move.
                if (isOwn) {
                    answer(port, nic, Dhcp4.ACK, IpAddress.v4((int) wanted));
                } else {
                    answer(port, nic, Dhcp4.NAK, here);
                }
            }
            case Dhcp4.INFORM -> answer(port, nic, Dhcp4.ACK, here);
            default -> {} // RELEASE, DECLINE: what is registered stays registered
        }
        return true;
    }

    /** Of a VM's addresses the one in a subnet that is at home here; else the first. */
    private static @Nullable IpAddress home(VirtualNetwork network, VmEntry.Nic nic) {
        LabelNetwork here = network.label;
        IpAddress first = null;
        for (IpAddress a : nic.addresses()) {
            if (!a.isV6()) {
                if (here != null && here.isOurs(a)) {
                    return a;
                }
                first = first == null ? a : first;
            }
        }
        return first;
    }

    private void answer(LanPort port, VmEntry.Nic nic, int type, IpAddress address) {
        Subnet subnet = port.network.subnetOf(false, 0, address.low());
        if (subnet == null) {
            return;
        }
        long server = subnet.gatewayAddress().low();
        boolean known = dhcp.clientAddress() != 0 && type != Dhcp4.NAK;
        boolean broadcast = !known && (dhcp.wantsBroadcast() || type == Dhcp4.NAK);
        Dhcp4.Lease lease = new Dhcp4.Lease(
                address.low(), subnet.prefix().length(), server, names ? server : 0, port.network.mtuBytes, LEASE_S);
        long toMac = broadcast ? Ethernet.BROADCAST : nic.mac();
        long to = known ? dhcp.clientAddress() : broadcast ? 0xFFFF_FFFFL : address.low();
        int bytes = dhcp.write(frame, GuestFrame.payloadAt(false), type, server, lease);
        int length = GuestFrame.udp(
                frame,
                toMac,
                IpAddress.v4((int) server),
                Dhcp4.SERVER_PORT,
                IpAddress.v4((int) to),
                Dhcp4.CLIENT_PORT,
                bytes);
        port.write(frame, 0, length);
        counters.add(Kind.DHCP_ANSWERED);
    }

    // --- Router Advertisement

    /** Whether that is the address that Router Advertisements come from. */
    static boolean isRouter(VirtualNetwork network, boolean isV6, long high, long low) {
        return isV6
                && high == NeighborDiscovery.LINK_LOCAL_HIGH
                && low == RouterAdvertisement.linkLocalLow(LanPort.ANYCAST_MAC)
                && serves(network);
    }

    /** The guest has come here, or asks. */
    void arrived(VmEntry vm, long nowNs) {
        guests.removeIf(guest -> guest.vm == vm);
        guests.add(new Guest(vm, nowNs));
    }

    void solicited(LanPort port, VmEntry sender, long mac) {
        VmEntry.Nic nic = sender.nicIn(port.network, mac);
        if (nic != null && sender.local) {
            advertise(port, nic, sender);
        }
    }

    void tick(long nowNs) {
        for (int i = guests.size() - 1; i >= 0; i--) {
            Guest guest = guests.get(i);
            if (!guest.vm.local) {
                guests.remove(i);
            } else if (nowNs - guest.nextNs >= 0) {
                guest.times++;
                guest.nextNs = guest.times < ADVERTISED_NS.length
                        ? guest.sinceNs + ADVERTISED_NS[guest.times]
                        : nowNs + AGAIN_NS;
                for (VmEntry.Nic nic : guest.vm.nics) {
                    LanPort port = nic.network().port;
                    if (port != null && serves(nic.network())) {
                        advertise(port, nic, guest.vm);
                    }
                }
            }
        }
    }

    /** To one guest alone: others of the LAN are none of our business. Its address here is preferred, that of where it was lives on for what has begun with them. */
    private void advertise(LanPort port, VmEntry.Nic nic, VmEntry vm) {
        LabelNetwork here = port.network.label;
        if (here == null) {
            return;
        }
        advertisement.begin();
        boolean any = false;
        for (IpAddress a : nic.addresses()) {
            if (a.isV6()) {
                boolean home = here.isOurs(a);
                any |= home;
                Peer other = here.peerAt(true, a.high(), a.low());
                if (home || other != null && other.id.equals(vm.cameFrom)) {
                    advertisement.prefix(a.high(), home, VALID_S, home ? PREFERRED_S : 0);
                }
            }
        }
        if (any) {
            int length = advertisement.finish(
                    nic.mac(),
                    LanPort.ANYCAST_MAC,
                    NeighborDiscovery.ALL_NODES_HIGH,
                    NeighborDiscovery.ALL_NODES_LOW,
                    ROUTER_S,
                    port.network.mtuBytes);
            port.write(frame, 0, length);
            counters.add(Kind.ROUTERS_ADVERTISED);
        }
    }
}
