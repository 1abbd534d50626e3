// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.ilnp.Advertised;
import io.sojourn.ilnp.IlnpMessages;
import io.sojourn.ilnp.Nonce;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.LocatorUpdate;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a border itself says: nonces, Locator Updates and answers to them. Forwarder's thread. */
final class LocatorVoice {
    private static final Logger LOG = LoggerFactory.getLogger(LocatorVoice.class);
    private static final long SAY_NS = TimeUnit.SECONDS.toNanos(1);
    private static final int MESSAGE_BYTES = 4096;

    private final WanPort wan;
    private final UnderlayPort underlay;
    private final Counters counters;
    private final FrameRun said = new FrameRun();
    private final MemorySegment message = Arena.ofAuto().allocate(MESSAGE_BYTES, 64);
    private long saidNs = Long.MIN_VALUE / 2;
    private long unsaid;

    LocatorVoice(WanPort wan, UnderlayPort underlay, Counters counters) {
        this.wan = wan;
        this.underlay = underlay;
        this.counters = counters;
    }

    /** Sends a packet with nothing in it but a nonce. */
    void follow(LocatorNetwork here, long from, long nid, long to, long correspondent, Nonce nonce) {
        say(here, from, IlnpMessages.writeNonce(message, Ethernet.HEADER_BYTES, from, nid, to, correspondent, nonce));
    }

    /** A session's first nonces travel in packets of their own: a guest's would grow, and be lost where nobody knows the option. */
    void nonce(LocatorNetwork here, MemorySegment s, long ip, long now) {
        Nonce nonce = here.border.nonce(now);
        if (nonce == null) {
            return;
        }
        int length = IlnpMessages.writeNonce(
                message,
                Ethernet.HEADER_BYTES,
                Ipv6.sourceHigh(s, ip),
                Ipv6.sourceLow(s, ip),
                Ipv6.destinationHigh(s, ip),
                Ipv6.destinationLow(s, ip),
                nonce);
        say(here, Ipv6.sourceHigh(s, ip), length);
        counters.add(Kind.NONCES_SENT);
    }

    /** Sends the packet in {@link #message}: natively, or by way of the site whose locator it comes from. */
    private void say(LocatorNetwork here, long sourceLocator, int ipBytes) {
        counters.add(Kind.LOCATOR_MESSAGE_OCTETS, ipBytes);
        Ethernet.write(message, 0, underlay.mac(), LanPort.ANYCAST_MAC, EtherType.IPV6);
        if (here.site.leavesHere(sourceLocator)) {
            underlay.send(said.frame(message, 0, Ethernet.HEADER_BYTES + ipBytes, false));
            return;
        }
        PeerLocators whose = here.peerAt(sourceLocator);
        if (whose == null) {
            counters.drop(DropReason.NO_ROUTE);
        } else {
            wan.sendCopy(whose.peer(), message, 0, Ethernet.HEADER_BYTES + ipBytes, here.network.vni, 0);
        }
    }

    /** At most once a second. */
    void refused(DropReason why) {
        unsaid++;
        long now = System.nanoTime();
        if (now - saidNs > SAY_NS) {
            LOG.warn("Locator Update refused: {}; {} since this was last said", why, unsaid);
            saidNs = now;
            unsaid = 0;
        }
    }

    /** Writes a Locator Update, or an answer to one, and sends it. */
    void update(
            LocatorNetwork here,
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        int length = IlnpMessages.writeUpdate(
                message,
                Ethernet.HEADER_BYTES,
                sourceLocator,
                sourceNid,
                destinationLocator,
                destinationNid,
                nonce,
                operation,
                listed);
        say(here, sourceLocator, length);
        counters.add(operation == LocatorUpdate.ADVERTISEMENT ? Kind.LOCATOR_UPDATES_SENT : Kind.LOCATOR_UPDATES_TAKEN);
    }
}
