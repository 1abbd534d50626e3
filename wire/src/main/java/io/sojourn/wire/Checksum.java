// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624 equation 3).
 *
 * <p>A <i>sum</i> here is the ones' complement sum of 16-bit words in network order, not yet complemented; sums may be
 * added as {@code long}s and folded at the end. A <i>checksum</i> is what stands in the header: the complement of a
 * folded sum.
 */
public final class Checksum {
    private static final ValueLayout.OfLong NATIVE_LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt NATIVE_INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private Checksum() {}

    /** The folded sum of {@code length} octets; an odd last octet is padded with zero on the right. */
    public static int sum(MemorySegment s, long at, int length) {
        // Byte-order independence (RFC 1071 section 2): add in native order, swap the folded result once.
        long even = 0;
        long odd = 0;
        long i = at;
        long end = at + (length & ~7);
        for (; i < end; i += 8) {
            long word = s.get(NATIVE_LONG, i);
            even += word & 0xFFFF_FFFFL;
            odd += word >>> 32;
        }
        end = at + (length & ~3);
        if (i < end) {
            even += s.get(NATIVE_INT, i) & 0xFFFF_FFFFL;
            i = end;
        }
        int nativeSum = fold(even + odd);
        long tail = LITTLE_ENDIAN ? Short.reverseBytes((short) nativeSum) & 0xFFFF : nativeSum;
        end = at + length;
        for (; i + 1 < end; i += 2) {
            tail += BigEndian.u16(s, i);
        }
        if (i < end) {
            tail += BigEndian.u8(s, i) << 8;
        }
        return fold(tail);
    }

    /** Folds a sum of up to 2^47 words into 16 bits; 0 only if the sum was 0. */
    public static int fold(long sum) {
        long folded = (sum >>> 32) + (sum & 0xFFFF_FFFFL);
        folded = (folded >>> 16) + (folded & 0xFFFF);
        folded = (folded >>> 16) + (folded & 0xFFFF);
        return (int) ((folded >>> 16) + (folded & 0xFFFF));
    }

    /** The checksum of a sum. */
    public static int finish(long sum) {
        return ~fold(sum) & 0xFFFF;
    }

    /** True when the sum over data that contains its checksum is that of an intact packet. */
    public static boolean isIntact(long sum) {
        return fold(sum) == 0xFFFF;
    }

    /** The sum of the four words of a long. */
    public static long words(long value) {
        return (value >>> 48) + (value >>> 32 & 0xFFFF) + (value >>> 16 & 0xFFFF) + (value & 0xFFFF);
    }

    /** Pseudo-header of TCP and UDP over IPv4 (RFC 9293 section 3.1); {@code length} of the upper layer in octets. */
    public static long pseudoHeader4(long source, long destination, int protocol, int length) {
        return words(source) + words(destination) + protocol + length;
    }

    /** Pseudo-header of IPv6 (RFC 8200 section 8.1). */
    public static long pseudoHeader6(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int nextHeader, int length) {
        return words(sourceHigh)
                + words(sourceLow)
                + words(destinationHigh)
                + words(destinationLow)
                + nextHeader
                + words(length & 0xFFFF_FFFFL);
    }

    /** {@code checksum} after a 16-bit word it covers changed: HC' = ~(~HC + ~m + m'). */
    public static int update(int checksum, int oldWord, int newWord) {
        return finish((~checksum & 0xFFFFL) + (~oldWord & 0xFFFFL) + newWord);
    }

    /** What a change of covered words adds to a sum: ~m + m' for every word; valid for any even-aligned field. */
    public static long change(long oldValue, long newValue) {
        return words(~oldValue) + words(newValue);
    }

    /** {@code checksum} after the sum it covers changed by {@link #change}. */
    public static int update(int checksum, long change) {
        return finish((~checksum & 0xFFFFL) + change);
    }
}
