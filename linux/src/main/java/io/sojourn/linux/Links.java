// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * The network interfaces of a namespace, by route netlink (rtnetlink(7), linux/if_link.h). It belongs to the namespace of the
 * thread that makes it, and is used by one thread at a time. Failures name the operation and carry the kernel's own words.
 */
public final class Links implements AutoCloseable {
    private static final int RTM_NEWLINK = 16;
    private static final int RTM_DELLINK = 17;
    private static final int RTM_GETLINK = 18;
    private static final int RTM_NEWADDR = 20;
    private static final int RTM_NEWROUTE = 24;
    private static final int RTM_GETSTATS = 94;
    private static final int IFINFOMSG_BYTES = 16;
    private static final int IFADDRMSG_BYTES = 8;
    private static final int IF_STATS_MSG_BYTES = 12;
    private static final int IFF_UP = 1;
    private static final int IFF_NOARP = 0x80;
    private static final int IFF_LOWER_UP = 0x10000;
    private static final int IFLA_ADDRESS = 1;
    private static final int IFLA_MTU = 4;
    private static final int IFLA_MASTER = 10;
    private static final int IFLA_TXQLEN = 13;
    private static final int IFLA_STATS_LINK_64 = 1;
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int IFA_F_NODAD = 0x02;
    private static final int RTMSG_BYTES = 12;
    private static final int RTA_DST = 1;
    private static final int RTA_OIF = 4;
    private static final int RT_TABLE_MAIN = 254;
    private static final int RTPROT_STATIC = 4;
    private static final int RT_SCOPE_LINK = 253;
    private static final int RTN_UNICAST = 1;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;

    // Offsets in struct rtnl_link_stats64.
    static final int RX_PACKETS = 0;
    static final int TX_PACKETS = 8;
    static final int RX_BYTES = 16;
    static final int TX_BYTES = 24;
    static final int RX_DROPPED = 48;
    static final int TX_DROPPED = 56;

    private final Netlink netlink = new Netlink();

    /** The index of an interface in the current thread's namespace; fails with ENODEV when there is none. */
    public static int index(String name) {
        int index = Syscalls.ifNametoindex(name);
        if (index == 0) {
            throw new SyscallException("find interface " + name, Errno.ENODEV.number());
        }
        return index;
    }

    /** Whether the current thread's namespace has an interface of this name. */
    public static boolean exists(String name) {
        return Syscalls.ifNametoindex(name) != 0;
    }

    public void up(int ifindex) {
        link(RTM_NEWLINK, ifindex).header32(8, IFF_UP).header32(12, IFF_UP);
        netlink.change("set interface " + ifindex + " up");
    }

    /** Nobody behind the interface is asked for link-layer addresses, by ARP or ND: what goes out is addressed to the interface itself. */
    public void noArp(int ifindex) {
        link(RTM_NEWLINK, ifindex).header32(8, IFF_NOARP).header32(12, IFF_NOARP);
        netlink.change("turn ARP off at interface " + ifindex);
    }

    public void down(int ifindex) {
        link(RTM_NEWLINK, ifindex).header32(12, IFF_UP);
        netlink.change("set interface " + ifindex + " down");
    }

    /** Makes an interface a port of a bridge; a bridge index of 0 takes it out. */
    public void setMaster(int ifindex, int bridgeIndex) {
        link(RTM_NEWLINK, ifindex).attribute(IFLA_MASTER, bridgeIndex);
        netlink.change("put interface " + ifindex + " on bridge " + bridgeIndex);
    }

    public void setMtu(int ifindex, int mtuBytes) {
        link(RTM_NEWLINK, ifindex).attribute(IFLA_MTU, mtuBytes);
        netlink.change("set MTU " + mtuBytes + " of interface " + ifindex);
    }

    /** @param mac six bytes */
    public void setMac(int ifindex, byte[] mac) {
        link(RTM_NEWLINK, ifindex).attribute(IFLA_ADDRESS, mac);
        netlink.change("set the MAC address of interface " + ifindex);
    }

    /** Packets that may wait unsent; for a tap, those that nobody has read. A tap takes it over at once, keeping what waits. */
    public void setTxQueueLength(int ifindex, int packets) {
        link(RTM_NEWLINK, ifindex).attribute(IFLA_TXQLEN, packets);
        netlink.change("set queue length " + packets + " of interface " + ifindex);
    }

    public void delete(int ifindex) {
        link(RTM_DELLINK, ifindex);
        netlink.change("delete interface " + ifindex);
    }

