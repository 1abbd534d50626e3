// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import java.util.Optional;

/**
 * A gateway's page (network paging, Kanada and Tarui 2011): the part of the underlay's own address space, routed to the gateway like any other prefix, whose addresses
 * stand for members of virtual networks while their packets are on the WAN.
 *
 * <p>An address in a page names a member by its <i>number</i>, the same in every page, and says with it what an encapsulation would:
 *
 * <pre>
 *   IPv4, a VM      | prefix, /16 at most | number: 11 | epoch: 4 | passed on: 1 |
 *   IPv4, a host    | prefix              | 32 * number of the subnet + 2 * host + passed on |
 *   IPv6, a VM      | prefix, /48 at most | 0: 16 | number: 32 | epoch: 24 | 0: 7 | passed on: 1 |
 *   IPv6, a host    | prefix              | number of the subnet: 15 | passed on: 1 | the address's own lower 64 bits |
 * </pre>
 *
 * <p>As a destination it is in the page of the gateway that is sent to, with the low bits of the epoch of the binding by which it is sent; as a source in the page of
 * the gateway that sends, which may have it from another one: then it is passed on. So no router sees a source that is not at home where it comes from (RFC 2827).
 */
public record Page(Optional<IpPrefix> v4, Optional<IpPrefix> v6) {
    /** The longest prefixes there is room in. */
    public static final int LENGTH4_MAX = 16;

    public static final int LENGTH6_MAX = 48;

    /** Numbers are below this; 0 is nobody's: the gateway itself has the first addresses of its page. */
    public static final int NUMBERS4 = 1 << 11;

    public static final int NUMBERS6 = Integer.MAX_VALUE;
    /** For subnets in IPv6. */
    public static final int SUBNET_NUMBERS6 = 1 << 15;

    /** Addresses of an IPv4 page that belong to one number. */
    public static final int ADDRESSES_A_NUMBER4 = 32;

    public static final int EPOCH4_BITS = 4;
    public static final int EPOCH6_BITS = 24;

    /** No page: nothing is carried by paging from or to such a gateway. */
    public static final Page NONE = new Page(Optional.empty(), Optional.empty());

    public Page {
        v4.ifPresent(prefix -> require(prefix, false, LENGTH4_MAX));
        v6.ifPresent(prefix -> require(prefix, true, LENGTH6_MAX));
    }

    private static void require(IpPrefix prefix, boolean isV6, int longest) {
        if (prefix.address().isV6() != isV6 || prefix.length() > longest) {
            throw new IllegalArgumentException("'" + prefix + "' is no page: it must be an " + (isV6 ? "IPv6" : "IPv4")
                    + " prefix of /" + longest + " or shorter, such as " + (isV6 ? "fd50:1::/48" : "100.80.0.0/16"));
        }
    }

    /** Empty text: none of that family. */
    public static Page parse(String v4, String v6) {
        return new Page(
                v4.isEmpty() ? Optional.empty() : Optional.of(IpPrefix.parse(v4)),
                v6.isEmpty() ? Optional.empty() : Optional.of(IpPrefix.parse(v6)));
    }

    public boolean isNone() {
        return v4.isEmpty() && v6.isEmpty();
    }

    public boolean contains(IpAddress address) {
        return (address.isV6() ? v6 : v4)
                .map(prefix -> prefix.contains(address))
                .orElse(false);
    }

    /** How many numbers a subnet's hosts need in an IPv4 page. */
    public static int numbersOfHosts4(int prefixLength) {
        long addresses = 2L << (32 - prefixLength);
        return (int) Math.max(1, addresses / ADDRESSES_A_NUMBER4);
    }

    /** Below the prefix, of a VM; add it to the prefix. */
    public static long vm4(int number, long epoch, boolean passedOn) {
        return (long) number * ADDRESSES_A_NUMBER4 + ((epoch & (1 << EPOCH4_BITS) - 1) << 1) + (passedOn ? 1 : 0);
    }

    /** Below the prefix, of a host by its place in its subnet. */
    public static long host4(int number, long host, boolean passedOn) {
        return (long) number * ADDRESSES_A_NUMBER4 + 2 * host + (passedOn ? 1 : 0);
    }

    /** The lower 64 bits, of a VM. */
    public static long vm6(int number, long epoch, boolean passedOn) {
        return (long) number << 32 | (epoch & (1 << EPOCH6_BITS) - 1) << 8 | (passedOn ? 1 : 0);
    }

    /** Below the prefix in the upper 64 bits, of hosts; the lower are the host's own. */
    public static long hosts6(int number, boolean passedOn) {
        return (long) number << 1 | (passedOn ? 1 : 0);
    }

    /** Which epoch is meant by its low bits: the one of those given that has them, or else the nearest to the highest. */
    public static long epoch(int lowBits, int bits, long bound, long marked, long highest) {
        long mask = (1L << bits) - 1;
        if ((bound & mask) == lowBits) {
            return bound;
        }
        if ((marked & mask) == lowBits) {
            return marked;
        }
        long latest = Math.max(Math.max(bound, marked), highest) + (1L << bits - 2);
        return Math.max(0, latest - (latest - lowBits & mask));
    }
}
