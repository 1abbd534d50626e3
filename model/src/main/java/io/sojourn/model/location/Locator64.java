// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.location;

/**
 * ILNP's name of a subnetwork (RFC 6740 section 3.3): the upper 64 bits of the IPv6 addresses there. Text as a prefix: {@code 2001:db8:a:1::/64}.
 */
public record Locator64(long bits) implements Comparable<Locator64> {
    public static final int BITS = 64;

    @Override
    public int compareTo(Locator64 other) {
        return Long.compareUnsigned(bits, other.bits);
    }

    @Override
    public String toString() {
        return String.format(
                "%x:%x:%x:%x::/64", bits >>> 48, bits >>> 32 & 0xFFFF, bits >>> 16 & 0xFFFF, bits & 0xFFFF);
    }
}
