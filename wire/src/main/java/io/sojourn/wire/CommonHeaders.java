// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What the headers of all segments of one flow have in common: those of the first, but for the fields that follow from a segment's place (lengths, identification, TCP's
 * sequence number and PSH flag, UDP's length, checksums). Another's are compared with it in words of eight octets, which are all looked at before anything is decided.
 *
 * <pre>
 *   octet  0       6       14      22      30 ...
 *          | word 0 - - |
 *                  | word 1 | word 2 | word 3 | ... | half a word, or none |
 * </pre>
 *
 * <p>Ethernet, IPv4 without options or IPv6 without extension headers, TCP or UDP. Locking: none, one thread; nothing is allocated after construction.
 */
final class CommonHeaders {
    private static final int L3 = Ethernet.HEADER_BYTES;
    private static final int FIRST_BYTES = 6;
    private static final int TCP_MAX_BYTES = 60;
    private static final int WORDS_MAX = words(L3 + Ipv6.HEADER_BYTES + TCP_MAX_BYTES) + 1;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt HALF = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final long[] TCP4 = mask(false, true);
    private static final long[] UDP4 = mask(false, false);
    private static final long[] TCP6 = mask(true, true);
    private static final long[] UDP6 = mask(true, false);

    private final long[] first = new long[WORDS_MAX];
    private long[] mask = TCP4;
    private int words;
    private boolean half;

    /** @param headerBytes of Ethernet, IP and transport together */
    void take(MemorySegment s, long at, boolean v6, boolean tcp, int headerBytes) {
        if (v6) {
            mask = tcp ? TCP6 : UDP6;
        } else {
            mask = tcp ? TCP4 : UDP4;
        }
        words = words(headerBytes);
        half = headerBytes > offset(words);
        for (int i = 0; i < words; i++) {
            first[i] = s.get(WORD, at + offset(i));
        }
        if (half) {
            first[words] = s.get(HALF, at + offset(words));
        }
    }

    /** Whether the frame there, which is no shorter than the headers, has them. */
    boolean areIn(MemorySegment s, long at) {
        long differ = s.get(WORD, at) ^ first[0];
        for (int i = 1; i < words; i++) {
            differ |= (s.get(WORD, at + offset(i)) ^ first[i]) & mask[i];
        }
        if (half) {
            differ |= (s.get(HALF, at + offset(words)) ^ (int) first[words]) & (int) mask[words];
        }
        return differ == 0;
    }

    private static int words(int headerBytes) {
        return 1 + (headerBytes - FIRST_BYTES) / Long.BYTES;
    }

    private static int offset(int word) {
        return word == 0 ? 0 : FIRST_BYTES + (word - 1) * Long.BYTES;
    }

    private static long[] mask(boolean v6, boolean tcp) {
        byte[] octets = new byte[offset(WORDS_MAX)];
        Arrays.fill(octets, (byte) 0xFF);
        int l4 = L3 + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
        if (v6) {
            forget(octets, L3 + Ipv6.PAYLOAD_LENGTH_OFFSET, 2);
        } else {
            forget(octets, L3 + Ipv4.TOTAL_LENGTH_OFFSET, 2);
            forget(octets, L3 + Ipv4.IDENTIFICATION_OFFSET, 2);
            forget(octets, L3 + Ipv4.CHECKSUM_OFFSET, 2);
        }
        if (tcp) {
            forget(octets, l4 + Tcp.SEQUENCE_OFFSET, 4);
            forget(octets, l4 + Tcp.CHECKSUM_OFFSET, 2);
            octets[l4 + Tcp.FLAGS_OFFSET] = (byte) ~Tcp.PSH;
        } else {
            forget(octets, l4 + Udp.LENGTH_OFFSET, 2);
            forget(octets, l4 + Udp.CHECKSUM_OFFSET, 2);
        }
        ByteBuffer all = ByteBuffer.wrap(octets).order(ByteOrder.LITTLE_ENDIAN);
        long[] words = new long[WORDS_MAX];
        for (int i = 0; i < WORDS_MAX; i++) {
            words[i] = all.getLong(offset(i));
        }
        return words;
    }

    private static void forget(byte[] octets, int at, int bytes) {
        Arrays.fill(octets, at, at + bytes, (byte) 0);
    }
}
