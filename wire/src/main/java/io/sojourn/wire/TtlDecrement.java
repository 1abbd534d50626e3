// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/** What a router does to each packet it forwards: one hop less (RFC 1812 section 5.3.1, RFC 8200 section 3). */
public final class TtlDecrement {
    private TtlDecrement() {}

    /** Decrements in place, checksum included; false, with nothing changed, when the TTL would reach 0. */
    public static boolean ipv4(MemorySegment s, long at) {
        int word = BigEndian.u16(s, at + Ipv4.TTL_OFFSET);
        if (word >>> 8 <= 1) {
            return false;
        }
        int less = word - 0x100;
        BigEndian.putU16(s, at + Ipv4.TTL_OFFSET, less);
        BigEndian.putU16(s, at + Ipv4.CHECKSUM_OFFSET, Checksum.update(Ipv4.checksum(s, at), word, less));
        return true;
    }

    /** Decrements in place; false, with nothing changed, when the hop limit would reach 0. */
    public static boolean ipv6(MemorySegment s, long at) {
        int hopLimit = Ipv6.hopLimit(s, at);
        if (hopLimit <= 1) {
            return false;
        }
        BigEndian.putU8(s, at + Ipv6.HOP_LIMIT_OFFSET, hopLimit - 1);
        return true;
    }
}
