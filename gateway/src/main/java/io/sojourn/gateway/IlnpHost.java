// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.ilnp.Advertised;
import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.IlccTiming;
import io.sojourn.ilnp.IlnpMessages;
import io.sojourn.ilnp.Nonce;
import io.sojourn.ilnp.SiteLocators;
import io.sojourn.ilnp.SiteLocators.Uplink;
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
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * ILNP for a stock Linux host without a gateway (docs/protocol/ilnp.md): programs use an address inside, and a tun device that the host's routing leads what they send, and what comes for the
 * host's locators, to. What this writes to it goes by the host's own routing. One thread.
 */
public final class IlnpHost implements AutoCloseable {
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long PRUNE_MS = 10_000;
    private static final long NS_PER_MS = 1_000_000;
    private static final int LIFETIME_S = 300;
    private static final int PREFERENCE_STEP = 10;
    private static final int PACKET_BYTES = 1 << 16;
    /** In front of a packet. */
    private static final int ROOM = 64;

    private final Tap tun;
    private final IpAddress inside;
    private final BorderRouter border;
    private final MemorySegment packet = Arena.ofAuto().allocate(ROOM + PACKET_BYTES, 64);
    private final MemorySegment message = Arena.ofAuto().allocate(4096, 64);
    private volatile boolean running = true;
    private long updatesTaken;
    private long dropped;

    private IlnpHost(Tap tun, IpAddress inside, List<Locator64> locators) {
        this.tun = tun;
        this.inside = inside;
        List<Uplink> uplinks = new ArrayList<>();
        locators.forEach(locator -> uplinks.add(new Uplink(locator, PREFERENCE_STEP * (uplinks.size() + 1))));
        SecureRandom random = new SecureRandom();
        this.border = new BorderRouter(
                new SiteLocators(LIFETIME_S, uplinks), IlccTiming.DEFAULT, () -> Nonce.ofShort(random.nextInt()));
        border.attach(NodeIdentifier.of(inside), new Locator64(inside.high()), Transparency.VISIBLE);
    }

    /** @param inside what programs use; its lower 64 bits are the node's identifier @throws GatewayException if the device cannot be had */
    public static IlnpHost open(String device, IpAddress inside, List<Locator64> locators) {
        try (Links links = new Links()) {
            Tap tun = Tap.openTun(device, Set.of());
            links.up(tun.ifindex());
            return new IlnpHost(tun, inside, locators);
        } catch (SyscallException e) {
            throw new GatewayException(
                    "cannot make the device " + device + " (" + e.getMessage() + "); run as root", e);
        }
    }

    /** Until {@link #close}. */
    public void run() {
        long nextPruneMs = 0;
        try (Poller poller = new Poller(tun.fd())) {
            while (running) {
                poller.poll(POLL_NS);
                long now = System.nanoTime() / NS_PER_MS;
                for (int n = tun.read(packet, ROOM, PACKET_BYTES); n > 0; n = tun.read(packet, ROOM, PACKET_BYTES)) {
                    take(n, now);
                }
                border.poll(now, this::say);
                if (now >= nextPruneMs) {
                    border.prune(now);
                    nextPruneMs = now + PRUNE_MS;
                }
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
