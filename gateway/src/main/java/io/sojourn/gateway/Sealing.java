// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.DatagramBatch;
import io.sojourn.linux.PeerAddress;
import io.sojourn.seal.SealEndpoint;
import io.sojourn.seal.SealException;
import io.sojourn.seal.SealFormat;
import io.sojourn.seal.SealPeer;
import io.sojourn.seal.SealPrivateKey;
import io.sojourn.seal.SealPublicKey;
import io.sojourn.seal.SealSource;
import io.sojourn.seal.SealTimers;
import io.sojourn.seal.SealUnderlay;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Seals what leaves for other gateways and opens what comes from them, in the slots of the batches where it stands; keeps sessions
 * with all of them; and follows a peer that roams. Locking: none, forwarder's thread.
 */
final class Sealing implements SealUnderlay<Peer> {
    private static final long TICK_NS = TimeUnit.MILLISECONDS.toNanos(250);
    /** How long after a word about a handoff no session that works is renewed: longer than from HOLD to ACTIVATE. */
    private static final long CUT_NS = TimeUnit.SECONDS.toNanos(2);
    /** Initiations to where a peer was last heard before every other one goes where the controller says it is. */
    private static final int FAITHFUL_ATTEMPTS = 2;

    private static final byte[] NOWHERE = new byte[0];

    private final GatewayConfig.Transport transport;
    private final WanPort wan;
    private final Counters counters;
    private final Logger log;
    private final SealEndpoint<Peer> endpoint;
    private final SealSource source = this::source;
    private Offloads offloads;
    /** What is being handled: a datagram of a batch, or one of a peer that came by way of a relay. */
    private @Nullable DatagramBatch handledIn;

    private @Nullable Peer handledOf;
    private @Nullable Peer handledVia;
    private int openedLength;
    private int handled;
    private long nowNs = System.nanoTime();
    private long nextNs = nowNs;

    Sealing(SealPrivateKey key, GatewayConfig.Transport transport, WanPort wan, Counters counters) {
        this(key, transport, wan, counters, LoggerFactory.getLogger(Sealing.class));
    }

    /** @param log told of sessions and of peers that have none */
    Sealing(SealPrivateKey key, GatewayConfig.Transport transport, WanPort wan, Counters counters, Logger log) {
        this.transport = transport;
        this.wan = wan;
        this.counters = counters;
        this.log = log;
        endpoint = new SealEndpoint<>(
                key,
                cpuHasAes(),
                HostCiphers.best(),
                SealTimers.DEFAULT.rekeyAfter(TimeUnit.SECONDS.toNanos(transport.rekeyAfterS())),
                new SecureRandom()::nextBytes,
                this);
        offloads = new Offloads(wan, counters);
        wan.sealWith(this);
    }

