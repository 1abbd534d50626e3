// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * A receiver's counters.
 *
 * @param inOrderBytes stream bytes received without a hole
 * @param datagrams data datagrams accepted
 * @param duplicateDatagrams of those, the ones that brought no new byte
 * @param reorderedDatagrams of those, the ones that came after one numbered higher
 * @param acks acknowledgements sent
 * @param rejected datagrams refused, all reasons
 */
public record ReceiverStats(
        long inOrderBytes,
        long datagrams,
        long duplicateDatagrams,
        long reorderedDatagrams,
        long acks,
        long rejected) {}
