// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * What a stretch of probes shows (handoff.md, 'Measures'; reordering as in RFC 4737, 3.3).
 *
 * @param gapMs longest interval between two replies that follow each other, minus the interval at which those two were asked for
 * @param gapAtNs when the longest gap ended, {@link System#nanoTime}
 */
record ProbeFigures(
        long sent, long lost, long duplicated, long reordered, double gapMs, long gapAtNs, double medianRttMs) {
    private static final double NS_PER_MS = 1e6;

    /**
     * @param sentNs time of each request, ascending
     * @param receivedNs time of the first reply to each; 0: there was none
     * @param intervalNs at which requests are sent
     */
    static ProbeFigures of(long[] sentNs, long[] receivedNs, long duplicated, long intervalNs) {
        long lost = Arrays.stream(receivedNs).filter(time -> time == 0).count();
        long reordered = 0;
        // Late is who came after somebody that was sent later; walking from the end, the earliest arrival so far tells.
        long earliest = Long.MAX_VALUE;
        for (int i = receivedNs.length - 1; i >= 0; i--) {
            if (receivedNs[i] == 0) {
                continue;
            }
            if (receivedNs[i] > earliest) {
                reordered++;
            }
            earliest = Math.min(earliest, receivedNs[i]);
        }
        double gap = 0;
        long gapAt = 0;
        int[] byArrival = LongStream.range(0, receivedNs.length)
                .filter(i -> receivedNs[(int) i] != 0)
                .boxed()
                .sorted((a, b) -> Long.compare(receivedNs[a.intValue()], receivedNs[b.intValue()]))
                .mapToInt(Long::intValue)
                .toArray();
        for (int k = 1; k < byArrival.length; k++) {
            int before = byArrival[k - 1];
            int after = byArrival[k];
            // The sender is a thread on a busy machine: its own delay is no gap of the network's.
            long asked = after == before + 1 ? sentNs[after] - sentNs[before] : intervalNs;
            double silence = (receivedNs[after] - receivedNs[before] - asked) / NS_PER_MS;
            if (silence > gap) {
                gap = silence;
                gapAt = receivedNs[after];
            }
        }
        return new ProbeFigures(sentNs.length, lost, duplicated, reordered, gap, gapAt, medianRtt(sentNs, receivedNs));
    }

    private static double medianRtt(long[] sentNs, long[] receivedNs) {
        long[] rtts = new long[sentNs.length];
        int count = 0;
        for (int i = 0; i < sentNs.length; i++) {
            if (receivedNs[i] != 0) {
                rtts[count++] = receivedNs[i] - sentNs[i];
            }
        }
        if (count == 0) {
            return Double.NaN;
        }
        Arrays.sort(rtts, 0, count);
        return rtts[count / 2] / NS_PER_MS;
    }
}
