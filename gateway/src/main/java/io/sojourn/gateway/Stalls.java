// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.ThreadTimes;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when the forwarder let packets wait, and for what: it computed, it waited for a processor, or something else kept it, such as a lock or the host. Forwarder's thread.
 */
final class Stalls {
    private static final Logger LOG = LoggerFactory.getLogger(Stalls.class);
    private static final long STALL_NS = TimeUnit.MILLISECONDS.toNanos(20);

    private final Counters counters;
    private final ThreadTimes times = new ThreadTimes();
    private long computedNs;
    private long waitedNs;
    private long sampledNs;

    Stalls(Counters counters) {
        this.counters = counters;
    }

    /** From time to time: what a stall is told from. */
    void sample(long nowNs) {
        times.read();
        computedNs = times.computedNs();
        waitedNs = times.waitedNs();
        sampledNs = nowNs;
    }

    /** A part of a turn is over. */
    void ended(String part, long fromNs, long nowNs) {
        if (nowNs - fromNs > STALL_NS) {
            tell(part, fromNs, nowNs);
        }
    }

    private void tell(String part, long fromNs, long nowNs) {
        counters.add(Counters.Kind.STALLED);
        times.read();
        LOG.warn(
                "packets waited {} ms for the forwarder: {}; in the last {} ms it computed for {} and waited for a processor for {}",
                millis(nowNs - fromNs),
                part,
                millis(nowNs - sampledNs),
                millis(times.computedNs() - computedNs),
                millis(times.waitedNs() - waitedNs));
        sample(nowNs);
    }

    private static long millis(long ns) {
        return TimeUnit.NANOSECONDS.toMillis(ns);
    }
}
