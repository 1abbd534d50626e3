// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.PeerAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.PathProbe;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures the paths to peers: alive or not, round trip, clock offset, and the largest packet that fits. Probes are
 * authenticated; nothing is measured before the controller has given the key. Forwarder's thread only.
 */
final class PathProber {
    private static final Logger LOG = LoggerFactory.getLogger(PathProber.class);
    private static final long EVERY_NS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final long LOST_AFTER_NS = TimeUnit.SECONDS.toNanos(3);
    private static final int SAMPLES = 16;
    /** Path MTUs seen in the field; the search is a handful of probes, not a bisection that takes minutes. */
    private static final int[] MTUS = {
        9000, 8951, 4470, 1600, 1500, 1492, 1480, 1472, 1460, 1450, 1440, 1420, 1400, 1380, 1340, 1280
    };

    /** All sizes are tried at first and then this often, for the path may have grown; between, only the size in use is verified. */
    private static final long SEARCH_EVERY_NS = TimeUnit.SECONDS.toNanos(30);

    /** So many verifications in a row without an answer, beyond those that are still on their way, and the path has shrunk. */
    private static final int VERIFY_LOST = 2;
    /** A search that is to find less sends each size so often: one lost probe must not make the path smaller than it is. */
    private static final int SEARCH_PROBES = 2;

    private static final class Path {
        final long[] rttUs = new long[SAMPLES];
        final long[] offsetUs = new long[SAMPLES];
        int samples;
        boolean reachable;
        long sequence;
        long searchedNs = Long.MIN_VALUE;
        /** Of the sizes acknowledged since the search began; 0: none. */
        int largestAcked;
        /** The size in use does not get through any more. */
        boolean shrunk = true;

        int verifyMissed;
    }

    private final WanPort wan;
    private final ForwardingTable table;
    private final Counters counters;
    private final Relays relays;
    private final BiConsumer<Peer, Boolean> reachability;
    private final long self;
    private final Map<Peer, Path> paths = new HashMap<>();
    private @Nullable PathProbe codec;
    private long nextNs;

    PathProber(
            WanPort wan,
            ForwardingTable table,
            Counters counters,
            Relays relays,
            BiConsumer<Peer, Boolean> reachability) {
        this.relays = relays;
        this.wan = wan;
        this.table = table;
        this.counters = counters;
        this.reachability = reachability;
        this.self = Peer.numberOf(table.self());
    }

    void key(byte[] key) {
        codec = new PathProbe(key);
    }

    private static long nowUs() {
        return WallClock.nowUs();
    }

    /** Sends what is due; when to call again. */
    long tick(long nowNs) {
        if (nowNs - nextNs < 0) {
            return nextNs;
        }
        nextNs = nowNs + EVERY_NS;
        PathProbe probe = codec;
        if (probe == null) {
            return nextNs;
        }
        paths.keySet().retainAll(table.peers());
        List<Peer> reachable = table.peers().stream().filter(this::isReachable).toList();
        for (Peer peer : table.peers()) {
            Path path = paths.computeIfAbsent(peer, p -> new Path());
            if (peer.pathChanged) {
                peer.pathChanged = false;
                path.samples = 0;
                path.searchedNs = Long.MIN_VALUE;
                path.shrunk = true;
            }
            send(probe, peer, path, 0);
            boolean alive = peer.heardNs != Long.MIN_VALUE && nowNs - peer.heardNs < LOST_AFTER_NS;
            if (alive != path.reachable) {
                path.reachable = alive;
                reachability.accept(peer, alive);
            }
            if (!alive) {
                relays.unreachable(peer, reachable, nowNs);
            } else if (peer.via != null) {
                tryDirect(probe, peer, path);
            }
            if (alive) {
                measureMtu(probe, peer, path, nowNs);
            }
        }
        return nextNs;
    }

    /** Where a relay sees it, and where the controller says it is, in turn. */
    private void tryDirect(PathProbe probe, Peer peer, Path path) {
        PeerAddress seen = peer.candidate;
        PeerAddress to = seen != null && path.sequence % 4 != 0 ? seen : peer.advertised;
        int length = probe.writeProbe(
                wan.frames(), wan.frameAt(), PathProbe.FLAG_DIRECT, ++path.sequence & 0xFFFF_FFFFL, self, nowUs(), 0);
        wan.sendDirect(peer, to, length);
    }

