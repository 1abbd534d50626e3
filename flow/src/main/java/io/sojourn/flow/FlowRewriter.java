// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.wire.AddressRewriter;
import io.sojourn.wire.AddressTranslation;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.Icmp4;
import io.sojourn.wire.IcmpErrors;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;

/**
 * Gives a packet's local end another address and port, in whichever header it stands: source, destination, or the packet that an ICMP error quotes (RFC 3022, section 4; RFC 5508, section 4). Checksums are updated, never
 * computed. In place; one thread.
 */
public final class FlowRewriter {
    private final One one = new One();
    private final AddressRewriter addresses = new AddressRewriter(one);

    /** One address for another. */
    private static final class One implements AddressTranslation {
        private boolean isV6;
        private long fromHigh;
        private long fromLow;
        private long high;
        private long low;

        @Override
        public boolean find(boolean v6, long ofHigh, long ofLow) {
            return v6 == isV6 && ofLow == fromLow && ofHigh == fromHigh;
        }

        @Override
        public long high() {
            return high;
        }

        @Override
        public long low() {
            return low;
        }
    }

    /**
     * Rewrites the packet that {@code f} describes; {@code f} is not updated.
     *
     * @param fromLocal the local end is its source; it is the destination otherwise, and the other way about in a quote
     * @param partial the transport's checksum is the pseudo-header's sum only (virtio NEEDS_CSUM)
     */
    public void rewrite(
            MemorySegment s,
            ParsedFrame f,
            FlowKey.Found found,
            boolean fromLocal,
            boolean partial,
            long oldHigh,
            long oldLow,
            int oldPort,
            long newHigh,
            long newLow,
            int newPort) {
        one.isV6 = f.isV6();
        one.fromHigh = oldHigh;
        one.fromLow = oldLow;
        one.high = newHigh;
        one.low = newLow;
        addresses.rewrite(s, f, partial);
        if (oldPort == newPort) {
            return;
        }
        switch (found) {
            case FLOW -> port(s, f.l4At(), f.l4Length(), f.isV6(), f.protocol(), fromLocal, partial, newPort);
            case QUOTED -> quoted(s, f, !fromLocal, newPort);
            case LATER_FRAGMENT, NOTHING -> {}
        }
    }

    /** Where the local end's number stands, from the transport's first octet; -1: nowhere. */
    private static int portOffset(MemorySegment s, long l4, boolean v6, int protocol, boolean localIsSource) {
        if (IpProtocol.hasPorts(protocol)) {
            return localIsSource ? 0 : 2;
        }
        boolean query = FlowKey.isIcmp(v6, protocol) && FlowKey.isQuery(v6, BigEndian.u8(s, l4));
        return query ? Icmp4.IDENTIFIER_OFFSET : -1;
    }

    private static int checksumOffset(boolean v6, int protocol) {
        return switch (protocol) {
            case IpProtocol.TCP -> Tcp.CHECKSUM_OFFSET;
            case IpProtocol.UDP, IpProtocol.UDP_LITE -> Udp.CHECKSUM_OFFSET;
            default -> FlowKey.isIcmp(v6, protocol) ? Icmp4.CHECKSUM_OFFSET : -1;
        };
    }

    /** Returns the change of the sum over the octets that are there. */
    private static long port(
            MemorySegment s,
            long l4,
            int length,
            boolean v6,
            int protocol,
            boolean localIsSource,
            boolean partial,
            int newPort) {
        int offset = length < 8 ? -1 : portOffset(s, l4, v6, protocol, localIsSource);
        if (offset < 0) {
            return 0;
        }
        int oldPort = BigEndian.u16(s, l4 + offset);
        BigEndian.putU16(s, l4 + offset, newPort);
        long change = Checksum.change(oldPort, newPort);
        int field = checksumOffset(v6, protocol);
        if (partial || field < 0 || field + 2 > length) {
            return change;
        }
        int old = BigEndian.u16(s, l4 + field);
        boolean mayBeNone = protocol == IpProtocol.UDP || protocol == IpProtocol.UDP_LITE;
        if (old == 0 && mayBeNone) {
            return change;
        }
        int updated = Checksum.update(old, oldPort, newPort);
        updated = updated == 0 && mayBeNone ? 0xFFFF : updated;
        BigEndian.putU16(s, l4 + field, updated);
        return change + Checksum.change(old, updated);
    }

    private static void quoted(MemorySegment s, ParsedFrame f, boolean localIsSource, int newPort) {
        long ip = f.l4At() + IcmpErrors.QUOTE_OFFSET;
        boolean v6 = f.isV6();
        int header = v6 ? Ipv6.HEADER_BYTES : Ipv4.headerLength(s, ip);
        int protocol = v6 ? Ipv6.nextHeader(s, ip) : Ipv4.protocol(s, ip);
        long change = port(
                s,
                ip + header,
                f.l4Length() - IcmpErrors.QUOTE_OFFSET - header,
                v6,
                protocol,
                localIsSource,
                false,
                newPort);
        if (f.moreFragments()) {
            return; // its sum goes on in other fragments all the same
        }
        long at = f.l4At() + Icmp4.CHECKSUM_OFFSET;
        BigEndian.putU16(s, at, Checksum.update(BigEndian.u16(s, at), change));
    }
}
