// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

/** So many a second and no more, with a burst. One thread. */
final class TokenBucket {
    private final double perNs;
    private final double burst;
    private double tokens;
    private long lastNs;

    TokenBucket(double perSecond, double burst) {
        this.perNs = perSecond / 1e9;
        this.burst = burst;
        this.tokens = burst;
    }

    boolean take(long nowNs) {
        return take(1, nowNs);
    }

    /** All of them or none. */
    boolean take(int n, long nowNs) {
        tokens = Math.min(burst, tokens + (nowNs - lastNs) * perNs);
        lastNs = nowNs;
        if (tokens < n) {
            return false;
        }
        tokens -= n;
        return true;
    }
}
