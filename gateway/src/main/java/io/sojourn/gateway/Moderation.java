// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

/**
 * Says when to let frames gather before they are looked at. A thread that sleeps until there is something to do is woken for
 * each frame of a flood, and being woken costs it, and whoever it pushes aside, more than the frame does: from some rate on it
 * looks at the clock instead of the descriptors (as a network card's interrupts are moderated).
 *
 * <p>Below that rate nothing waits. A super-frame counts as one frame: what one stream at full speed sends gathers too, and is a tenth faster for that; unless single
 * packets that are no TCP go beside it, which somebody waits for.
 * One thread; allocates nothing.
 */
final class Moderation {
    /** How long frames gather, and wait at most. */
    static final long NAP_NS = 100_000;

    private static final long WINDOW_NS = 1_000_000;
    /** Wake-ups in a window from which on it pays. */
    private static final int MANY_WAKES = 16;
    /** Frames at a wake-up from which on they gather by themselves. */
    private static final int GATHERED = 16;
    /** Frames at a nap below which it does not pay. */
    private static final int LEAST_GATHERED = 2;

    /** So long after such a packet the next is expected. */
    private static final long HURRY_NS = 10_000_000;

    private long windowNs;
    private int single;
    private long hurriedUntilNs;
    private int wakes;
    private int frames;
    private boolean naps;

    /**
     * Before each sleep: so many frames have been dealt with since the last. Whether to sleep for {@link #NAP_NS} whatever comes.
     *
     * @param singlePackets how many of them were packets of their own, and no TCP
     */
    boolean naps(int dealtWith, int singlePackets, long nowNs) {
        wakes++;
        frames += dealtWith;
        single += singlePackets;
        long passedNs = nowNs - windowNs;
        if (passedNs >= WINDOW_NS) {
            naps = passedNs < 2 * WINDOW_NS
                    && (naps ? frames >= LEAST_GATHERED * wakes : wakes >= MANY_WAKES && frames < GATHERED * wakes);
            if (single >= MANY_WAKES) {
                hurriedUntilNs = nowNs; // a flood
            } else if (single > 0) {
                hurriedUntilNs = nowNs + HURRY_NS;
            }
            naps &= nowNs - hurriedUntilNs >= 0;
            windowNs = nowNs;
            wakes = 0;
            frames = 0;
            single = 0;
        }
        return naps;
    }
}
