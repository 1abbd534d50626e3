// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;

/**
 * What a kernel does that cuts super-frames wrongly: payload is not what was sent, and the UDP checksum fits it all the same.
 *
 * <p>A segment is known by its IPv4 identification. Linux gives 0 to a datagram that must not be fragmented and counts from there for the
 * segments of one super-frame (net/ipv4/af_inet.c, inet_gso_segment): not 0 is a segment, and not the first.
 */
final class SegmentDamage {
    /** Behind whatever header says whose it is. */
    private static final int SPARED_BYTES = 64;

    private SegmentDamage() {}

    /** Damages the packet if it is a segment; whether it was. {@code where} in its payload, 0 to 1. */
    static boolean inflict(MemorySegment s, long at, int headerBytes, int bytes, double where) {
        int first = headerBytes + Udp.HEADER_BYTES + SPARED_BYTES;
        if (bytes < first + 2
                || Ipv4.version(s, at) != 4
                || Ipv4.protocol(s, at) != IpProtocol.UDP
                || !Ipv4.dontFragment(s, at)
                || Ipv4.identification(s, at) == 0) {
            return false;
        }
        long udp = at + headerBytes;
        // A word of the UDP datagram, so that the checksum follows in one step (RFC 1624).
        int words = (bytes - first) / 2;
        long word = at + first + 2L * Math.min(words - 1, (int) (words * where));
        int old = BigEndian.u16(s, word);
        int damaged = old ^ 0x5A5A;
        BigEndian.putU16(s, word, damaged);
        int checksum = Udp.checksum(s, udp);
        if (checksum != 0) {
            BigEndian.putU16(s, udp + Udp.CHECKSUM_OFFSET, Checksum.update(checksum, old, damaged));
        }
        return true;
    }
}
