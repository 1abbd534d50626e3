// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * Round-trip and forward-delay estimates of one path (RFC 9002, section 5). Minima are kept over the last 10 to 20 s,
 * so a path that gets longer is believed after that time.
 */
final class RoundTrip {
    private static final long BUCKET_NS = 10_000_000_000L;
    /** A queue is "standing" when even the luckiest packet of the last 30 to 60 ms had to wait. */
    private static final long STANDING_BUCKET_NS = 30_000_000L;
    /** Before the first sample (RFC 9002, section 6.2.2). */
    private static final long INITIAL_NS = 333_000_000L;

    private static final long GRANULARITY_NS = 1_000_000L;

    private final WindowedMin minRtt = new WindowedMin(BUCKET_NS);
    private final WindowedMin minForward = new WindowedMin(BUCKET_NS);
    private final WindowedMin standing = new WindowedMin(STANDING_BUCKET_NS);
    private long smoothedNs;
    private long variationNs;
    private long latestNs;
    private long smoothedQueueNs;

    /**
     * @param rttNs from sending the largest newly acknowledged packet to now
     * @param ackDelayNs of that, what the receiver says it waited
     */
    void sample(long rttNs, long ackDelayNs, long nowNs) {
        minRtt.add(rttNs, nowNs);
        long adjustedNs = rttNs - minRtt.min() >= ackDelayNs ? rttNs - ackDelayNs : rttNs;
        latestNs = adjustedNs;
        if (smoothedNs == 0) {
            smoothedNs = Math.max(1, adjustedNs);
            variationNs = adjustedNs / 2;
            return;
        }
        variationNs += (Math.abs(smoothedNs - adjustedNs) - variationNs) / 4;
        smoothedNs = Math.max(1, smoothedNs + (adjustedNs - smoothedNs) / 8);
    }

    /** One-way delay by two unrelated clocks: only its differences mean something. */
    void forwardSample(long forwardNs, long nowNs) {
        minForward.add(forwardNs, nowNs);
        long queueNs = forwardNs - minForward.min();
        smoothedQueueNs += (queueNs - smoothedQueueNs) / 8;
        standing.add(queueNs, nowNs);
    }

    /** What is seen now is the path's own delay after all. */
    void relearnForward() {
        minForward.reset();
        standing.reset();
        smoothedQueueNs = 0;
    }

    boolean known() {
        return smoothedNs != 0;
    }

    long smoothedNs() {
        return known() ? smoothedNs : INITIAL_NS;
    }

    long minNs() {
        return known() ? minRtt.min() : INITIAL_NS;
    }

    long smoothedQueueNs() {
        return smoothedQueueNs;
    }

    /** Queueing delay that no recent packet escaped; 0 before samples. */
    long standingQueueNs() {
        return standing.empty() ? 0 : standing.min();
    }

    /** RFC 9002, section 6.1.2, stretched by the reordering that has been seen. */
    long lossDelayNs(long reorderNs) {
        long worstNs = Math.max(latestNs, smoothedNs());
        return Math.max(worstNs + Math.max(worstNs / 8, reorderNs), GRANULARITY_NS);
    }

    /** RFC 9002, section 6.2.1. */
    long probeTimeoutNs(long maxAckDelayNs) {
        if (!known()) {
            return 2 * INITIAL_NS;
        }
        return smoothedNs + Math.max(4 * variationNs, GRANULARITY_NS) + maxAckDelayNs;
    }

    /** Minimum over one to two spans of time. */
    private static final class WindowedMin {
        private final long spanNs;
        private long previous = Long.MAX_VALUE;
        private long current = Long.MAX_VALUE;
        private long startedNs;

        WindowedMin(long spanNs) {
            this.spanNs = spanNs;
        }

        void add(long value, long nowNs) {
            if (empty()) {
                startedNs = nowNs;
            } else if (nowNs - startedNs > spanNs) {
                previous = nowNs - startedNs > 2 * spanNs ? Long.MAX_VALUE : current;
                current = Long.MAX_VALUE;
                startedNs = nowNs;
            }
            current = Math.min(current, value);
        }

        boolean empty() {
            return current == Long.MAX_VALUE && previous == Long.MAX_VALUE;
        }

        long min() {
            return Math.min(previous, current);
        }

        void reset() {
            previous = Long.MAX_VALUE;
            current = Long.MAX_VALUE;
        }
    }
}
