// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

/**
 * Counters of an interface since it was made (struct rtnl_link_stats64), as the host sees them: what a guest sends through its
 * tap is received here. For a tap {@code txPackets} counts what was <em>read</em> from it, {@code txDropped} what found its
 * queue full.
 */
public record LinkStats(long rxPackets, long txPackets, long rxDropped, long txDropped, long rxBytes, long txBytes) {}
