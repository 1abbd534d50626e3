// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

/**
 * ILNP's name of a node (RFC 6740 section 3.1): the lower 64 bits of its IPv6 addresses, the same wherever it is. Text as in RFC 6742: {@code 0014:4fff:ff20:ee64},
 * never shortened.
 */
public record NodeIdentifier(long bits) implements Comparable<NodeIdentifier> {
    /** The universal/local bit of a modified EUI-64 (RFC 4291 section 2.5.1): 1 is universal. */
    private static final long UNIVERSAL = 0x0200_0000_0000_0000L;

    /** Of an IPv6 address. */
    public static NodeIdentifier of(IpAddress address) {
        if (!address.isV6()) {
            throw new IllegalArgumentException(address + " is no IPv6 address: it has no node identifier");
        }
        return new NodeIdentifier(address.low());
    }

    /** Whether nobody else has it anywhere; else it means somebody only together with a locator (RFC 6740 section 3.1). */
    public boolean isUniversal() {
        return isUniversal(bits);
    }

    public static boolean isUniversal(long bits) {
        return (bits & UNIVERSAL) != 0;
    }

    @Override
    public int compareTo(NodeIdentifier other) {
        return Long.compareUnsigned(bits, other.bits);
    }

    @Override
    public String toString() {
        return String.format(
                "%04x:%04x:%04x:%04x", bits >>> 48, bits >>> 32 & 0xFFFF, bits >>> 16 & 0xFFFF, bits & 0xFFFF);
    }
}
