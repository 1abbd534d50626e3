// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.DropReason;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Who on our LANs may send how much: one VM at most what an operator allows it, and while more comes than the forwarder carries, all
 * stations the same at most. What is over is dropped as soon as it is read, which costs a fraction of carrying it: so the taps' queues stay
 * short, in which everybody waits, and the forwarder has time for signals.
 *
 * <p>The share is the max-min fair one (Bertsekas and Gallager, Data Networks, section 6.5): who asks for less than it gets all it asks for.
 * It is computed when in a whole window no read has found the taps empty, with several stations speaking, and much of it in single
 * packets; TCP in super-frames waits for its own acknowledgements and fills no queue. From then on it follows the forwarder: less while
 * the taps are never empty, more while they are, and no share at all once nobody asks for half of it.
 *
 * <p>Locking: none, forwarder's thread. Nothing is allocated for a packet.
 */
final class Shares {
    /** What one station has sent. */
    static final class Share {
        private long window;
        private long packets;
        private long spell;
        private @Nullable TokenBucket bytesAllowed;
        private @Nullable TokenBucket packetsAllowed;
    }

    static final long WINDOW_NS = TimeUnit.MILLISECONDS.toNanos(5);
    /** In a spell, who has spoken counts as speaking. */
    private static final int SPELL_WINDOWS = 200;
    /** Less than this in a window is no flood: 100,000 single packets a second. */
    private static final int FLOOD_PACKETS = 500;
    /** Whatever happens, each station may send this in a window. */
    private static final long LEAST_PACKETS = 16;

    private static final int STATIONS = 4_096;
    private static final double BURST_S = 0.05;
    private static final long BURST_BYTES = 256 << 10;
    private static final long BURST_PACKETS = 256;

    private GatewayConfig.Limits limits = GatewayConfig.Limits.NONE;
    private final Share[] active = new Share[STATIONS];
    private int stations;
    private long window = 1;
    private long windowNs = System.nanoTime();
    private boolean emptied;
    private long carried;
    private long single;
    private long largest;
    private long share = Long.MAX_VALUE;
    private long spell = 1;
    private int speakers;
    private int spokeBefore;

    void limits(GatewayConfig.Limits l) {
        limits = l;
    }

    /** Packets that a station may send in a window; {@link Long#MAX_VALUE} while there is enough for everybody. */
    long share() {
        return share;
    }

    /** Everybody may send what he likes. */
    boolean isOpen() {
        return limits == GatewayConfig.Limits.NONE && share == Long.MAX_VALUE;
    }

    /**
     * Whether a station's run may go on.
     *
     * @param vm it is a registered VM, for which the limits are
     * @param bytes of the run, all its packets
     * @param paced it is TCP that a station has not divided yet
     */
    DropReason judge(Share s, boolean vm, int packets, int bytes, boolean paced, long nowNs) {
        if (s.window != window) {
            begin(s);
        }
        s.packets += packets;
        if (s.packets > share) {
            return DropReason.FAIR_SHARE;
        }
        if (vm && limits != GatewayConfig.Limits.NONE && !allows(s, packets, bytes, nowNs)) {
            return DropReason.RATE_LIMITED;
        }
        carried += packets;
        single += paced ? 0 : packets;
        return DropReason.NONE;
    }

    private void begin(Share s) {
        s.window = window;
        s.packets = 0;
        if (stations < STATIONS) {
            active[stations++] = s;
        }
        if (s.spell != spell) {
            s.spell = spell;
            speakers++;
        }
    }

    private boolean allows(Share s, int packets, int bytes, long nowNs) {
        TokenBucket b = s.bytesAllowed;
        TokenBucket p = s.packetsAllowed;
        if (b == null || p == null) {
            b = bucket(limits.bytesPerS(), BURST_BYTES);
            p = bucket(limits.packetsPerS(), BURST_PACKETS);
            s.bytesAllowed = b;
            s.packetsAllowed = p;
        }
        return b.take(bytes, nowNs) && p.take(packets, nowNs);
    }

    private static TokenBucket bucket(long perSecond, long leastBurst) {
        double rate = perSecond == 0 ? Double.MAX_VALUE / 4 : perSecond;
        return new TokenBucket(rate, Math.max(leastBurst, rate * BURST_S));
    }

    /** Each turn of the forwarder. @param backlog frames were left in a tap */
    void turn(boolean backlog, long nowNs) {
        emptied |= !backlog;
        if (nowNs - windowNs < WINDOW_NS) {
            return;
        }
        for (int i = 0; i < stations; i++) {
            largest = Math.max(largest, active[i].packets);
        }
        adapt();
        windowNs = nowNs;
        window++;
        if (window % SPELL_WINDOWS == 0) {
            spokeBefore = speakers;
            speakers = 0;
            spell++;
        }
        stations = 0;
        emptied = false;
        carried = 0;
        single = 0;
        largest = 0;
    }

    private void adapt() {
        if (share == Long.MAX_VALUE) {
            if (!emptied && single >= FLOOD_PACKETS && Math.max(speakers, spokeBefore) > 1) {
                share = Math.max(LEAST_PACKETS, fair(carried * 7 / 8));
            }
        } else if (!emptied) {
            share = Math.max(LEAST_PACKETS, share * 7 / 8);
        } else if (largest < share / 2) {
            share = Long.MAX_VALUE;
        } else {
            share += Math.max(1, share / 16);
        }
    }

    /** What each gets at most if all of them together get {@code capacity}, by what they have asked for in this window. */
    private long fair(long capacity) {
        long level = capacity / Math.max(1, stations);
        for (boolean rises = true; rises; ) {
            long left = capacity;
            int above = 0;
            for (int i = 0; i < stations; i++) {
                if (active[i].packets <= level) {
                    left -= active[i].packets;
                } else {
                    above++;
                }
            }
            long next = above == 0 ? level : left / above;
            rises = next > level;
            level = Math.max(level, next);
        }
        return level;
    }
}
