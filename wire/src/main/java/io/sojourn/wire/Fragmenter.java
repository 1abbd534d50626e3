// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Cuts one IPv4 packet without DF into fragments (RFC 791 section 3.2), or a fragment into smaller ones. Later
 * fragments carry only the options whose copied flag is set (RFC 791 section 3.1).
 *
 * <pre>{@code
 * if (fragmenter.begin(frame, parsed, mtuBytes)) {
 *     for (int n = fragmenter.next(slot(), at); n > 0; n = fragmenter.next(slot(), at)) send(n);
 * }
 * }</pre>
 *
 * <p><i>Order</i>: fragments come by rising offset. <i>Ownership</i>: reads the frame until the last {@link #next};
 * slots are the caller's and must not overlap it. <i>Locking</i>: none, one thread; reusable.
 */
public final class Fragmenter {
    private static final int OPTION_COPIED = 0x80;

    private MemorySegment frame = MemorySegment.NULL;
    private long frameAt;
    private long packetAt;
    private int headerLength;
    private int laterHeaderLength;
    private int payloadLength;
    private int mtuBytes;
    private int firstOffset;
    private boolean moreAfter;
    private int done;

    /**
     * Starts on the IPv4 packet that {@code parsed} describes. False, and nothing to fetch, when it must not be
     * fragmented (DF, not IPv4) or cannot be: {@code mtuBytes} (of IP packet) under 68.
     */
    public boolean begin(MemorySegment source, ParsedFrame parsed, int mtuBytes) {
        done = payloadLength = 0;
        if (parsed.family() != ParsedFrame.Family.IPV4 || parsed.dontFragment() || mtuBytes < Ipv4.MTU_MINIMUM_BYTES) {
            return false;
        }
        frame = source;
        frameAt = parsed.frameAt();
        packetAt = parsed.l3At();
        headerLength = parsed.l3HeaderLength();
        laterHeaderLength = Ipv4.HEADER_BYTES + copiedOptionsLength();
        payloadLength = parsed.l4Length();
        this.mtuBytes = mtuBytes;
        firstOffset = parsed.fragmentOffset();
        moreAfter = parsed.moreFragments();
        return payloadLength > 0;
    }

    /**
     * Writes the next fragment, Ethernet header included, at {@code at} of a slot of at least 14 + MTU octets (60 at
     * least); returns its length, 0 when there are no more.
     */
    public int next(MemorySegment slot, long at) {
        if (done >= payloadLength) {
            return 0;
        }
        boolean first = done == 0;
        int header = first ? headerLength : laterHeaderLength;
        int left = payloadLength - done;
        boolean last = header + left <= mtuBytes;
        int payload = last ? left : mtuBytes - header & ~7;
        long ip = at + Ethernet.HEADER_BYTES;
        MemorySegment.copy(frame, frameAt, slot, at, Ethernet.HEADER_BYTES);
        MemorySegment.copy(frame, packetAt, slot, ip, first ? headerLength : Ipv4.HEADER_BYTES);
        if (!first) {
            copyOptions(slot, ip);
        }
        MemorySegment.copy(frame, packetAt + headerLength + done, slot, ip + header, payload);
        int flags = last && !moreAfter ? 0 : Ipv4.MORE_FRAGMENTS;
        BigEndian.putU8(slot, ip, 0x40 | header >>> 2);
        BigEndian.putU16(slot, ip + Ipv4.TOTAL_LENGTH_OFFSET, header + payload);
        BigEndian.putU16(slot, ip + Ipv4.FRAGMENT_OFFSET, flags | firstOffset + done >>> 3);
        Ipv4.putHeaderChecksum(slot, ip);
        done += payload;
        return Ethernet.pad(slot, at, Ethernet.HEADER_BYTES + header + payload);
    }

    /** Octets of the copied options, padded to a multiple of 4. */
    private int copiedOptionsLength() {
        int total = 0;
        for (int i = Ipv4.HEADER_BYTES; i < headerLength; ) {
            int bytes = optionLength(i);
            if (bytes == 0) {
                break;
            }
            total += isCopied(i) ? bytes : 0;
            i += bytes;
        }
        return total + 3 & ~3;
    }

    private void copyOptions(MemorySegment slot, long ip) {
        int to = Ipv4.HEADER_BYTES;
        for (int i = Ipv4.HEADER_BYTES; i < headerLength; ) {
            int bytes = optionLength(i);
            if (bytes == 0) {
                break;
            }
            if (isCopied(i)) {
                MemorySegment.copy(frame, packetAt + i, slot, ip + to, bytes);
                to += bytes;
            }
            i += bytes;
        }
        for (; to < laterHeaderLength; to++) {
            BigEndian.putU8(slot, ip + to, 0); // end of option list
        }
    }

    private boolean isCopied(int offset) {
        return (BigEndian.u8(frame, packetAt + offset) & OPTION_COPIED) != 0;
    }

    /** Octets of the option at {@code offset} of the header; 0 at the end of the list or where it makes no sense. */
    private int optionLength(int offset) {
        int type = BigEndian.u8(frame, packetAt + offset);
        if (type <= 1) {
            return type; // end of list, or no operation
        }
        int bytes = offset + 1 < headerLength ? BigEndian.u8(frame, packetAt + offset + 1) : 0;
        return bytes < 2 || offset + bytes > headerLength ? 0 : bytes;
    }
}
