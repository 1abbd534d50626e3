// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Icmp4;
import io.sojourn.wire.Icmp6;
import io.sojourn.wire.IcmpErrors;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;

/**
 * Which flow a packet belongs to, seen from one end, the local one: protocol, both addresses and both ports, in a realm of addresses (a network's VNI, or {@link #OUTSIDE}).
 * Of ICMP queries the identifier stands for the local port, and 0 for the other (RFC 5508, section 3); an ICMP error belongs to the flow of the packet that it quotes.
 *
 * <p>A key is filled in again for each packet. One thread.
 */
public final class FlowKey {
    /** The realm of addresses that everybody can reach. */
    public static final int OUTSIDE = 0;

    /** Why a packet belongs to no flow that it names itself. */
    public enum Found {
        /** The key is that of the packet's flow. */
        FLOW,
        /** The key is that of the flow of the packet that this ICMP error quotes. */
        QUOTED,
        /** A fragment without its first octets: it names addresses and protocol, and no port. */
        LATER_FRAGMENT,
        /** An ICMP error that quotes nothing that could be a flow. */
        NOTHING
    }

    int realm;
    boolean isV6;
    int protocol;
    long localHigh;
    long localLow;
    int localPort;
    long remoteHigh;
    long remoteLow;
    int remotePort;

    public int realm() {
        return realm;
    }

    public boolean isV6() {
        return isV6;
    }

    public int protocol() {
        return protocol;
    }

    public long localHigh() {
        return localHigh;
    }

    public long localLow() {
        return localLow;
    }

    public int localPort() {
        return localPort;
    }

    public long remoteHigh() {
        return remoteHigh;
    }

    public long remoteLow() {
        return remoteLow;
    }

    public int remotePort() {
        return remotePort;
    }

    public FlowKey set(
            int ofRealm,
            boolean v6,
            int ofProtocol,
            long fromHigh,
            long fromLow,
            int fromPort,
            long toHigh,
            long toLow,
            int toPort) {
        realm = ofRealm;
        isV6 = v6;
        protocol = ofProtocol;
        localHigh = fromHigh;
        localLow = fromLow;
        localPort = fromPort;
        remoteHigh = toHigh;
        remoteLow = toLow;
        remotePort = toPort;
        return this;
    }

    /** The same flow with another local end. */
    public FlowKey local(int ofRealm, long high, long low, int port) {
        realm = ofRealm;
        localHigh = high;
        localLow = low;
        localPort = port;
        return this;
    }

    public FlowKey remotePort(int port) {
        remotePort = port;
        return this;
    }

    /** The flow of the IP packet that {@code f} describes. @param fromLocal its source is the local end */
    public Found of(MemorySegment s, ParsedFrame f, int ofRealm, boolean fromLocal) {
        boolean v6 = f.isV6();
        int proto = f.protocol();
        if (fromLocal) {
            set(ofRealm, v6, proto, f.sourceHigh(), f.sourceLow(), 0, f.destinationHigh(), f.destinationLow(), 0);
        } else {
            set(ofRealm, v6, proto, f.destinationHigh(), f.destinationLow(), 0, f.sourceHigh(), f.sourceLow(), 0);
        }
        if (f.isFragment() && f.fragmentOffset() != 0) {
            return Found.LATER_FRAGMENT;
        }
        if (isIcmp(v6, proto)) {
            return icmp(s, f, ofRealm, fromLocal);
        }
        if (IpProtocol.hasPorts(proto) && f.l4Length() >= 4) {
            ports(s, f.l4At(), fromLocal);
        }
        return Found.FLOW;
    }

    public static boolean isIcmp(boolean v6, int protocol) {
        return protocol == (v6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP);
    }

    private void ports(MemorySegment s, long l4, boolean sourceIsLocal) {
        int source = BigEndian.u16(s, l4);
        int destination = BigEndian.u16(s, l4 + 2);
        localPort = sourceIsLocal ? source : destination;
        remotePort = sourceIsLocal ? destination : source;
    }

