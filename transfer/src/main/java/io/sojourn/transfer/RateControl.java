// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * How fast a memory stream may go on a path that it shares with the guests' own traffic. After BBR (draft-ietf-ccwg-bbr): the
 * path is described by the best delivery rate and the smallest delay seen lately; the pace follows the former, the
 * bytes in flight are bounded by their product. It differs where a guest sharing the path would suffer:
 *
 * <ul>
 *   <li>growth ends, and the pace falls, by the <i>forward queueing delay</i> the receiver's clock shows, before anything is dropped;
 *   <li>probes for more are small on long paths (a 25 % probe over 250 ms would be 62 ms of queue), and grow only
 *       while they succeed;
 *   <li>loss alone is believed only when it is sustained, and when slowing down helps: random loss is not congestion;
 *   <li>an application-limited stretch, such as a park, never lowers the estimate.
 * </ul>
 */
final class RateControl {
    private static final int STARTUP = 0;
    private static final int DRAIN = 1;
    private static final int CRUISE = 2;

    private static final double STARTUP_GAIN = 2.0;
    private static final double STARTUP_LATE_GAIN = 1.5;
    private static final double DRAIN_GAIN = 0.7;
    /** How much more than it was asked for in the copy a path is tried with in the last burst, if it gave that without a queue. */
    private static final double EXPEDITED_GAIN = 4.0;
    /** The share of a stated cap that the last burst is entitled to where the copy lost next to nothing: what made that slow was then delay, which a host short of processors shows as well as a path. */
    private static final double EXPEDITED_SHARE = 0.5;
    /** The share of its ceiling at which a copy counts as held back by it rather than by the path. */
    private static final double HELD_BACK = 0.7;

    private static final double LOSSY = 0.002;

    private static final double CUT = 0.85;
    private static final int FILTER_ROUNDS = 10;
    private static final long MS = 1_000_000L;
    /** Standing queue under which the path counts as idle. */
    private static final long QUIET_QUEUE_NS = 4 * MS;
    /** Standing queue that ends the startup. */
    private static final long STARTUP_QUEUE_NS = 10 * MS;
    /** Queue that a probe may build if the path has nothing more to give. */
    private static final long PROBE_QUEUE_NS = 8 * MS;
    /** In flight beyond the bandwidth-delay product: delayed acks, bursts, scheduling. */
    private static final long SLACK_NS = 12 * MS;

    private static final int SLACK_BYTES = 64 << 10;

    private final StreamParameters parameters;
    private final RoundTrip roundTrip;
    private final double[] roundRates = new double[FILTER_ROUNDS];

    private int mode = STARTUP;
    private boolean expedited;
    private double expeditedGain = 1.0;
    private long expeditedFloor;
    private int roundSlot;
    private double maxRate;
    private double roundRate;
    private boolean roundAppLimited;
    private double fullRate;
    private int fullRounds;
    private long drainUntilNs;

    private long roundAcked;
    private long roundLost;
    private int lossyRounds;
    private double toleratedLoss;
    private double lossBeforeCut;
    private double lossRatio;

    private boolean probing;
    private double probeExcess;
    private double probeBaseRate;
    private long probeEndNs;
    private long probeVerdictNs;
    private long nextProbeNs;

    private long lastCutNs;
    private long queueAtCutNs;
    private int futileCuts;
    private long ignoreSamplesBefore = -1;
    private long delivered;

    RateControl(StreamParameters parameters, RoundTrip roundTrip) {
        this.parameters = parameters;
        this.roundTrip = roundTrip;
    }

    /** Bytes per second to pace at, UDP payload counted. */
    double paceBytesPerS() {
        double pace = switch (mode) {
            // A copy that its hypervisor or its ceiling holds back never leaves the startup.
            case STARTUP -> Math.max(parameters.initialBytesPerS(), Math.max(expeditedGain, startupGain()) * maxRate);
            case DRAIN -> DRAIN_GAIN * maxRate;
            default -> expeditedGain * cruiseGain() * maxRate / (1 - acceptedLoss());
        };
        return Math.max(Math.max(parameters.floorBytesPerS(), expeditedFloor), Math.min(pace, ceilingBytesPerS()));
    }

    private long ceilingBytesPerS() {
        return expedited ? parameters.capBytesPerS() : parameters.copyBytesPerS();
    }

    /** The rest is all that stands between the guest and its next instruction: the ceiling of the copy is no more. What the path bears beyond it nobody knows yet. */
    void expedite() {
        if (expedited) {
            return;
        }
        boolean heldBack = maxRate >= HELD_BACK * parameters.copyBytesPerS();
        expedited = true;
        expeditedGain = heldBack ? EXPEDITED_GAIN : 1.0;
        boolean lossless = lossRatio <= parameters.lossPercent() / 100;
        expeditedFloor = parameters.isCapped() && lossless ? (long) (EXPEDITED_SHARE * parameters.capBytesPerS()) : 0;
    }

