// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.util.SplittableRandom;

/**
 * One direction between two places: decides when, and whether, each packet comes out.
 *
 * <p>Every packet draws the same number of random values whatever the profile says, so the decisions of a seed stay the same
 * packet by packet when one setting changes.
 */
final class Link {
    /** {@link #admit} says this packet does not come out. */
    static final long DROPPED = Long.MIN_VALUE;

    private static final double NS_PER_MS = 1e6;

    final Place from;
    final Place to;
    final LinkCounters counters = new LinkCounters();
    private final SplittableRandom random;
    private LinkProfile profile;
    private long delayNs;
    private double jitterNs;
    private long queueNs;
    private double nsPerByte;
    private long lineFreeNs = Long.MIN_VALUE;
    private long lastDueNs = Long.MIN_VALUE;
    private boolean duplicated;
    private double corruptAt;
    private double corruptSegmentAt;

    Link(Place from, Place to, LinkProfile profile, long seed) {
        this.from = from;
        this.to = to;
        // String.hashCode is fixed by the language, so a link's decisions are the same on every machine.
        random = new SplittableRandom(seed * 0x9e3779b97f4a7c15L + (from.name + ">" + to.name).hashCode());
        this.profile = profile;
        profile(profile);
    }

    LinkProfile profile() {
        return profile;
    }

    /** Changes the link; what is under way keeps the time it was given. */
    void profile(LinkProfile next) {
        if (next.delayMs() != profile.delayMs() || next.jitterMs() != profile.jitterMs()) {
            // A shorter delay takes effect at once: else new packets would wait for the old ones' times.
            lastDueNs = Long.MIN_VALUE;
        }
        profile = next;
        delayNs = Math.round(next.delayMs() * NS_PER_MS);
        jitterNs = next.jitterMs() * NS_PER_MS;
        queueNs = Math.round(next.queueMs() * NS_PER_MS);
        nsPerByte = next.rateMbit() == 0 ? 0 : 8_000 / next.rateMbit();
    }

    boolean isDown() {
        return profile.down() || from.down || to.down;
    }

    /**
     * Decides on a packet of {@code bytes} that arrives now: when it comes out, or {@link #DROPPED}, counted. Then
     * {@link #duplicated} and {@link #corruptAt} tell the rest of its fate.
     */
    long admit(long nowNs, int bytes) {
        double lossDraw = random.nextDouble();
        double duplicateDraw = random.nextDouble();
        double reorderDraw = random.nextDouble();
        double jitterDraw = random.nextDouble();
        double corruptDraw = random.nextDouble();
        double placeDraw = random.nextDouble();

        if (isDown()) {
            counters.droppedDown++;
            return DROPPED;
        }
        long startNs = Math.max(nowNs, lineFreeNs);
        if (startNs - nowNs > queueNs) {
            counters.droppedQueue++;
            return DROPPED;
        }
        lineFreeNs = startNs + (long) (bytes * nsPerByte);
        counters.packets++;
        counters.bytes += bytes;
        if (lossDraw < profile.loss()) {
            counters.lost++;
            return DROPPED;
        }
        duplicated = duplicateDraw < profile.duplicate();
        corruptAt = corruptDraw < profile.corrupt() ? placeDraw : -1;
        corruptSegmentAt = corruptDraw < profile.corruptSegments() ? placeDraw : -1;
        if (reorderDraw < profile.reorder()) {
            counters.reordered++;
            return lineFreeNs + (long) (delayNs * placeDraw);
        }
        // Jitter alone never reorders: a packet is held until the one before it is out.
        lastDueNs = Math.max(lastDueNs, lineFreeNs + delayNs + (long) (jitterNs * jitterDraw));
        return lastDueNs;
    }

    /** The packet admitted last is to come out twice. */
    boolean duplicated() {
        return duplicated;
    }

    /** The same, if the packet is a segment of a super-frame. */
    double corruptSegmentAt() {
        return corruptSegmentAt;
    }

    /** Where in the packet admitted last a bit is to be flipped, from 0 to 1, or -1. */
    double corruptAt() {
        return corruptAt;
    }
}
