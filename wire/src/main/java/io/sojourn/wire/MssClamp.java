// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Lowers the MSS that a TCP SYN offers (RFC 9293 section 3.7.1), so that no segment of the connection is too big for
 * the path. Never raises one, never adds the option; a malformed option list is left as it is.
 */
public final class MssClamp {
    private MssClamp() {}

    /** The largest MSS that fits an IP packet of {@code mtuBytes} without options (RFC 6691). */
    public static int bound(int mtuBytes, boolean isV6) {
        return mtuBytes - Tcp.HEADER_BYTES - (isV6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
    }

    /** Clamps in place; the segment has its full checksum. Returns true when the packet was changed. */
    public static boolean clamp(MemorySegment s, ParsedFrame parsed, int maxMssBytes) {
        return clamp(s, parsed, maxMssBytes, false);
    }

    /** @param partialChecksum true when the checksum field holds the pseudo-header's sum only (virtio NEEDS_CSUM) */
    public static boolean clamp(MemorySegment s, ParsedFrame parsed, int maxMssBytes, boolean partialChecksum) {
        if (!parsed.isTcpSyn()) {
            return false;
        }
        long tcp = parsed.l4At();
        int end = Math.min(Tcp.headerLength(s, tcp), parsed.l4Length());
        int i = Tcp.HEADER_BYTES;
        boolean changed = false;
        while (i < end) {
            int kind = BigEndian.u8(s, tcp + i);
            if (kind == Tcp.OPTION_END) {
                break;
            }
            if (kind == Tcp.OPTION_NOP) {
                i++;
                continue;
            }
            int bytes = i + 1 < end ? BigEndian.u8(s, tcp + i + 1) : 0;
            if (bytes < 2 || i + bytes > end) {
                break;
            }
            if (kind == Tcp.OPTION_MSS && bytes == Tcp.OPTION_MSS_BYTES) {
                changed |= lower(s, tcp, i + 2, maxMssBytes, partialChecksum);
            }
            i += bytes;
        }
        return changed;
    }

    private static boolean lower(MemorySegment s, long tcp, int offset, int maxMssBytes, boolean partialChecksum) {
        int mss = BigEndian.u16(s, tcp + offset);
        if (mss <= maxMssBytes) {
            return false;
        }
        BigEndian.putU16(s, tcp + offset, maxMssBytes);
        if (!partialChecksum) {
            // At an odd offset the two octets fall into two words: the same sum with its octets swapped (RFC 1071 2 B).
            boolean odd = (offset & 1) != 0;
            int oldWord = odd ? Short.reverseBytes((short) mss) & 0xFFFF : mss;
            int newWord = odd ? Short.reverseBytes((short) maxMssBytes) & 0xFFFF : maxMssBytes;
            int checksum = Checksum.update(Tcp.checksum(s, tcp), oldWord, newWord);
            BigEndian.putU16(s, tcp + Tcp.CHECKSUM_OFFSET, checksum);
        }
        return true;
    }
}