    /** Bytes that may be unacknowledged and not held lost. */
    long inFlightLimitBytes() {
        double rate = Math.max(Math.max(parameters.initialBytesPerS(), expeditedFloor), expeditedGain * maxRate);
        double product = rate * roundTrip.minNs() / 1e9;
        double gain = mode == STARTUP ? STARTUP_GAIN : probing ? 1 + probeExcess : 1.0;
        double slack = Math.min(0.25 * product, rate * SLACK_NS / 1e9) + rate * SLACK_NS / 1e9 + SLACK_BYTES;
        return (long) (gain * product + slack);
    }

    /** The known delivery rate, B/s. */
    double deliveryBytesPerS() {
        return maxRate;
    }

    /** The path loses so much that more redundancy is worth its price. */
    boolean isLossy() {
        return lossRatio > LOSSY;
    }

    /** Bytes that had been held lost turned up. */
    void onSpuriousLoss(int bytes) {
        roundLost = Math.max(0, roundLost - bytes);
    }

    /**
     * One acknowledgement has been taken in.
     *
     * @param rateBytesPerS delivery rate of the newest packet acknowledged, 0 when it gave no sample
     * @param priorDelivered bytes delivered when that packet left
     * @param deliveredNow bytes delivered by now
     * @param roundEnded that packet left after the previous round ended: a round trip has passed
     */
    void onAck(
            long nowNs,
            double rateBytesPerS,
            boolean appLimited,
            long priorDelivered,
            long deliveredNow,
            boolean roundEnded,
            long ackedBytes,
            long lostBytes) {
        delivered = deliveredNow;
        roundAcked += ackedBytes;
        roundLost += lostBytes;
        if (rateBytesPerS > 0 && priorDelivered >= ignoreSamplesBefore) {
            takeSample(rateBytesPerS, appLimited);
        }
        if (roundEnded) {
            endRound(nowNs);
        }
        step(nowNs);
    }

    private void takeSample(double rate, boolean appLimited) {
        // An application-limited sample says what the application did, unless it beats what is believed of the path.
        roundAppLimited |= appLimited;
        if (!appLimited || rate > maxRate) {
            roundRate = Math.max(roundRate, rate);
            if (rate > maxRate) {
                maxRate = rate;
            }
        }
    }

    private void endRound(long nowNs) {
        boolean appLimited = roundAppLimited;
        if (roundRate > 0 && (!appLimited || roundRate >= maxRate)) {
            roundSlot = (roundSlot + 1) % FILTER_ROUNDS;
            roundRates[roundSlot] = roundRate;
            maxRate = 0;
            for (double rate : roundRates) {
                maxRate = Math.max(maxRate, rate);
            }
        }
        if (mode == STARTUP && !appLimited && roundRate > 0) {
            if (maxRate >= fullRate * 1.2) {
                fullRate = maxRate;
                fullRounds = 0;
            } else if (++fullRounds >= 3) {
                enterDrain(nowNs);
            }
        }
        judgeLoss(nowNs);
        roundRate = 0;
        roundAppLimited = false;
        roundAcked = 0;
        roundLost = 0;
    }

    private void judgeLoss(long nowNs) {
        long bytes = roundAcked + roundLost;
        if (bytes < 32L * parameters.maxPayloadBytes()) {
            return;
        }
        double ratio = (double) roundLost / bytes;
        lossRatio += (ratio - lossRatio) / 4;
        double limit = Math.max(parameters.lossPercent() / 100, 1.5 * toleratedLoss);
        if (ratio <= limit) {
            lossyRounds = 0;
            lossBeforeCut = 0;
            toleratedLoss += (Math.min(toleratedLoss, lossRatio) - toleratedLoss) / 16;
            return;
        }
        lossyRounds++;
        if (mode == STARTUP) {
            if (ratio > 2 * limit && fullRounds > 0) {
                enterDrain(nowNs);
            } else if (fullRounds == 0) {
                toleratedLoss = Math.max(toleratedLoss, Math.min(lossRatio, 0.3)); // the rate follows all the same
            }
            return;
        }
        if (lossyRounds < 2) {
            return;
        }
        lossyRounds = 0;
        if (lossBeforeCut > 0 && ratio > 0.7 * lossBeforeCut && roundTrip.standingQueueNs() < QUIET_QUEUE_NS) {
            // Slowing down did not help and nothing queues: this path loses whatever is sent.
            toleratedLoss = Math.max(toleratedLoss, Math.min(ratio, 0.3));
            lossBeforeCut = 0;
            return;
        }
        lossBeforeCut = ratio;
        cut(nowNs);
    }

