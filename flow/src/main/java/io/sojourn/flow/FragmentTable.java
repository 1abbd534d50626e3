// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;

/**
 * Which port later fragments of a packet belong to, which only the first names. Bounded: of two packets that fall on one place the later one stays. What comes before its first fragment belongs to nobody. One thread.
 */
public final class FragmentTable {
    private static final int PLACES = 4_096;
    private static final int LIFETIME_S = 15;

    private final long[] names = new long[PLACES];
    private final int[] ports = new int[PLACES];
    private final int[] seenS = new int[PLACES];

    /** The first fragment of a packet has these ports. */
    public void first(MemorySegment s, ParsedFrame f, FlowKey key, int nowS) {
        long name = name(s, f);
        int at = place(name);
        names[at] = name;
        ports[at] = key.localPort << 16 | key.remotePort;
        seenS[at] = nowS;
    }

    /** Completes the key of a later fragment; false: its first one has not been seen. */
    public boolean later(MemorySegment s, ParsedFrame f, FlowKey key, int nowS) {
        long name = name(s, f);
        int at = place(name);
        if (names[at] != name || nowS - seenS[at] > LIFETIME_S) {
            return false;
        }
        key.localPort = ports[at] >>> 16;
        key.remotePort = ports[at] & 0xFFFF;
        return true;
    }

    private static int place(long name) {
        return (int) (name >>> 40) & PLACES - 1;
    }

    /** Addresses, protocol and identification (RFC 791, section 3.2; RFC 8200, section 4.5). */
    private static long name(MemorySegment s, ParsedFrame f) {
        long id = f.isV6() ? identification6(s, f) : Ipv4.identification(s, f.l3At());
        long h = f.sourceLow() * 0x9E37_79B9_7F4A_7C15L + f.destinationLow();
        h = (h ^ h >>> 32) * 0xFF51_AFD7_ED55_8CCDL + f.sourceHigh();
        h = (h ^ h >>> 29) * 0xC4CE_B9FE_1A85_EC53L + f.destinationHigh();
        h = (h ^ h >>> 31) * 0x9E37_79B9_7F4A_7C15L + (id << 8) + f.protocol();
        return h ^ h >>> 30 | 1;
    }

    private static long identification6(MemorySegment s, ParsedFrame f) {
        int next = Ipv6.nextHeader(s, f.l3At());
        long at = f.l3At() + Ipv6.HEADER_BYTES;
        for (int i = 0; i < Ipv6.EXTENSION_HEADERS_MAX && at + 8 <= f.l4At(); i++) {
            if (next == IpProtocol.FRAGMENT) {
                return BigEndian.u32(s, at + 4);
            }
            int length = Ipv6.extensionHeaderLength(next, s, at);
            next = BigEndian.u8(s, at);
            at += length;
        }
        return 0;
    }
}
