// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.PeerAddress;
import io.sojourn.seal.SealFormat;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.RelayDatagram;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ways around what lets nothing pass between two gateways: by a third one that both reach, for as long as there is no direct path. Both
 * ends learn from it where the other is seen, and try there twice a second; two NATs and firewalls that see both ends speak let them
 * through (RFC 5128, hole punching). The first answer on the direct path ends the detour.
 *
 * <p>Locking: none, forwarder's thread.
 */
final class Relays {
    private static final Logger LOG = LoggerFactory.getLogger(Relays.class);
    /** A gateway that has never answered is given so long before a relay is tried, and each relay after it. */
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(3);
    /** So long after its last direct datagram a peer that comes by a relay is answered there. */
    private static final long DIRECT_NS = TimeUnit.MILLISECONDS.toNanos(1_500);

    private final Set<String> names;
    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;

    /** @param names of gateways that may be asked to relay; those that are relayed to need none */
    Relays(Set<String> names, ForwardingTable table, WanPort wan, Counters counters) {
        this.names = names;
        this.table = table;
        this.wan = wan;
        this.counters = counters;
    }

    /** The peer does not answer. */
    void unreachable(Peer peer, Collection<Peer> reachable, long nowNs) {
        if (names.isEmpty() || peer.seal == null || nowNs - peer.wayNs < PATIENCE_NS) {
            return;
        }
        List<Peer> ways = new ArrayList<>();
        for (Peer relay : reachable) {
            if (relay != peer && relay.via == null && relay.seal != null && names.contains(relay.id.name())) {
                ways.add(relay);
            }
        }
        int next = peer.wayTried++ % (ways.size() + 1);
        // Every relay in turn, then straight again.
        take(peer, next < ways.size() ? ways.get(next) : null, nowNs);
    }

    private static void take(Peer peer, @Nullable Peer via, long nowNs) {
        if (peer.via != via) {
            peer.via = via;
            peer.pathChanged = true;
            if (via != null) {
                LOG.info("gateway {}: no direct path; by way of {}", peer, via);
            }
        }
        peer.wayNs = nowNs;
    }

    /** The peer has answered on the direct path, from there. */
    static void direct(Peer peer, PeerAddress from, long nowNs) {
        if (peer.via != null) {
            InetSocketAddress at = from.toSocketAddress();
            LOG.info("gateway {}: direct path, at {}:{}", peer, at.getAddress().getHostAddress(), at.getPort());
            peer.address = from;
            peer.wayTried = 0;
            take(peer, null, nowNs);
        }
    }

    /** An authentic datagram of the peer has come by way of {@code via}, which says at {@code at} of {@code s} where it sees the peer. */
    static void heard(Peer peer, Peer via, MemorySegment s, long at, long nowNs) {
        long high = RelayDatagram.addressHigh(s, at);
        long low = RelayDatagram.addressLow(s, at);
        int port = RelayDatagram.port(s, at);
        PeerAddress known = peer.candidate;
        if (known == null || known.high() != high || known.low() != low || known.port() != port) {
            peer.candidate = new PeerAddress(high, low, Math.max(1, port), 0);
        }
        if (peer.via == null && nowNs - peer.directNs > DIRECT_NS) {
            take(peer, via, nowNs);
        }
    }

    /** What {@code from} wants handed on. */
    void handOn(Peer from, MemorySegment s, long at, int length) {
        int sealed = length - RelayDatagram.TO_HEADER_BYTES;
        if (sealed <= 0 || !SealFormat.isSealed(BigEndian.u8(s, at + RelayDatagram.TO_HEADER_BYTES))) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return;
        }
        Peer to = table.peer(RelayDatagram.number(s, at));
        if (to == null || to == from || to.via != null || to.seal == null) {
            counters.drop(DropReason.NO_ROUTE);
            return;
        }
        PeerAddress seen = from.address;
        RelayDatagram.writeFrom(wan.frames(), wan.frameAt(), from.number, seen.high(), seen.low(), seen.port());
        MemorySegment.copy(
                s,
                at + RelayDatagram.TO_HEADER_BYTES,
                wan.frames(),
                wan.frameAt() + RelayDatagram.FROM_HEADER_BYTES,
                sealed);
        wan.sendBuilt(to, RelayDatagram.FROM_HEADER_BYTES + sealed);
        counters.add(Kind.HANDED_ON);
    }
}