    private void step(long nowNs) {
        long queueNs = roundTrip.standingQueueNs();
        if (mode == STARTUP && queueNs > STARTUP_QUEUE_NS) {
            enterDrain(nowNs);
        } else if (mode == DRAIN && (queueNs < QUIET_QUEUE_NS || nowNs >= drainUntilNs)) {
            mode = CRUISE;
            nextProbeNs = nowNs + 2 * roundTrip.smoothedNs();
        }
        if (mode != CRUISE) {
            return;
        }
        if (queueNs > parameters.targetQueueMs() * MS && nowNs - lastCutNs > 2 * roundTrip.smoothedNs()) {
            // Two fruitless cuts in a row happen when someone else fills the queue; three mean that it is the path's
            // own delay.
            futileCuts = queueNs > 0.8 * queueAtCutNs && lastCutNs != 0 ? futileCuts + 1 : 0;
            queueAtCutNs = queueNs;
            if (futileCuts >= 3) {
                futileCuts = 0;
                queueAtCutNs = 0;
                roundTrip.relearnForward();
                return;
            }
            cut(nowNs);
            return;
        }
        probe(nowNs, queueNs);
    }

    private void probe(long nowNs, long queueNs) {
        if (probing) {
            if (nowNs >= probeEndNs || queueNs > 2 * PROBE_QUEUE_NS) {
                probing = false;
                probeVerdictNs = nowNs + roundTrip.smoothedNs() + SLACK_NS;
            }
            return;
        }
        if (probeVerdictNs != 0) {
            if (nowNs < probeVerdictNs) {
                return;
            }
            probeVerdictNs = 0;
            boolean grew = maxRate >= probeBaseRate * (1 + probeExcess / 2) && queueNs < PROBE_QUEUE_NS;
            probeExcess = grew ? Math.min(0.5, 2 * probeExcess) : 0;
            nextProbeNs = grew ? nowNs : nowNs + Math.max(500 * MS, 4 * roundTrip.smoothedNs());
        }
        if (nowNs >= nextProbeNs && queueNs < QUIET_QUEUE_NS && maxRate < ceilingBytesPerS()) {
            if (probeExcess == 0) {
                probeExcess = Math.clamp((double) PROBE_QUEUE_NS / roundTrip.smoothedNs(), 0.02, 0.25);
            }
            probing = true;
            probeBaseRate = maxRate;
            probeEndNs = nowNs + roundTrip.smoothedNs();
        }
    }

    private void enterDrain(long nowNs) {
        mode = DRAIN;
        drainUntilNs = nowNs + 2 * roundTrip.smoothedNs();
    }

    private void cut(long nowNs) {
        double now = roundRate > 0 ? Math.min(roundRate, maxRate) : maxRate;
        maxRate = Math.max(parameters.floorBytesPerS(), CUT * now);
        expeditedGain = 1.0; // it was too much
        expeditedFloor = 0;
        for (int i = 0; i < FILTER_ROUNDS; i++) {
            roundRates[i] = maxRate;
        }
        roundRate = 0;
        // Samples of packets that left before the cut would undo it.
        ignoreSamplesBefore = delivered;
        lastCutNs = nowNs;
        probing = false;
        probeVerdictNs = 0;
        probeExcess = 0;
        nextProbeNs = nowNs + 4 * roundTrip.smoothedNs();
        enterDrain(nowNs);
    }

    /**
     * What comes after an overshoot has to fit the path's queue for a round trip. Where a cap protects the path, or the pace is
     * still modest, double; else grow by half.
     */
    private double startupGain() {
        boolean capped = ceilingBytesPerS() < StreamParameters.UNCAPPED_BYTES_PER_S;
        return capped || maxRate < 3.0 * parameters.initialBytesPerS() ? STARTUP_GAIN : STARTUP_LATE_GAIN;
    }

    /** Loss that is taken for the path's nature: what arrives is less than what was sent by it, without congestion. */
    private double acceptedLoss() {
        return Math.min(lossRatio, Math.max(parameters.lossPercent() / 100, toleratedLoss));
    }

    private double cruiseGain() {
        if (probing) {
            return 1 + probeExcess;
        }
        long overNs = roundTrip.standingQueueNs() - QUIET_QUEUE_NS;
        if (overNs <= 0) {
            return 1.0;
        }
        return 1.0 - 0.1 * Math.min(1.0, (double) overNs / (parameters.targetQueueMs() * MS));
    }
}