    private Found icmp(MemorySegment s, ParsedFrame f, int ofRealm, boolean fromLocal) {
        if (f.l4Length() < IcmpErrors.QUOTE_OFFSET) {
            return Found.FLOW;
        }
        int type = BigEndian.u8(s, f.l4At());
        boolean error = isV6 ? Icmp6.isError(type) : Icmp4.isError(type);
        if (error) {
            return quoted(
                            s,
                            f.l4At() + IcmpErrors.QUOTE_OFFSET,
                            f.l4Length() - IcmpErrors.QUOTE_OFFSET,
                            ofRealm,
                            fromLocal)
                    ? Found.QUOTED
                    : Found.NOTHING;
        }
        if (isQuery(isV6, type)) {
            localPort = BigEndian.u16(s, f.l4At() + Icmp4.IDENTIFIER_OFFSET);
        }
        return Found.FLOW;
    }

    /** Echo; timestamps and others with an identifier are of no use across a gateway. */
    static boolean isQuery(boolean v6, int type) {
        return v6
                ? type == Icmp6.ECHO_REQUEST || type == Icmp6.ECHO_REPLY
                : type == Icmp4.ECHO || type == Icmp4.ECHO_REPLY;
    }

    /** What is quoted went the other way. */
    private boolean quoted(MemorySegment s, long ip, int length, int ofRealm, boolean errorFromLocal) {
        int least = isV6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
        if (length < least || (isV6 ? Ipv6.version(s, ip) != 6 : Ipv4.version(s, ip) != 4)) {
            return false;
        }
        int header = isV6 ? Ipv6.HEADER_BYTES : Ipv4.headerLength(s, ip);
        int proto = isV6 ? Ipv6.nextHeader(s, ip) : Ipv4.protocol(s, ip);
        if (header < least || length < header + 8 || !isV6 && Ipv4.fragmentOffset(s, ip) != 0) {
            return false;
        }
        long fromHigh = isV6 ? Ipv6.sourceHigh(s, ip) : 0;
        long fromLow = isV6 ? Ipv6.sourceLow(s, ip) : Ipv4.source(s, ip);
        long toHigh = isV6 ? Ipv6.destinationHigh(s, ip) : 0;
        long toLow = isV6 ? Ipv6.destinationLow(s, ip) : Ipv4.destination(s, ip);
        boolean sourceIsLocal = !errorFromLocal;
        if (sourceIsLocal) {
            set(ofRealm, isV6, proto, fromHigh, fromLow, 0, toHigh, toLow, 0);
        } else {
            set(ofRealm, isV6, proto, toHigh, toLow, 0, fromHigh, fromLow, 0);
        }
        long l4 = ip + header;
        if (IpProtocol.hasPorts(proto)) {
            ports(s, l4, sourceIsLocal);
        } else if (isIcmp(isV6, proto) && isQuery(isV6, BigEndian.u8(s, l4))) {
            localPort = BigEndian.u16(s, l4 + Icmp4.IDENTIFIER_OFFSET);
        }
        return true;
    }

    /** Depends on a secret, so that nobody outside can choose flows that fall on each other. */
    int hash(long secret) {
        long h = secret ^ localLow ^ Long.rotateLeft(remoteLow, 32);
        h *= 0x9E37_79B9_7F4A_7C15L;
        h ^= h >>> 32;
        h += localHigh ^ Long.rotateLeft(remoteHigh, 17);
        h *= 0xFF51_AFD7_ED55_8CCDL;
        h ^= h >>> 29;
        h += (long) realm << 40 ^ (long) localPort << 24 ^ (long) remotePort << 8 ^ protocol;
        h *= 0xC4CE_B9FE_1A85_EC53L;
        h ^= h >>> 31;
        h *= 0x9E37_79B9_7F4A_7C15L;
        return (int) (h >>> 32);
    }
}
