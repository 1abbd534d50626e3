// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.PeerAddress;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;

/** Another gateway, as the forwarder knows it. Fields that change are written and read on the forwarder's thread only. */
final class Peer {
    /** Assumed of a path until probing has shown more or less. */
    static final int DEFAULT_UNDERLAY_MTU = 1500;

    final GatewayId id;
    final SiteId site;
    final Locator locator;
    final PeerAddress address;
    /** Largest IP packet that the underlay carries to it. */
    int underlayMtuBytes = DEFAULT_UNDERLAY_MTU;
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
        this.address = PeerAddress.of(locator.toSocketAddress());
    }

    boolean isV6() {
        return locator.address().getAddress().length == 16;
    }

    /** Outer IP and UDP headers on the way to it (RFC 791, 8200, 768). */
    int outerHeaderBytes() {
        return (isV6() ? 40 : 20) + 8;
    }

    @Override
    public String toString() {
        return id.name();
    }
}
