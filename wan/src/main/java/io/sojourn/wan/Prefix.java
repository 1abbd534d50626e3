// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.net.InetAddress;
import java.nio.ByteBuffer;

/**
 * An IPv4 or IPv6 prefix, held in 128 bits: an IPv4 one as IPv4-mapped (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2).
 *
 * @param high first eight bytes, bits after the prefix zero
 * @param low last eight bytes
 * @param bits length in the 128-bit form: 96 more than written for IPv4
 */
record Prefix(long high, long low, int bits) {
    static final long MAPPED = 0x0000_ffff_0000_0000L;

    Prefix {
        high &= highMask(bits);
        low &= lowMask(bits);
    }

    /** Parses {@code 100.64.1.0/24} or {@code fd64:1::/64}; bits after the prefix are ignored. */
    static Prefix parse(String text) {
        int slash = text.indexOf('/');
        try {
            if (slash > 0 && text.substring(0, slash).matches("[0-9a-fA-F:.]+")) {
                byte[] address = InetAddress.ofLiteral(text.substring(0, slash)).getAddress();
                int bits = Integer.parseInt(text.substring(slash + 1));
                if (bits >= 0 && bits <= address.length * 8) {
                    ByteBuffer bytes = ByteBuffer.wrap(address);
                    return address.length == 4
                            ? new Prefix(0, MAPPED | (bytes.getInt() & 0xffff_ffffL), bits + 96)
                            : new Prefix(bytes.getLong(), bytes.getLong(), bits);
                }
            }
        } catch (IllegalArgumentException notAnAddress) {
            throw new IllegalArgumentException("\"" + text + "\" is no prefix such as 100.64.1.0/24", notAnAddress);
        }
        throw new IllegalArgumentException("\"" + text + "\" is no prefix such as 100.64.1.0/24");
    }

    boolean isIpv4() {
        return high == 0 && (low & 0xffff_ffff_0000_0000L) == MAPPED && bits >= 96;
    }

    boolean contains(long addressHigh, long addressLow) {
        return (addressHigh & highMask(bits)) == high && (addressLow & lowMask(bits)) == low;
    }

    private static long highMask(int bits) {
        return bits >= 64 ? -1L : bits == 0 ? 0 : -1L << (64 - bits);
    }

    private static long lowMask(int bits) {
        return bits >= 128 ? -1L : bits <= 64 ? 0 : -1L << (128 - bits);
    }
}
