// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import java.util.List;

/**
 * What to measure and how long.
 *
 * @param rounds how often each way is measured, in turn
 * @param seconds of one measurement
 * @param congestion what TCP is to use (tcp(7), TCP_CONGESTION); empty: what the host uses
 * @param only names of ways; empty: all that are installed
 * @param freshStarts how often gateways are started afresh for the figure of their first second
 * @param mechanism measured beside direct and our overlay, and nothing else then; empty: none
 * @param offered packets a second that are offered, one step after the other; empty: a ladder from 50,000
 */
public record BenchOptions(
        Kind kind,
        int rounds,
        int seconds,
        int streams,
        boolean reverse,
        boolean v6,
        String congestion,
        List<String> only,
        int freshStarts,
        List<Integer> offered,
        String mechanism) {
    /** Which of the benchmarks. */
    public enum Kind {
        THROUGHPUT,
        LATENCY,
        PPS,
        IDLE,
        BINDINGS,
        FLOWS
    }

    public BenchOptions {
        only = List.copyOf(only);
        offered = List.copyOf(offered);
        if (rounds < 1 || seconds < 1 || streams < 1 || freshStarts < 0) {
            throw new BenchException("rounds, seconds and streams are 1 or more");
        }
    }
}
