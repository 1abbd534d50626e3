// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.ilnp.Advertised;
import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.Handover;
import io.sojourn.ilnp.IlccTiming;
import io.sojourn.ilnp.IlnpMessages;
import io.sojourn.ilnp.Nonce;
import io.sojourn.ilnp.SiteLocators;
import io.sojourn.ilnp.Transparency;
import io.sojourn.linux.Links;
import io.sojourn.linux.Poller;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.NonceOption;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * ILNP for a stock Linux host without a gateway (docs/protocol/ilnp.md): programs use an address inside, and a tun device that the host's routing leads what they send, and what comes for the
 * host's locators, to. What this writes to it goes by the host's own routing. One thread.
 */
public final class IlnpHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(IlnpHost.class);
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long PRUNE_MS = 10_000;
    private static final long NS_PER_MS = 1_000_000;
    private static final int LIFETIME_S = 300;
    private static final int PREFERENCE_STEP = 10;
    private static final int PACKET_BYTES = 1 << 16;
    /** In front of a packet. */
    private static final int ROOM = 64;

    /** A way of the host to the underlay. @param device empty: nobody looks whether it is up */
    public record Uplink(String device, Locator64 locator) {}

    /** Where a correspondent is by its name. Blocks. */
    public interface Names {
        /** @throws java.io.IOException if nobody answers */
        Found find(String name) throws java.io.IOException;
    }

    public record Found(List<Long> identifiers, List<Advertised> locators) {}

    private static final long LOOK_MS = 20;
    private static final long SILENT_MS = 2_000;
    private static final long ASK_MS = 1_000;

    private final Tap tun;
    private final List<Uplink> uplinks;
    private final SiteLocators site;
    private final Queue<Runnable> found = new ConcurrentLinkedQueue<>();
    private List<String> peers = List.of();
    /** By name, once its server has said so. */
    private final Map<String, List<Long>> identifiers = new HashMap<>();

    private Names names = name -> new Found(List.of(), List.of());
    private long nextLookMs;
    private long nextAskMs;
    private final AtomicBoolean asking = new AtomicBoolean();
    private final IpAddress inside;
    private final BorderRouter border;
    private final MemorySegment packet = Arena.ofAuto().allocate(ROOM + PACKET_BYTES, 64);
    private final MemorySegment message = Arena.ofAuto().allocate(4096, 64);
    private volatile boolean running = true;
    private long updatesTaken;
    private long dropped;

    private IlnpHost(Tap tun, IpAddress inside, List<Uplink> uplinks) {
        this.tun = tun;
        this.inside = inside;
        this.uplinks = List.copyOf(uplinks);
        List<SiteLocators.Uplink> preferred = new ArrayList<>();
        uplinks.forEach(uplink ->
                preferred.add(new SiteLocators.Uplink(uplink.locator(), PREFERENCE_STEP * (preferred.size() + 1))));
        SecureRandom random = new SecureRandom();
        this.site = new SiteLocators(LIFETIME_S, preferred);
        this.border = new BorderRouter(site, IlccTiming.DEFAULT, () -> Nonce.ofShort(random.nextInt()));
        border.attach(NodeIdentifier.of(inside), new Locator64(inside.high()), Transparency.VISIBLE);
    }

    /** @param inside what programs use; its lower 64 bits are the node's identifier @throws GatewayException if the device cannot be had */
    public static IlnpHost open(String device, IpAddress inside, List<Uplink> uplinks) {
        try (Links links = new Links()) {
            Tap tun = Tap.openTun(device, Set.of());
            links.up(tun.ifindex());
            return new IlnpHost(tun, inside, uplinks);
        } catch (SyscallException e) {
            throw new GatewayException(
                    "cannot make the device " + device + " (" + e.getMessage() + "); run as root", e);
        }
    }

    /** Asks by these names where somebody is who does not answer any more. To be called before {@link #run}. */
    public void rediscoverBy(Names service, List<String> known) {
        names = service;
        peers = List.copyOf(known);
    }

    /** Until {@link #close}. */
    public void run() {
        long nextPruneMs = 0;
        try (Poller poller = new Poller(tun.fd());
                Links links = new Links()) {
            while (running) {
                poller.poll(POLL_NS);
                long now = System.nanoTime() / NS_PER_MS;
                for (int n = tun.read(packet, ROOM, PACKET_BYTES); n > 0; n = tun.read(packet, ROOM, PACKET_BYTES)) {
                    take(n, now);
                }
                for (Runnable news = found.poll(); news != null; news = found.poll()) {
                    news.run();
                }
                look(links, now);
                ask(now);
                border.poll(now, this::say);
                if (now >= nextPruneMs) {
                    border.prune(now);
                    nextPruneMs = now + PRUNE_MS;
                }
            }
        }
    }

    /** Correspondents are told at once when an uplink has failed, and that it is back. */
    private void look(Links links, long now) {
        if (now < nextLookMs) {
            return;
        }
        nextLookMs = now + LOOK_MS;
        boolean isLost = false;
        boolean isOther = false;
        for (Uplink uplink : uplinks) {
            boolean up = uplink.device().isEmpty() || isUp(links, uplink.device());
            boolean changed = site.set(uplink.locator(), up);
            isOther |= changed;
            isLost |= changed && !up;
        }
        if (isOther) {
            LOG.info("locators in use: {}", site.first() == 0 ? "none" : new Locator64(site.first()));
            border.locatorsChanged(isLost ? Handover.HARD : Handover.SOFT, now);
        }
    }

    private static boolean isUp(Links links, String device) {
        try {
            return links.isRunning(Links.index(device));
        } catch (SyscallException gone) {
            return false;
        }
    }

    /** The name service is asked on a thread of its own, one question at a time. */
    private void ask(long now) {
        if (now < nextAskMs) {
            return;
        }
        nextAskMs = now + ASK_MS;
        List<String> wanted = peers.stream().filter(peer -> isWanted(peer, now)).toList();
        if (wanted.isEmpty() || !asking.compareAndSet(false, true)) {
            return;
        }
        Thread.ofVirtual().name("names").start(() -> {
            try {
                for (String peer : wanted) {
                    Found answer = names.find(peer);
                    found.add(() -> heard(peer, answer));
                }
            } catch (java.io.IOException e) {
                LOG.warn("names: {}", e.getMessage());
            } finally {
                asking.set(false);
            }
        });
    }

    private boolean isWanted(String peer, long now) {
        List<Long> known = identifiers.get(peer);
        return known == null || known.stream().anyMatch(nid -> border.isUnanswered(nid, now, SILENT_MS));
    }

    private void heard(String peer, Found answer) {
        identifiers.put(peer, answer.identifiers());
        long now = System.nanoTime() / NS_PER_MS;
        for (long nid : answer.identifiers()) {
            if (border.isUnanswered(nid, now, SILENT_MS) && border.rediscovered(nid, answer.locators(), now)) {
                LOG.info(
                        "{} does not answer; its name says that it is at {}",
                        peer,
                        answer.locators().stream().map(Advertised::locator).toList());
            }
        }
    }

    private void take(int length, long now) {
        if (length < Ipv6.HEADER_BYTES || Ipv6.version(packet, ROOM) != 6) {
            return;
        }
        if (Ipv6.sourceHigh(packet, ROOM) == inside.high() && Ipv6.sourceLow(packet, ROOM) == inside.low()) {
            out(length, now);
            return;
        }
        Way way = border.inbound(packet, ROOM, length, false, false, now, this::say);
        if (way == Way.DELIVER) {
            int at = ROOM;
            if (border.headers().isNonceAlone()) {
                at = (int) NonceOption.remove(packet, ROOM, ROOM, border.headers());
            }
            write(packet, at, length - (at - ROOM));
        } else if (way == Way.CONSUMED) {
            updatesTaken += border.headers().isLocatorUpdate(packet, ROOM) ? 1 : 0;
        } else {
            dropped++;
        }
    }

    private void out(int length, long now) {
        if (border.outbound(packet, ROOM, length, false, now) != Way.DIRECT) {
            dropped++;
            return;
        }
        Nonce nonce = border.nonce(now);
        if (nonce != null) {
            int bytes = IlnpMessages.writeNonce(
                    message,
                    0,
                    Ipv6.sourceHigh(packet, ROOM),
                    Ipv6.sourceLow(packet, ROOM),
                    Ipv6.destinationHigh(packet, ROOM),
                    Ipv6.destinationLow(packet, ROOM),
                    nonce);
            write(message, 0, bytes);
        }
        write(packet, ROOM, length);
    }

    private void say(
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        int length = IlnpMessages.writeUpdate(
                message, 0, sourceLocator, sourceNid, destinationLocator, destinationNid, nonce, operation, listed);
        write(message, 0, length);
    }

    private void write(MemorySegment s, long at, int length) {
        if (tun.write(s, at, length) < 0) {
            dropped++;
        }
    }

    /** What was done so far, for a person. */
    public String summary() {
        return updatesTaken + " Locator Updates and acknowledgements taken, " + dropped + " packets dropped, the last "
                + border.reason();
    }

    @Override
    public void close() {
        running = false;
    }
}
