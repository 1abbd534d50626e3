// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * An IPv4 or IPv6 address as a name: what the guest and its correspondents call it.
 *
 * @param high the upper 64 bits of an IPv6 address; 0 for IPv4
 * @param low the lower 64 bits of an IPv6 address; the 32 bits of an IPv4 address
 */
public record IpAddress(boolean isV6, long high, long low) implements Comparable<IpAddress> {
    public IpAddress {
        if (!isV6 && (high != 0 || low >>> 32 != 0)) {
            throw new IllegalArgumentException("IPv4 address has more than 32 bits");
        }
    }

    public static IpAddress v4(int bits) {
        return new IpAddress(false, 0, bits & 0xFFFF_FFFFL);
    }

    public static IpAddress v6(long high, long low) {
        return new IpAddress(true, high, low);
    }

    /** Reads {@code 10.0.0.1} or {@code fd00::1}; never asks a resolver. */
    public static IpAddress parse(String text) {
        boolean literal = text.indexOf(':') >= 0 || text.matches("\\d{1,3}(\\.\\d{1,3}){3}");
        if (literal) {
            try {
                return of(InetAddress.ofLiteral(text).getAddress());
            } catch (IllegalArgumentException e) {
                // falls through to the one message a person should see
            }
        }
        throw new IllegalArgumentException("'" + text + "' is not an IPv4 or IPv6 address");
    }

    /** From 4 or 16 octets in network order. */
    public static IpAddress of(byte[] octets) {
        if (octets.length == 4) {
            return v4((int) bigEndian(octets, 0, 4));
        }
        if (octets.length == 16) {
            return v6(bigEndian(octets, 0, 8), bigEndian(octets, 8, 8));
        }
        throw new IllegalArgumentException(octets.length + " octets are not an IP address");
    }

    private static long bigEndian(byte[] octets, int from, int count) {
        long value = 0;
        for (int i = from; i < from + count; i++) {
            value = value << 8 | octets[i] & 0xFF;
        }
        return value;
    }

    /** 4 or 16 octets in network order. */
    public byte[] toBytes() {
        byte[] out = new byte[isV6 ? 16 : 4];
        for (int i = 0; i < out.length; i++) {
            int fromEnd = out.length - 1 - i;
            out[i] = (byte) ((fromEnd >= 8 ? high : low) >>> (8 * (fromEnd & 7)));
        }
        return out;
    }

    public int bitCount() {
        return isV6 ? 128 : 32;
    }

    /** True for multicast, link-local and unspecified addresses: those never cross a gateway. */
    public boolean isLinkScoped() {
        if (isV6) {
            return high >>> 56 == 0xFF || high >>> 54 == 0xFE80 >>> 6 || (high == 0 && low == 0);
        }
        return low >>> 28 == 0xE || low >>> 16 == 0xA9FE || low == 0 || low == 0xFFFF_FFFFL;
    }

    @Override
    public int compareTo(IpAddress other) {
        if (isV6 != other.isV6) {
            return isV6 ? 1 : -1;
        }
        int byHigh = Long.compareUnsigned(high, other.high);
        return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
    }

    /** Dotted quad, or the canonical form of RFC 5952. */
    @Override
    public String toString() {
        try {
            return isV6
                    ? Rfc5952.format(toBytes())
                    : InetAddress.getByAddress(toBytes()).getHostAddress();
        } catch (UnknownHostException e) {
            throw new AssertionError("4 octets are always an address", e);
        }
    }
}