    private void measureMtu(PathProbe probe, Peer peer, Path path, long nowNs) {
        long onTheirWay = 1 + peer.rttNs / EVERY_NS;
        if (path.verifyMissed >= VERIFY_LOST + onTheirWay) {
            path.shrunk = true;
            search(probe, peer, path, nowNs);
        } else if (path.searchedNs == Long.MIN_VALUE || nowNs - path.searchedNs > SEARCH_EVERY_NS) {
            search(probe, peer, path, nowNs);
        } else if (nowNs - path.searchedNs > peer.rttNs + EVERY_NS / 2) {
            // All answers of the search are here. What works is given up for more, or because it works no longer.
            if (path.largestAcked > (path.shrunk ? 0 : peer.underlayMtuBytes)) {
                if (path.largestAcked != peer.underlayMtuBytes) {
                    LOG.info("path to gateway {}: packets of up to {} octets", peer, path.largestAcked);
                }
                peer.underlayMtuBytes = path.largestAcked;
                path.shrunk = false;
            }
            path.verifyMissed++;
            send(probe, peer, path, peer.underlayMtuBytes - peer.outerHeaderBytes());
        }
    }

    private void search(PathProbe probe, Peer peer, Path path, long nowNs) {
        path.searchedNs = nowNs;
        path.largestAcked = 0;
        path.verifyMissed = 0;
        for (int n = 0; n < (path.shrunk ? SEARCH_PROBES : 1); n++) {
            for (int mtu : MTUS) {
                send(probe, peer, path, mtu - peer.outerHeaderBytes());
            }
        }
    }

    private void send(PathProbe probe, Peer peer, Path path, int sizeBytes) {
        if (sizeBytes > WanPort.frameBytes()) {
            return;
        }
        int length = probe.writeProbe(
                wan.frames(), wan.frameAt(), 0, ++path.sequence & 0xFFFF_FFFFL, self, nowUs(), sizeBytes);
        wan.sendAlone(peer, length);
    }

    /** Answers a peer's probe at once. */
    void probed(Peer from, MemorySegment s, long at, int length) {
        long arrivedUs = nowUs();
        PathProbe probe = codec;
        if (probe == null) {
            counters.drop(DropReason.UNAUTHENTICATED);
            return;
        }
        DropReason bad = probe.check(s, at, length);
        if (bad.isDrop()) {
            counters.drop(bad);
            return;
        }
        int n = probe.writeReply(wan.frames(), wan.frameAt(), s, at, length, self, arrivedUs, nowUs());
        PeerAddress straight = from.directFrom;
        if (straight != null && (PathProbe.flags(s, at) & PathProbe.FLAG_DIRECT) != 0) {
            wan.sendDirect(from, straight, n);
        } else {
            wan.sendAlone(from, n);
        }
    }

    void answered(Peer from, MemorySegment s, long at, int length, long nowNs) {
        long arrivedUs = nowUs();
        PathProbe probe = codec;
        if (probe == null) {
            return;
        }
        DropReason bad = probe.check(s, at, length);
        Path path = paths.get(from);
        if (bad.isDrop() || path == null) {
            counters.drop(bad.isDrop() ? bad : DropReason.UNKNOWN_PEER);
            return;
        }
        from.heardNs = nowNs;
        PeerAddress straight = from.directFrom;
        if (straight != null && (PathProbe.flags(s, at) & PathProbe.FLAG_DIRECT) != 0) {
            Relays.direct(from, straight, nowNs);
            return;
        }
        int size = PathProbe.size(s, at) + from.outerHeaderBytes();
        if (size > PathProbe.BYTES + from.outerHeaderBytes()) {
            path.largestAcked = Math.max(path.largestAcked, size);
            if (size == from.underlayMtuBytes) {
                path.verifyMissed = 0;
            }
            return; // a long packet takes longer on a slow line: not a sample of the round trip
        }
        int slot = path.samples++ % SAMPLES;
        path.rttUs[slot] = Math.max(1, PathProbe.roundTripUs(s, at, arrivedUs));
        path.offsetUs[slot] = PathProbe.clockOffsetUs(s, at, arrivedUs);
        int best = bestOf(path);
        from.rttNs = path.rttUs[best] * 1_000;
        from.clockOffsetUs = path.offsetUs[best];
        if (!path.reachable) {
            path.reachable = true;
            reachability.accept(from, true);
        }
    }

    /** The sample with the shortest round trip waited least, so its offset is the truest (RFC 5905 section 10). */
    private static int bestOf(Path path) {
        int count = Math.min(path.samples, SAMPLES);
        int best = 0;
        for (int i = 1; i < count; i++) {
            best = path.rttUs[i] < path.rttUs[best] ? i : best;
        }
        return best;
    }

    boolean isReachable(Peer peer) {
        Path path = paths.get(peer);
        return path != null && path.reachable;
    }
}
