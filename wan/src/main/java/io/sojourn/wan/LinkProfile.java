// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

/**
 * What a directed link does to packets. In JSON the names are in snake case ({@code delay_ms}); what is left out is as in
 * {@link #IDEAL}.
 *
 * @param delayMs one-way delay
 * @param jitterMs greatest extra delay, uniform; packets keep their order
 * @param loss probability of losing a packet, 0 to 1
 * @param duplicate probability of delivering a packet twice
 * @param reorder probability that a packet skips a part of its delay, and so overtakes
 * @param corrupt probability that one bit behind the IP header is flipped
 * @param corruptSegments probability of damage to a datagram that a kernel cut from a super-frame, not its first (UDP_SEGMENT); its checksum is
 *     made to fit, as by a kernel that cuts wrongly
 * @param rateMbit serialisation rate in 10^6 bit/s of IP packets, 0 for no limit
 * @param queueMs longest wait for the line; a packet that would wait longer is dropped
 * @param mtu longest IP packet in bytes
 * @param down everything is lost without a word, what is on its way included
 */
public record LinkProfile(
        double delayMs,
        double jitterMs,
        double loss,
        double duplicate,
        double reorder,
        double corrupt,
        double corruptSegments,
        double rateMbit,
        double queueMs,
        int mtu,
        boolean down) {
    /** No delay, no loss, no limit of rate, an MTU of 1500. */
    public static final LinkProfile IDEAL = new LinkProfile(0, 0, 0, 0, 0, 0, 0, 100, 1500, false);

    private static final double LONGEST_MS = 60_000;

    /** No damage to segments. */
    public LinkProfile(
            double delayMs,
            double jitterMs,
            double loss,
            double duplicate,
            double reorder,
            double corrupt,
            double rateMbit,
            double queueMs,
            int mtu,
            boolean down) {
        this(delayMs, jitterMs, loss, duplicate, reorder, corrupt, 0, rateMbit, queueMs, mtu, down);
    }

    public LinkProfile {
        within("delay_ms", delayMs, 0, LONGEST_MS);
        within("jitter_ms", jitterMs, 0, LONGEST_MS);
        within("loss", loss, 0, 1);
        within("duplicate", duplicate, 0, 1);
        within("reorder", reorder, 0, 1);
        within("corrupt", corrupt, 0, 1);
        within("corrupt_segments", corruptSegments, 0, 1);
        within("rate_mbit", rateMbit, 0, 1_000_000);
        within("queue_ms", queueMs, 0, LONGEST_MS);
        within("mtu", mtu, 68, PacketPool.PACKET_MAX_BYTES);
    }

    private static void within(String name, double value, double least, double greatest) {
        if (!(value >= least && value <= greatest)) {
            throw new IllegalArgumentException(name + " is " + value + ", must be from " + least + " to " + greatest);
        }
    }
}
