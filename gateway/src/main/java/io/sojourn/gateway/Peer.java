// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.PeerAddress;
import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.seal.PresharedKey;
import io.sojourn.seal.SealFormat;
import io.sojourn.seal.SealPeer;
import io.sojourn.wire.RelayDatagram;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Another gateway, as the forwarder knows it. Fields that change are written and read on the forwarder's thread only. */
final class Peer {
    /** Assumed of a path until probing has shown more or less. */
    static final int DEFAULT_UNDERLAY_MTU = 1500;

    final GatewayId id;
    final SiteId site;
    final Locator locator;
    /** Where the controller says it is. */
    final PeerAddress advertised;
    /** Which one it is of those in the table, from 0 on; -1: it is in none yet. It may be another one after an update of gateways. */
    int index = -1;
    /** Where it is: follows it when it roams. */
    PeerAddress address;
    /** Its static public key in base64; empty: it has none. */
    String sealKey = "";
    /** By which members are named on the underlay while they are reached through it. */
    Page page = Page.NONE;
    /** Of its other uplinks. */
    List<Page> otherPages = List.of();
    /** VNIs of networks' segments at its place, by network. */
    Map<String, Integer> segments = Map.of();
    /** Flows to the world outside may leave there. */
    boolean egress;
    /** By which networks' members are reached there by ILNP, the preferred first, by network. */
    Map<String, List<IpPrefix>> locators = Map.of();
    /** Which prefixes of networks the underlay routes there, by network. */
    Map<String, List<IpPrefix>> routed = Map.of();
    /** Of all those, the ones whose uplink has failed. */
    Set<IpPrefix> locatorsDown = Set.of();
    /** By network, the gateway that its locators are routed to, where that is another. */
    Map<String, GatewayId> borders = Map.of();
    /** An operator has said that nothing between it and us is sealed. */
    boolean plain;
    /** What sealing knows it by; null: plain, or it has no key. */
    @Nullable
    SealPeer<Peer> seal;

    /** What the controller gives this pair of gateways, the newest first. */
    List<PresharedKey> preshared = List.of();

    int presharedInUse = PresharedKey.NONE;

    /** Its name in datagrams of relays. */
    final long number;
    /** The gateway by way of which it is reached, for lack of a direct path; null: none. */
    @Nullable
    Peer via;
    /** Where a relay sees it; null: none has said. */
    @Nullable
    PeerAddress candidate;
    /** Where its last probe, or answer, on the direct path came from. */
    @Nullable
    PeerAddress directFrom;
    /** When an authentic datagram came straight from it. */
    long directNs = System.nanoTime();
    /** When its way was chosen, and how many have been tried since it was last direct. */
    long wayNs = directNs;

    int wayTried;
    /** What was measured on another way does not count. */
    boolean pathChanged;

    /** Largest IP packet that the underlay carries to it. */
    int underlayMtuBytes = DEFAULT_UNDERLAY_MTU;
    /** Of the last datagram that went to it in halves. */
    int splitNumber;
    /** What came from it in halves; null: nothing has. */
    @Nullable
    Halves halves;
    /** Datagrams to it leave singly until then: joined by the kernel they came to it damaged. 0: they are joined. */
    long singlyUntilNs;
    /** How often in a row that has been so. */
    int demotions;
    /** Damaged datagrams of its in the window that began then. */
    int damaged;

    long damagedSinceNs;
    /** Smoothed round trip; 0: not measured yet. */
    long rttNs;
    /** Its clock minus ours, from the probe with the shortest round trip of late. */
    long clockOffsetUs;
    /** When its last answer arrived; Long.MIN_VALUE: never. */
    long heardNs = Long.MIN_VALUE;

    Peer(GatewayId id, SiteId site, Locator locator) {
        this.id = id;
        this.number = numberOf(id);
        this.site = site;
        this.locator = locator;
        this.advertised = PeerAddress.of(locator.toSocketAddress());
        this.address = advertised;
    }

    static long numberOf(GatewayId id) {
        return RelayDatagram.number(id.name().getBytes(StandardCharsets.UTF_8));
    }

    /** The VNI of the network's segment at its place; 0: it has none. */
    int segment(VirtualNetwork network) {
        Integer vni = segments.get(network.name);
        return vni == null ? 0 : vni;
    }

    /** In which of its pages an address is; null: in none. */
    @Nullable
    Page pageOf(IpAddress mobile) {
        if (page.contains(mobile)) {
            return page;
        }
        for (Page other : otherPages) {
            if (other.contains(mobile)) {
                return other;
            }
        }
        return null;
    }

    boolean isV6() {
        return !address.isIpv4();
    }

    /** What is around a datagram on the way to it: IP, UDP (RFC 791, 8200, 768), the seal, and what a relay needs. */
    int outerHeaderBytes() {
        Peer relay = via;
        if (relay != null) {
            return relay.outerHeaderBytes() + RelayDatagram.FROM_HEADER_BYTES + SealFormat.OVERHEAD_BYTES;
        }
        return (isV6() ? 40 : 20) + 8 + (plain ? 0 : SealFormat.OVERHEAD_BYTES);
    }

    @Override
    public String toString() {
        return id.name();
    }
}
