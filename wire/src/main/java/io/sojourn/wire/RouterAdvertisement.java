// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/** Router Advertisements (RFC 4861 section 4.2) for address autoconfiguration (RFC 4862): a whole frame, built prefix by prefix. One thread. */
public final class RouterAdvertisement {
    private static final int TYPE = 134;
    private static final int HEADER_BYTES = 16;
    private static final int PREFIX = 3;
    private static final int PREFIX_BYTES = 32;
    private static final int SOURCE_LINK_LAYER = 1;
    private static final int MTU = 5;
    private static final int ON_LINK = 0x80;
    private static final int AUTONOMOUS = 0x40;
    /** Addresses, and what else there is to know, can be had by DHCPv6. */
    private static final int MANAGED = 0x80;

    private static final int OTHER = 0x40;
    private static final int HOP_LIMIT = 255;
    private static final int GUESTS_HOP_LIMIT = 64;
    private static final int PREFIXES_MOST = 32;
    /** {@link #finish} writes no more. */
    public static final int BYTES =
            Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES + HEADER_BYTES + 8 + 8 + PREFIXES_MOST * PREFIX_BYTES;

    private final MemorySegment s;
    private int prefixes;

    /** @param s at least {@link #BYTES} */
    public RouterAdvertisement(MemorySegment s) {
        this.s = s;
    }

    public RouterAdvertisement begin() {
        prefixes = 0;
        return this;
    }

    private static long l4() {
        return Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES;
    }

    /**
     * A prefix of 64 bits that hosts make addresses of. @param preferredS 0: new connections are to use others
     *
     * @param onLink what is in it is reached without us
     */
    public RouterAdvertisement prefix(long high, boolean onLink, int validS, int preferredS) {
        if (prefixes < PREFIXES_MOST) {
            long at = l4() + HEADER_BYTES + 8 + 8 + (long) prefixes++ * PREFIX_BYTES;
            BigEndian.putU8(s, at, PREFIX);
            BigEndian.putU8(s, at + 1, PREFIX_BYTES / 8);
            BigEndian.putU8(s, at + 2, 64);
            BigEndian.putU8(s, at + 3, AUTONOMOUS | (onLink ? ON_LINK : 0));
            BigEndian.putU32(s, at + 4, validS);
            BigEndian.putU32(s, at + 8, preferredS);
            BigEndian.putU32(s, at + 12, 0);
            BigEndian.putU64(s, at + 16, high);
            BigEndian.putU64(s, at + 24, 0);
        }
        return this;
    }

    /** Completes the frame; its length. @param routerS how long we are a default router; 0: not */
    public int finish(long toMac, long ourMac, long toHigh, long toLow, int routerS, int mtuBytes) {
        int length = HEADER_BYTES + 8 + 8 + prefixes * PREFIX_BYTES;
        long high = NeighborDiscovery.LINK_LOCAL_HIGH;
        long low = linkLocalLow(ourMac);
        Ethernet.write(s, 0, toMac, ourMac, EtherType.IPV6);
        Ipv6.write(s, Ethernet.HEADER_BYTES, 0, length, IpProtocol.ICMPV6, HOP_LIMIT, high, low, toHigh, toLow);
        long at = l4();
        BigEndian.putU8(s, at, TYPE);
        BigEndian.putU8(s, at + 1, 0);
        BigEndian.putU16(s, at + 2, 0);
        BigEndian.putU8(s, at + 4, GUESTS_HOP_LIMIT);
        BigEndian.putU8(s, at + 5, MANAGED | OTHER);
        BigEndian.putU16(s, at + 6, routerS);
        BigEndian.putU64(s, at + 8, 0);
        BigEndian.putU8(s, at + 16, SOURCE_LINK_LAYER);
        BigEndian.putU8(s, at + 17, 1);
        BigEndian.putU48(s, at + 18, ourMac);
        BigEndian.putU8(s, at + 24, MTU);
        BigEndian.putU8(s, at + 25, 1);
        BigEndian.putU16(s, at + 26, 0);
        BigEndian.putU32(s, at + 28, mtuBytes);
        long pseudo = Checksum.pseudoHeader6(high, low, toHigh, toLow, IpProtocol.ICMPV6, length);
        BigEndian.putU16(s, at + 2, Checksum.finish(pseudo + Checksum.sum(s, at, length)));
        return (int) at + length;
    }

    /** The lower 64 bits of the link-local address that goes with a MAC (RFC 4291 appendix A). */
    public static long linkLocalLow(long mac) {
        return (mac >>> 24 ^ 0x020000L) << 40 | 0xFFFEL << 24 | mac & 0xFF_FFFFL;
    }
}
