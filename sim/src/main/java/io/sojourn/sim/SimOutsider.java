// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.IlccTiming;
import io.sojourn.ilnp.Nonce;
import io.sojourn.ilnp.SiteLocators;
import io.sojourn.ilnp.Transparency;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.Ipv6;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A host behind no gateway, which knows each VM by the address that the VM had first: with plain IPv6, or with a border of its own and so told of moves by Locator Updates. */
final class SimOutsider {
    private final World world;
    private final int number;
    private final int network;
    private final int party;
    private final long locator;
    private final Optional<LocatorBorder> border;
    private final IlnpHeaders headers = new IlnpHeaders();

    SimOutsider(World world, int number, int network, int party, boolean isIlnp) {
        this.world = world;
        this.number = number;
        this.network = network;
        this.party = party;
        this.locator = LocatorPackets.outsider(network, number);
        if (isIlnp) {
            SiteLocators site = new SiteLocators(300, List.of(new SiteLocators.Uplink(new Locator64(locator), 10)));
            BorderRouter own = new BorderRouter(site, IlccTiming.DEFAULT, () -> Nonce.ofShort(world.random.nextInt()));
            own.attach(
                    new NodeIdentifier(LocatorPackets.outsiderNid(number)),
                    new Locator64(locator),
                    Transparency.VISIBLE);
            border = Optional.of(new LocatorBorder(world, own, this::toWorld));
        } else {
            border = Optional.empty();
        }
    }

    boolean isIlnp() {
        return border.isPresent();
    }

    int party() {
        return party;
    }

    int network() {
        return network;
    }

    private long nid() {
        return LocatorPackets.outsiderNid(number);
    }

    void says(Packet packet) {
        int vm = packet.flow.name.targetVm();
        byte[] octets = LocatorPackets.inside(packet, locator, nid(), world.firstLocator(vm), LocatorPackets.vmNid(vm));
        if (border.isEmpty()) {
            toWorld(Located.natively(packet, octets));
            return;
        }
        LocatorBorder own = border.get();
        Way way = own.out(octets, null, false);
        if (way != Way.DIRECT) {
            world.monitor.violate(2, packet + " does not leave the outsider: " + own.reason());
            return;
        }
        packet.direct = LocatorPackets.gatewayOf(Ipv6.destinationHigh(MemorySegment.ofArray(own.octets()), 0))
                == world.index(world.controller.binding(vm).gateway());
        own.nonce().ifPresent(nonce -> toWorld(Located.natively(null, nonce)));
        toWorld(Located.natively(packet, own.octets()));
    }

    private void toWorld(Located located) {
        MemorySegment s = MemorySegment.ofArray(located.octets());
        world.monitor.leavesFrom(Ipv6.sourceHigh(s, 0) == locator, "outsider " + number, located);
        world.wan.located(party, LocatorPackets.gatewayOf(Ipv6.destinationHigh(s, 0)), located);
    }

    void arrived(Located located) {
        Packet packet = located.packet();
        byte[] octets = located.octets();
        if (border.isPresent()) {
            LocatorBorder own = border.get();
            Way way = own.in(octets, false, false, 0, false);
            if (packet == null || way == Way.CONSUMED) {
                return;
            }
            if (way != Way.DELIVER) {
                world.monitor.lost(packet, Loss.NOT_BELIEVED, party);
                return;
            }
            octets = own.octets();
        } else if (packet == null) {
            MemorySegment s = MemorySegment.ofArray(octets);
            boolean told = !headers.read(s, 0, octets.length).isDrop() && headers.isLocatorUpdate(s, 0);
            world.monitor.notTold(told, number);
            return;
        }
        int vm = packet.flow.name.sourceVm();
        byte[] said = LocatorPackets.inside(packet, world.firstLocator(vm), LocatorPackets.vmNid(vm), locator, nid());
        world.monitor.unchanged(Arrays.equals(octets, said), packet);
        world.monitor.received(packet, network);
    }
}
