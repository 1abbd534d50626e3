// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/** Whole ARP frames (RFC 826, RFC 5227), 60 octets each, written at {@code at}; every method returns the length. */
public final class ArpFrames {
    private ArpFrames() {}

    /** "{@code senderIp} is at {@code senderMac}", to the one who asked. */
    public static int reply(MemorySegment s, long at, long senderMac, long senderIp, long targetMac, long targetIp) {
        return write(s, at, EtherType.ARP, targetMac, Arp.REPLY, senderMac, senderIp, targetMac, targetIp);
    }

    /** Broadcast question who has {@code targetIp}; with {@code senderIp} 0 it is the probe of RFC 5227. */
    public static int request(MemorySegment s, long at, long senderMac, long senderIp, long targetIp) {
        return write(s, at, EtherType.ARP, Ethernet.BROADCAST, Arp.REQUEST, senderMac, senderIp, 0, targetIp);
    }

    /** Broadcast announcement (RFC 5227 section 2.3): whoever knows {@code ip} now knows it at {@code mac}. */
    public static int gratuitous(MemorySegment s, long at, long mac, long ip) {
        return write(s, at, EtherType.ARP, Ethernet.BROADCAST, Arp.REQUEST, mac, ip, 0, ip);
    }

    /** The RARP request by which QEMU teaches bridges where {@code mac} is; no host answers it. */
    public static int reverseAnnouncement(MemorySegment s, long at, long mac) {
        return write(s, at, EtherType.RARP, Ethernet.BROADCAST, Arp.REVERSE_REQUEST, mac, 0, mac, 0);
    }

    private static int write(
            MemorySegment s,
            long at,
            int etherType,
            long destination,
            int operation,
            long senderMac,
            long senderIp,
            long targetMac,
            long targetIp) {
        Ethernet.write(s, at, destination, senderMac, etherType);
        Arp.write(s, at + Ethernet.HEADER_BYTES, operation, senderMac, senderIp, targetMac, targetIp);
        return Ethernet.pad(s, at, Ethernet.HEADER_BYTES + Arp.BYTES);
    }
}
