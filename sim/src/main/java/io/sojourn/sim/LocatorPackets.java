// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;

/**
 * Real octets of the simulator's packets, and who has which address in a world by ILNP. Two networks have the same addresses, so that whoever mixes them up is found out.
 *
 * <pre>
 *   locators on the WAN   2001:db8:a0NN:GG00::/64   of network NN at gateway GG
 *   VMs inside            fd10::/64                 wherever they are
 *   hosts inside          fd20:GG00::/64            at gateway GG
 *   outsiders             2001:db8:c0NN:KK00::/64   each with one of its own
 * </pre>
 */
final class LocatorPackets {
    static final long VMS_INSIDE = 0xFD10_0000_0000_0000L;
    private static final long HOSTS_INSIDE = 0xFD20_0000_0000_0000L;
    private static final long LOCATORS = 0x2001_0DB8_A000_0000L;
    private static final long OUTSIDERS = 0x2001_0DB8_C000_0000L;
    private static final long NID = 0x0214_4FFF_FE00_0000L;
    private static final int PAYLOAD_BYTES = 12;
    private static final int UDP_BYTES = Udp.HEADER_BYTES + PAYLOAD_BYTES;
    static final int BYTES = Ipv6.HEADER_BYTES + UDP_BYTES;

    private LocatorPackets() {}

    static long locator(int network, int gateway) {
        return LOCATORS | (long) network << 16 | (long) gateway << 8;
    }

    /** @return -1: of no gateway */
    static int gatewayOf(long locator) {
        return (locator & 0xFFFF_FFFF_FF00_0000L) == LOCATORS ? (int) (locator >>> 8 & 0xFF) : -1;
    }

    static int networkOf(long locator) {
        return (int) (locator >>> 16 & 0xFF);
    }

    static long outsider(int network, int number) {
        return OUTSIDERS | (long) network << 16 | (long) number << 8;
    }

    /** @return -1: of no outsider */
    static int outsiderOf(long locator) {
        return (locator & 0xFFFF_FFFF_FF00_0000L) == OUTSIDERS ? (int) (locator >>> 8 & 0xFF) : -1;
    }

    static long hostsInside(int gateway) {
        return HOSTS_INSIDE | (long) gateway << 8;
    }

    /** vm0 and vm1 have the same, in two networks. */
    static long vmNid(int vm) {
        return NID | 0x100 | vm / 2;
    }

    static long hostNid(int gateway) {
        return NID | 0x200 | gateway;
    }

    static long outsiderNid(int number) {
        return NID | 0x300 | number;
    }

    /** As programs at both ends know it. */
    static byte[] inside(Packet packet, long source, long sourceNid, long destination, long destinationNid) {
        byte[] octets = new byte[BYTES];
        MemorySegment s = MemorySegment.ofArray(octets);
        Ipv6.write(s, 0, 0, UDP_BYTES, IpProtocol.UDP, 64, source, sourceNid, destination, destinationNid);
        BigEndian.putU32(s, Ipv6.HEADER_BYTES, 5000L << 16 | 6000);
        BigEndian.putU16(s, Ipv6.HEADER_BYTES + Udp.LENGTH_OFFSET, UDP_BYTES);
        BigEndian.putU32(s, Ipv6.HEADER_BYTES + Udp.HEADER_BYTES, packet.flow.index);
        BigEndian.putU32(s, Ipv6.HEADER_BYTES + Udp.HEADER_BYTES + 4, packet.number);
        long sum = Checksum.pseudoHeader6(source, sourceNid, destination, destinationNid, IpProtocol.UDP, UDP_BYTES)
                + Checksum.sum(s, Ipv6.HEADER_BYTES, UDP_BYTES);
        int checksum = Checksum.finish(sum);
        BigEndian.putU16(s, Ipv6.HEADER_BYTES + Udp.CHECKSUM_OFFSET, checksum == 0 ? 0xFFFF : checksum);
        return octets;
    }
}
