// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * ILNP's two IPv4 options (RFC 6746), which share option type 158 and are told apart by their fourth octet. {@code at} is the option's first octet.
 *
 * <pre>
 * | 158 | 20 | 0 | 1 | source identifier (64 bits) | destination identifier (64 bits) |
 * | 158 | 12 | 0 | 2 | nonce (64 bits) |
 * </pre>
 *
 * One figure of the RFC gives the length in words; it is in octets, as IPv4 has it (RFC 791 section 3.1).
 */
public final class IlnpOptions4 {
    public static final int TYPE = 158;
    public static final int IDENTIFIER = 1;
    public static final int NONCE = 2;
    public static final int IDENTIFIER_BYTES = 20;
    public static final int NONCE_BYTES = 12;

    private static final int END = 0;
    private static final int NO_OPERATION = 1;
    private static final int KIND_OFFSET = 3;
    private static final int BODY_OFFSET = 4;

    private IlnpOptions4() {}

    /**
     * Where in the header at {@code ip} the option of that kind stands, from its first octet; 0: nowhere. Two of one kind, or a wrong length, are as good as
     * none: neither can be believed.
     *
     * @param headerLength octets of the IPv4 header, all of which are there
     */
    public static int find(MemorySegment s, long ip, int headerLength, int kind) {
        int wanted = kind == IDENTIFIER ? IDENTIFIER_BYTES : NONCE_BYTES;
        int found = 0;
        int offset = Ipv4.HEADER_BYTES;
        while (offset < headerLength) {
            int type = BigEndian.u8(s, ip + offset);
            if (type == END) {
                break;
            }
            if (type == NO_OPERATION) {
                offset++;
                continue;
            }
            int bytes = offset + 2 > headerLength ? 0 : BigEndian.u8(s, ip + offset + 1);
            if (bytes < 2 || offset + bytes > headerLength) {
                return 0;
            }
            if (type == TYPE && bytes > KIND_OFFSET && BigEndian.u8(s, ip + offset + KIND_OFFSET) == kind) {
                if (found != 0 || bytes != wanted) {
                    return 0;
                }
                found = offset;
            }
            offset += bytes;
        }
        return found;
    }

    public static long sourceIdentifier(MemorySegment s, long at) {
        return BigEndian.u64(s, at + BODY_OFFSET);
    }

    public static long destinationIdentifier(MemorySegment s, long at) {
        return BigEndian.u64(s, at + BODY_OFFSET + 8);
    }

    public static long nonce(MemorySegment s, long at) {
        return BigEndian.u64(s, at + BODY_OFFSET);
    }

    public static void writeIdentifier(MemorySegment s, long at, long source, long destination) {
        head(s, at, IDENTIFIER_BYTES, IDENTIFIER);
        BigEndian.putU64(s, at + BODY_OFFSET, source);
        BigEndian.putU64(s, at + BODY_OFFSET + 8, destination);
    }

    public static void writeNonce(MemorySegment s, long at, long nonce) {
        head(s, at, NONCE_BYTES, NONCE);
        BigEndian.putU64(s, at + BODY_OFFSET, nonce);
    }

    private static void head(MemorySegment s, long at, int bytes, int kind) {
        BigEndian.putU8(s, at, TYPE);
        BigEndian.putU8(s, at + 1, bytes);
        BigEndian.putU16(s, at + 2, kind);
    }
}
