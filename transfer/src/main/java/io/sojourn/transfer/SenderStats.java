// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * A sender's counters, a consistent enough snapshot from any thread.
 *
 * @param streamBytes bytes of the stream sent at least once
 * @param ackedBytes bytes of the stream acknowledged without a hole
 * @param wireBytes UDP payload bytes sent in all
 * @param datagrams datagrams sent in all
 * @param retransmittedBytes stream bytes sent again because they were held lost
 * @param copiedBytes stream bytes sent again as redundancy of the final burst, and tail probes
 * @param lostDatagrams datagrams held lost, less those that turned up after all
 * @param spuriousDatagrams datagrams held lost that turned up after all
 * @param probeTimeouts times a probe timeout fired (RFC 9002, section 6.2)
 * @param rttUs smoothed round trip, 0 before the first sample
 * @param minRttUs smallest round trip
 * @param queueUs smoothed forward queueing delay over the smallest seen
 * @param rateBytesPerS pace, payload and header
 * @param inFlightBytes sent, not acknowledged and not held lost
 * @param rejected datagrams refused, all reasons
 */
public record SenderStats(
        long streamBytes,
        long ackedBytes,
        long wireBytes,
        long datagrams,
        long retransmittedBytes,
        long copiedBytes,
        long lostDatagrams,
        long spuriousDatagrams,
        long probeTimeouts,
        long rttUs,
        long minRttUs,
        long queueUs,
        long rateBytesPerS,
        long inFlightBytes,
        long rejected) {}
