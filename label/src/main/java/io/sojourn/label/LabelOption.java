// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import java.lang.foreign.MemorySegment;

/**
 * The option by which a SYN offers a label and a SYN/ACK takes it: an experimental one (RFC 4727) under an experiment identifier of its own (RFC 6994).
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   Kind=253    |   Length=20   |         ExID=0x534A           |
 * | Ver=1 |     |E|                   Key                         |
 * |                           Token (96)                          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 *
 * E: this is the echo. Key: says which realm's key the secret is made with; 0: none. A stock Linux SYN has 20 octets of options, so that the 40 there may be are used up. Octets come from
 * strangers: nothing here throws, and an option that is not wholly in the header is none.
 */
public final class LabelOption {
    public static final int KIND = 253;
    public static final int BYTES = 20;
    public static final int EXPERIMENT = 0x534A;
    /** {@link #find}: there is none. */
    public static final int ABSENT = -1;

    /** Multipath TCP (RFC 8684): it has labels of its own. */
    private static final int MPTCP = 30;

    private static final int VERSION = 1;
    private static final int ECHO = 1;
    private static final int HEADER_MAX_BYTES = 60;

    private LabelOption() {}

    /** Where the option stands from the first octet of the header; {@link #ABSENT} if there is none, or one of another version. */
    public static int find(MemorySegment s, long tcp, int tcpBytes) {
        int at = seek(s, tcp, tcpBytes, KIND);
        return at != ABSENT && BigEndian.u8(s, tcp + at + 4) >>> 4 == VERSION ? at : ABSENT;
    }

    /** Whether the sender speaks Multipath TCP. */
    public static boolean isMultipath(MemorySegment s, long tcp, int tcpBytes) {
        return seek(s, tcp, tcpBytes, MPTCP) != ABSENT;
    }

    private static int seek(MemorySegment s, long tcp, int tcpBytes, int wanted) {
        int end = Math.min(Tcp.headerLength(s, tcp), tcpBytes);
        int i = Tcp.HEADER_BYTES;
        while (i < end) {
            int kind = BigEndian.u8(s, tcp + i);
            if (kind == Tcp.OPTION_END) {
                return ABSENT;
            }
            if (kind == Tcp.OPTION_NOP) {
                i++;
                continue;
            }
            int bytes = i + 1 < end ? BigEndian.u8(s, tcp + i + 1) : 0;
            if (bytes < 2 || i + bytes > end) {
                return ABSENT;
            }
            if (kind == wanted && (wanted != KIND || bytes == BYTES && BigEndian.u16(s, tcp + i + 2) == EXPERIMENT)) {
                return i;
            }
            i += bytes;
        }
        return ABSENT;
    }

    public static boolean isEcho(MemorySegment s, long at) {
        return (BigEndian.u8(s, at + 4) & ECHO) != 0;
    }

    /** 24 bits. */
    public static int key(MemorySegment s, long at) {
        return BigEndian.u24(s, at + 5);
    }

    public static Token token(MemorySegment s, long at) {
        return new Token(BigEndian.u64(s, at + 8), BigEndian.i32(s, at + 16));
    }

    /** Whether it fits behind the options that are there, and nothing stands behind those. */
    public static boolean fits(MemorySegment s, long tcp, int tcpBytes) {
        int header = Tcp.headerLength(s, tcp);
        return header == tcpBytes && header >= Tcp.HEADER_BYTES && header + BYTES <= HEADER_MAX_BYTES;
    }

    /**
     * Adds the option to a segment that it {@link #fits}, with a whole checksum, and corrects lengths and checksums. The packet is {@link #BYTES} longer then; there must be room behind it.
     *
     * @param ip of the IP header, directly before the TCP header
     */
    public static void append(MemorySegment s, long ip, boolean v6, long tcp, int key, Token token, boolean echo) {
        int header = Tcp.headerLength(s, tcp);
        long at = tcp + header;
        BigEndian.putU8(s, at, KIND);
        BigEndian.putU8(s, at + 1, BYTES);
        BigEndian.putU16(s, at + 2, EXPERIMENT);
        BigEndian.putU8(s, at + 4, VERSION << 4 | (echo ? ECHO : 0));
        BigEndian.putU24(s, at + 5, key);
        BigEndian.putU64(s, at + 8, token.high());
        BigEndian.putU32(s, at + 16, token.low() & 0xFFFF_FFFFL);
        // RFC 1071: what is added to the sum is the option, the new data offset, and the length in the pseudo-header.
        int offsetWord = BigEndian.u16(s, tcp + Tcp.DATA_OFFSET_OFFSET);
        BigEndian.putU8(
                s,
                tcp + Tcp.DATA_OFFSET_OFFSET,
                (header + BYTES >>> 2 << 4) | BigEndian.u8(s, tcp + Tcp.DATA_OFFSET_OFFSET) & 0x0F);
        long change = Checksum.sum(s, at, BYTES)
                + (~offsetWord & 0xFFFF)
                + BigEndian.u16(s, tcp + Tcp.DATA_OFFSET_OFFSET)
                + BYTES;
        BigEndian.putU16(s, tcp + Tcp.CHECKSUM_OFFSET, Checksum.update(Tcp.checksum(s, tcp), change));
        if (v6) {
            int length = Ipv6.payloadLength(s, ip);
            BigEndian.putU16(s, ip + Ipv6.PAYLOAD_LENGTH_OFFSET, length + BYTES);
        } else {
            int length = Ipv4.totalLength(s, ip);
            BigEndian.putU16(s, ip + Ipv4.TOTAL_LENGTH_OFFSET, length + BYTES);
            BigEndian.putU16(
                    s, ip + Ipv4.CHECKSUM_OFFSET, Checksum.update(Ipv4.checksum(s, ip), length, length + BYTES));
        }
    }

    /** Turns the option into padding, which the host behind the boundary makes nothing of. @param at from the first octet of the header, as found */
    public static void blank(MemorySegment s, long tcp, int at, boolean partialChecksum) {
        int header = Tcp.headerLength(s, tcp);
        int before = Checksum.sum(s, tcp, header);
        for (int i = 0; i < BYTES; i++) {
            BigEndian.putU8(s, tcp + at + i, Tcp.OPTION_NOP);
        }
        if (!partialChecksum) {
            int after = Checksum.sum(s, tcp, header);
            BigEndian.putU16(s, tcp + Tcp.CHECKSUM_OFFSET, Checksum.update(Tcp.checksum(s, tcp), before, after));
        }
    }
}