    private static boolean cpuHasAes() {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("flags") || line.startsWith("Features"))
                    .findFirst()
                    .map(line -> List.of(line.split("\\s+")).contains("aes"))
                    .orElse(false);
        } catch (IOException e) {
            return false;
        }
    }

    /** Who is told of what comes damaged. */
    void offloads(Offloads o) {
        offloads = o;
    }

    /** The table's peers have changed. */
    void peers(Collection<Peer> peers) {
        Set<SealPeer<Peer>> keep = new HashSet<>();
        for (Peer peer : peers) {
            peer.plain = transport.isPlain(peer.id);
            peer.seal = peer.plain ? null : sealPeer(peer);
            if (peer.seal != null) {
                keep.add(peer.seal);
            }
        }
        List.copyOf(endpoint.peers()).stream().filter(p -> !keep.contains(p)).forEach(endpoint::remove);
        nextNs = nowNs;
    }

    private @Nullable SealPeer<Peer> sealPeer(Peer peer) {
        if (peer.sealKey.isEmpty()) {
            log.warn("gateway {} has no key, so nothing can be sent to it; plain-peers would allow it unsealed", peer);
            return null;
        }
        try {
            return endpoint.peer(SealPublicKey.parse(peer.sealKey), peer.preshared, peer);
        } catch (SealException e) {
            log.warn("gateway {} has a key that is none, so nothing can be sent to it: {}", peer, e.getMessage());
            return null;
        }
    }

    /** Each turn of the forwarder; when to call again. */
    long tick(long now) {
        nowNs = now;
        if (now - nextNs >= 0) {
            endpoint.tick(now, WallClock.nowUs());
            nextNs = now + TICK_NS;
        }
        return nextNs;
    }

    /** A handoff is being talked about: no session that works is renewed now. */
    void handoffUnderWay() {
        endpoint.deferRekeyUntil(nowNs + CUT_NS);
    }

    /** Seals datagram {@code i} where it stands; false if there is no session. */
    boolean seal(Peer to, DatagramBatch out, int i) {
        SealPeer<Peer> peer = to.seal;
        if (peer == null) {
            return false;
        }
        long at = out.offset(i);
        long sealedAt = at - SealFormat.TRANSPORT_HEADER_BYTES;
        MemorySegment s = out.slab();
        int n = endpoint.seal(peer, s, at, out.length(i), s, sealedAt, nowNs);
        if (n == 0) {
            return false;
        }
        out.start(i, out.start(i) - SealFormat.TRANSPORT_HEADER_BYTES);
        out.length(i, n);
        return true;
    }

    /** Opens datagram {@code i} where it stands: the caller finds what was inside, and gets who sealed it. Null: nothing for the caller. */
    @Nullable
    Peer open(DatagramBatch in, int i) {
        handledIn = in;
        handled = i;
        handledVia = null;
        handledOf = null;
        long at = in.offset(i);
        long innerAt = at + SealFormat.TRANSPORT_HEADER_BYTES;
        int n = endpoint.receive(in.slab(), at, in.length(i), source, in.slab(), innerAt, nowNs);
        if (n == SealEndpoint.NOTHING) {
            if (endpoint.reason().isDrop()) {
                counters.drop(endpoint.reason());
            }
            SealPeer<Peer> accused = endpoint.accused();
            if (accused != null) {
                offloads.damageSeen(accused.owner(), nowNs);
            }
            return null;
        }
        Peer peer = endpoint.sender().owner();
        peer.directNs = nowNs;
        if (endpoint.isNewest() && !in.isPeer(i, peer.address)) {
            roam(peer, in.peer(i));
        }
        in.unwrap(i, SealFormat.TRANSPORT_HEADER_BYTES, n);
        return peer;
    }

    /** The same for what a relay has handed on from {@code of}, where it stands; {@link #openedLength} is its length then. */
    @Nullable
    Peer openRelayed(Peer via, Peer of, MemorySegment s, long at, int length) {
        handledIn = null;
        handledVia = via;
        handledOf = of;
        int n = endpoint.receive(s, at, length, source, s, at, nowNs);
        if (n == SealEndpoint.NOTHING) {
            if (endpoint.reason().isDrop()) {
                counters.drop(endpoint.reason());
            }
            return null;
        }
        openedLength = n;
        return endpoint.sender().owner();
    }

    int openedLength() {
        return openedLength;
    }

    private void roam(Peer peer, PeerAddress to) {
        log.info("gateway {} is now at {}", peer, to.toSocketAddress());
        peer.address = to;
        counters.add(Kind.ROAMED);
    }

    private byte[] source() {
        DatagramBatch in = handledIn;
        if (handledOf != null) {
            return ("by " + handledVia + " of " + handledOf).getBytes(StandardCharsets.US_ASCII);
        }
        return in == null ? NOWHERE : in.peer(handled).toString().getBytes(StandardCharsets.US_ASCII);
    }

    // --- SealUnderlay

    @Override
    public void answer(byte[] datagram) {
        DatagramBatch in = handledIn;
        Peer via = handledVia;
        Peer of = handledOf;
        if (in != null) {
            wan.sendRaw(in.peer(handled), datagram);
        } else if (via != null && of != null) {
            wan.sendRawBy(via, of, datagram);
        }
    }

    @Override
    public void send(SealPeer<Peer> to, byte[] datagram) {
        Peer peer = to.owner();
        Peer via = peer.via;
        if (via != null) {
            wan.sendRawBy(via, peer, datagram);
            return;
        }
        boolean lost = to.unanswered() > FAITHFUL_ATTEMPTS && to.unanswered() % 2 == 1;
        wan.sendRaw(lost ? peer.advertised : peer.address, datagram);
    }

    @Override
    public void established(SealPeer<Peer> with, boolean first) {
        Peer peer = with.owner();
        DatagramBatch in = handledIn;
        if (in != null && !in.isPeer(handled, peer.address)) {
            roam(peer, in.peer(handled));
        }
        int generation = with.presharedGeneration();
        if (first) {
            log.info("gateway {}: sealed session{}", peer, generation < 0 ? "" : ", pre-shared key " + generation);
        } else {
            counters.add(Kind.REKEYED);
            if (generation != peer.presharedInUse) {
                log.info(
                        "gateway {}: sealed with {}",
                        peer,
                        generation < 0 ? "no pre-shared key" : "pre-shared key " + generation);
            }
        }
        peer.presharedInUse = generation;
    }
}