    /** Adds an address of 4 or 16 bytes; an IPv6 one is usable at once, without duplicate address detection. */
    public void addAddress(int ifindex, byte[] address, int prefixLength) {
        boolean v4 = address.length == 4;
        netlink.begin(RTM_NEWADDR, Netlink.CREATE | Netlink.REPLACE, IFADDRMSG_BYTES)
                .header8(0, v4 ? AF_INET : AF_INET6)
                .header8(1, prefixLength)
                .header8(2, v4 ? 0 : IFA_F_NODAD)
                .header32(4, ifindex)
                .attribute(IFA_LOCAL, address)
                .attribute(IFA_ADDRESS, address);
        netlink.change("add an address to interface " + ifindex);
    }

    /** Has the kernel send what is for that prefix, of 4 or 16 bytes, to the interface; it must be up. */
    public void addRoute(int ifindex, byte[] prefix, int prefixLength) {
        netlink.begin(RTM_NEWROUTE, Netlink.CREATE | Netlink.REPLACE, RTMSG_BYTES)
                .header8(0, prefix.length == 4 ? AF_INET : AF_INET6)
                .header8(1, prefixLength)
                .header8(4, RT_TABLE_MAIN)
                .header8(5, RTPROT_STATIC)
                .header8(6, prefix.length == 4 ? RT_SCOPE_LINK : 0)
                .header8(7, RTN_UNICAST)
                .attribute(RTA_DST, prefix)
                .attribute(RTA_OIF, ifindex);
        netlink.change("add a route to interface " + ifindex);
    }

    /** The bridge that an interface is a port of, or 0. */
    public int master(int ifindex) {
        link(RTM_GETLINK, ifindex);
        askOrFail("look at interface " + ifindex);
        int at = netlink.answerAttribute(IFLA_MASTER, IFINFOMSG_BYTES);
        return at < 0 ? 0 : netlink.answer().get(JAVA_INT_UNALIGNED, at);
    }

    public int mtuBytes(int ifindex) {
        link(RTM_GETLINK, ifindex);
        askOrFail("look at interface " + ifindex);
        int at = netlink.answerAttribute(IFLA_MTU, IFINFOMSG_BYTES);
        return netlink.answer().get(JAVA_INT_UNALIGNED, at);
    }

    /** The six bytes of an interface's MAC address. */
    public byte[] mac(int ifindex) {
        link(RTM_GETLINK, ifindex);
        askOrFail("look at interface " + ifindex);
        int at = netlink.answerAttribute(IFLA_ADDRESS, IFINFOMSG_BYTES);
        byte[] mac = new byte[6];
        MemorySegment.copy(netlink.answer(), JAVA_BYTE, at, mac, 0, mac.length);
        return mac;
    }

    /** Up, and with a carrier as far as its driver knows. */
    public boolean isRunning(int ifindex) {
        link(RTM_GETLINK, ifindex);
        askOrFail("look at interface " + ifindex);
        int flags = netlink.answer().get(JAVA_INT_UNALIGNED, Netlink.HEADER_BYTES + 8);
        return (flags & (IFF_UP | IFF_LOWER_UP)) == (IFF_UP | IFF_LOWER_UP);
    }

    /** The counters now; some microseconds, so it can be polled. */
    public LinkStats stats(int ifindex) {
        // RTM_GETSTATS with a filter answers with these 200 bytes only, where RTM_GETLINK gathers all about the
        // interface.
        netlink.begin(RTM_GETSTATS, 0, IF_STATS_MSG_BYTES).header32(4, ifindex).header32(8, 1);
        askOrFail("read the counters of interface " + ifindex);
        int at = netlink.answerAttribute(IFLA_STATS_LINK_64, IF_STATS_MSG_BYTES);
        return new LinkStats(
                counter(at + RX_PACKETS),
                counter(at + TX_PACKETS),
                counter(at + RX_DROPPED),
                counter(at + TX_DROPPED),
                counter(at + RX_BYTES),
                counter(at + TX_BYTES));
    }

    private long counter(int at) {
        return netlink.answer().get(JAVA_LONG_UNALIGNED, at);
    }

    private Netlink link(int type, int ifindex) {
        return netlink.begin(type, 0, IFINFOMSG_BYTES).header32(4, ifindex);
    }

    private void askOrFail(String op) {
        int errno = netlink.ask();
        if (errno != 0) {
            throw netlink.failure(op, errno);
        }
    }

    @Override
    public void close() {
        netlink.close();
    }
}
