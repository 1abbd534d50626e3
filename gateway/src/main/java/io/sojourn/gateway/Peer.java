// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.PeerAddress;
import io.sojourn.mechanism.Page;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.seal.SealFormat;
import io.sojourn.seal.SealPeer;
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
    /** Where it is: follows it when it roams. */
    PeerAddress address;
    /** Its static public key in base64; empty: it has none. */
    String sealKey = "";
    /** By which members are named on the underlay while they are reached through it. */
    Page page = Page.NONE;
    /** An operator has said that nothing between it and us is sealed. */
    boolean plain;
    /** What sealing knows it by; null: plain, or it has no key. */
    @Nullable
    SealPeer<Peer> seal;

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
        this.site = site;
        this.locator = locator;
        this.advertised = PeerAddress.of(locator.toSocketAddress());
        this.address = advertised;
    }

    boolean isV6() {
        return !address.isIpv4();
    }

    /** What is around a datagram on the way to it: IP, UDP (RFC 791, 8200, 768), and the seal. */
    int outerHeaderBytes() {
        return (isV6() ? 40 : 20) + 8 + (plain ? 0 : SealFormat.OVERHEAD_BYTES);
    }

    @Override
    public String toString() {
        return id.name();
    }
}
