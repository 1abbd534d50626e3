// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

/**
 * What a transport's checksum in an IPv6 packet covers of the addresses. It is a property of a session: both ends must mean the same.
 *
 * <p>ICMPv6 always is as {@link #IPV6_PLAIN}, Locator Updates included (RFC 6743 section 3).
 */
public enum ChecksumMode {
    /** ILNP (RFC 6741 section 7): identifiers only, the upper 64 bits of both addresses count as 0. A new locator changes no checksum. */
    NID_ONLY,
    /** RFC 8200 section 8.1: the whole addresses. What a stock guest computes; who rewrites a locator must update it. */
    IPV6_PLAIN;

    /** Whether the locators count in the checksum of that protocol. */
    public boolean coversLocators(int protocol) {
        return this == IPV6_PLAIN || protocol == IpProtocol.ICMPV6;
    }

    /** The pseudo-header's sum; arguments as {@link Checksum#pseudoHeader6}. */
    public long pseudoHeader(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int nextHeader, int length) {
        boolean covered = coversLocators(nextHeader);
        return Checksum.pseudoHeader6(
                covered ? sourceHigh : 0, sourceLow, covered ? destinationHigh : 0, destinationLow, nextHeader, length);
    }
}
