// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.GatewayConfig.Offload;
import io.sojourn.wire.SojournDatagram;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mistrust of the kernel's and the underlay's work on super-frames. Who receives datagrams of a peer that are not authentic, several in
 * a short time, tells the peer; the peer hands its datagrams over singly from then on, and tries again later, each time after twice as long.
 *
 * <pre>
 *   joined --damage heard--> singly for 10 s (20 s, ... 10 min) --time over--> joined
 * </pre>
 *
 * <p>Only sealed peers are heard: what travels plain cannot be told to be damaged, and who says so could be anybody. Forwarder's thread only.
 */
final class Offloads {
    private static final Logger LOG = LoggerFactory.getLogger(Offloads.class);
    private static final long WINDOW_NS = TimeUnit.MILLISECONDS.toNanos(100);
    /** Of one peer in one window: one may be the underlay's fault. */
    private static final int SUSPICIOUS = 3;

    private static final long FIRST_TERM_NS = TimeUnit.SECONDS.toNanos(10);
    private static final int LONGEST_TERM_SHIFT = 6;

    private final WanPort wan;
    private final Counters counters;
    private GatewayConfig.Offloads use = GatewayConfig.Offloads.AUTO;

    Offloads(WanPort wan, Counters counters) {
        this.wan = wan;
        this.counters = counters;
    }

    GatewayConfig.Offloads use() {
        return use;
    }

    void use(GatewayConfig.Offloads next) {
        if (!next.equals(use)) {
            LOG.info("offloads: segmentation {}, merging {}, tap {}", next.segmentation(), next.merging(), next.tap());
        }
        use = next;
        wan.joinSent(next.segmentation() != Offload.OFF);
        wan.mergeReceived(next.merging() != Offload.OFF);
    }

    /** A datagram that names a session with the peer is not authentic. */
    void damageSeen(Peer peer, long nowNs) {
        counters.add(Kind.DAMAGE_SEEN);
        if (nowNs - peer.damagedSinceNs > WINDOW_NS) {
            peer.damagedSinceNs = nowNs;
            peer.damaged = 0;
        }
        if (++peer.damaged == SUSPICIOUS) {
            SojournDatagram.write(wan.frames(), wan.frameAt(), SojournDatagram.DAMAGE);
            wan.frames()
                    .asSlice(
                            wan.frameAt() + SojournDatagram.HEADER_BYTES,
                            SojournDatagram.DAMAGE_BYTES - SojournDatagram.HEADER_BYTES)
                    .fill((byte) 0);
            wan.sendBuilt(peer, SojournDatagram.DAMAGE_BYTES);
            counters.add(Kind.DAMAGE_REPORTED);
        }
    }

    /** The peer says that our datagrams arrive damaged. */
    void damageHeard(Peer peer, long nowNs) {
        if (peer.plain) {
            return;
        }
        counters.add(Kind.DAMAGE_HEARD);
        if (use.segmentation() != Offload.AUTO || peer.singlyUntilNs != 0) {
            return; // what is said now was sent before, or is not the offload's fault
        }
        long term = FIRST_TERM_NS << Math.min(peer.demotions++, LONGEST_TERM_SHIFT);
        peer.singlyUntilNs = nowNs + term;
        counters.add(Kind.OFFLOAD_DEMOTED);
        LOG.warn(
                "datagrams arrive damaged at gateway {}: they are sent singly (no UDP_SEGMENT) for {} s, then tried again",
                peer,
                TimeUnit.NANOSECONDS.toSeconds(term));
    }

    /** Once a second. */
    void tick(Collection<Peer> peers, long nowNs) {
        for (Peer peer : peers) {
            if (peer.singlyUntilNs != 0 && nowNs - peer.singlyUntilNs >= 0) {
                peer.singlyUntilNs = 0;
                counters.add(Kind.OFFLOAD_RESTORED);
                LOG.info("datagrams to gateway {} are handed over joined again", peer);
            }
        }
    }
}
