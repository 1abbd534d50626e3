// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.util.Set;

/**
 * The forwarding database of Linux bridges: which port a MAC address is behind. One netlink message and its acknowledgement
 * per change, tens of microseconds. It belongs to the namespace of the thread that makes it; one thread at a time.
 */
public final class BridgeFdb implements AutoCloseable {
    /** What kind of entry to write. */
    public enum Flag {
        /** Does not age. */
        STATIC,
        /** Stays where it is even if frames from that address come in elsewhere (NTF_STICKY); implies a static entry. */
        STICKY
    }

    private static final int RTM_NEWNEIGH = 28;
    private static final int RTM_DELNEIGH = 29;
    private static final int RTM_GETNEIGH = 30;
    private static final int AF_BRIDGE = 7;
    private static final int NTF_MASTER = 0x04;
    private static final int NTF_STICKY = 0x40;
    private static final int NUD_REACHABLE = 0x02;
    private static final int NUD_NOARP = 0x40;
    private static final int NDA_LLADDR = 2;
    private static final int NDA_MASTER = 9;

    // struct ndmsg { u8 family; u8 pad; u16 pad; s32 ifindex; u16 state; u8 flags; u8 type }.
    static final int NDMSG_BYTES = 12;
    static final int NDM_IFINDEX = 4;
    static final int NDM_STATE = 8;
    static final int NDM_FLAGS = 10;

    private final Netlink netlink = new Netlink();

    /** Points a MAC address (six bytes) at a bridge port, wherever it pointed before. */
    public void replace(int portIfindex, byte[] mac, Set<Flag> flags) {
        point(portIfindex, mac, flags);
        if (flags.contains(Flag.STICKY)) {
            // Of an entry that is there the kernel changes the port first and makes it sticky then (fdb_add_entry of
            // br_fdb.c), while a frame from the old port takes no lock: one that comes between takes the port back, and
            // there it sticks. Once sticky, it goes where it is told to and stays.
            point(portIfindex, mac, flags);
        }
    }

    private void point(int portIfindex, byte[] mac, Set<Flag> flags) {
        boolean sticky = flags.contains(Flag.STICKY);
        boolean isStatic = sticky || flags.contains(Flag.STATIC);
        netlink.begin(RTM_NEWNEIGH, Netlink.CREATE | Netlink.REPLACE, NDMSG_BYTES)
                .header8(0, AF_BRIDGE)
                .header32(NDM_IFINDEX, portIfindex)
                .header16(NDM_STATE, isStatic ? NUD_NOARP : NUD_REACHABLE)
                .header8(NDM_FLAGS, NTF_MASTER | (sticky ? NTF_STICKY : 0))
                .attribute(NDA_LLADDR, mac);
        netlink.change("point a MAC address at bridge port " + portIfindex);
    }

    /** Removes the entry of a MAC address behind a port; false if there was none. */
    public boolean delete(int portIfindex, byte[] mac) {
        netlink.begin(RTM_DELNEIGH, Netlink.ACK, NDMSG_BYTES)
                .header8(0, AF_BRIDGE)
                .header32(NDM_IFINDEX, portIfindex)
                .header8(NDM_FLAGS, NTF_MASTER)
                .attribute(NDA_LLADDR, mac);
        int errno = netlink.ask();
        if (errno == Errno.ENOENT.number()) {
            return false;
        }
        if (errno != 0) {
            throw netlink.failure("remove a MAC address from bridge port " + portIfindex, errno);
        }
        return true;
    }

    /** The port that a bridge has for a MAC address: its ifindex, the bridge's own for a local address, -1 for none. */
    public int portOf(int bridgeIfindex, byte[] mac) {
        netlink.begin(RTM_GETNEIGH, 0, NDMSG_BYTES)
                .header8(0, AF_BRIDGE)
                .attribute(NDA_LLADDR, mac)
                .attribute(NDA_MASTER, bridgeIfindex);
        int errno = netlink.ask();
        if (errno == Errno.ENOENT.number()) {
            return -1;
        }
        if (errno != 0) {
            throw netlink.failure("look a MAC address up on bridge " + bridgeIfindex, errno);
        }
        return netlink.answer().get(JAVA_INT_UNALIGNED, Netlink.HEADER_BYTES + NDM_IFINDEX);
    }

    @Override
    public void close() {
        netlink.close();
    }
}
