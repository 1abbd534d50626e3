// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.BridgeFdb;
import io.sojourn.linux.Links;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * A virtual network's port on this site's bridge: a tap that the gateway reads and writes.
 *
 * <p>Locking: none, the forwarder's thread only.
 */
final class LanPort implements AutoCloseable {
    /** Every gateway at every site has this address on every network: a guest's neighbour entry stays true when it moves. */
    static final long ANYCAST_MAC = MacAddress.parse("02:53:4a:00:00:01").bits();

    private static final int QUEUE_FRAMES = 4096;

    final VirtualNetwork network;
    final String bridge;
    final int bridgeIndex;
    final Neighbours neighbours;
    private final Tap tap;
    private final BridgeFdb fdb;
    private final Counters counters;

    private LanPort(VirtualNetwork network, String bridge, int bridgeIndex, Tap tap, BridgeFdb fdb, Counters counters) {
        this.network = network;
        this.bridge = bridge;
        this.bridgeIndex = bridgeIndex;
        this.tap = tap;
        this.fdb = fdb;
        this.counters = counters;
        this.neighbours = new Neighbours(this, counters);
    }

    /** Makes the tap, hangs it on the bridge and brings it up. */
    static LanPort open(VirtualNetwork network, String bridge, Links links, BridgeFdb fdb, Counters counters) {
        if (!Links.exists(bridge)) {
            throw new GatewayException("network " + network.name + ": no bridge " + bridge
                    + " on this host; make it with: ip link add " + bridge + " type bridge && ip link set " + bridge
                    + " up");
        }
        int bridgeIndex = Links.index(bridge);
        Tap tap;
        try {
            tap = Tap.openTap("sj" + Integer.toHexString(network.vni), Set.of());
        } catch (SyscallException e) {
            throw new GatewayException(
                    "network " + network.name + ": cannot make a tap (" + e.getMessage()
                            + "); run as root, and see that no other gateway runs on this host",
                    e);
        }
        links.setMtu(tap.ifindex(), network.mtuBytes);
        links.setTxQueueLength(tap.ifindex(), QUEUE_FRAMES);
        links.setMaster(tap.ifindex(), bridgeIndex);
        links.up(tap.ifindex());
        // Not the tap's own address: a bridge takes its ports' addresses for its host's and would keep the frames.
        fdb.replace(tap.ifindex(), new MacAddress(ANYCAST_MAC).toBytes(), Set.of(BridgeFdb.Flag.STATIC));
        return new LanPort(network, bridge, bridgeIndex, tap, fdb, counters);
    }

    int fd() {
        return tap.fd();
    }

    /** One frame into {@code to}; 0 when there is none. */
    int read(MemorySegment to, long at, int maxBytes) {
        return Math.max(tap.read(to, at, maxBytes), 0);
    }

    /** Addresses the frame to a station on the LAN, from the gateway, and writes it. */
    boolean deliver(MemorySegment frame, long at, int length, long mac) {
        Ethernet.putDestination(frame, at, mac);
        Ethernet.putSource(frame, at, ANYCAST_MAC);
        return write(frame, at, length);
    }

    /** Writes a frame that is complete. */
    boolean write(MemorySegment frame, long at, int length) {
        int n = tap.write(frame, at, length);
        if (n < 0) {
            counters.drop(n == Tap.AGAIN ? DropReason.TAP_FULL : DropReason.TAP_ERROR);
            return false;
        }
        counters.add(Kind.LAN_OUT);
        return true;
    }

    /** From now on frames for this station come to us, even while it speaks from its own port. */
    void captureStation(long mac) {
        fdb.replace(tap.ifindex(), new MacAddress(mac).toBytes(), Set.of(BridgeFdb.Flag.STICKY));
    }

    /** The station is where the bridge learns it. */
    void releaseStation(long mac) {
        fdb.delete(tap.ifindex(), new MacAddress(mac).toBytes());
    }

    /** Tells the bridge which port a station is on, so that its first frames are not flooded; learning may correct it. */
    void placeStation(int portIndex, long mac) {
        fdb.replace(portIndex, new MacAddress(mac).toBytes(), Set.of());
    }

    /** The interface that the bridge has a station on; -1 when it knows none. */
    int portOf(long mac) {
        return fdb.portOf(bridgeIndex, new MacAddress(mac).toBytes());
    }

    int ifindex() {
        return tap.ifindex();
    }

    @Override
    public void close() {
        tap.close();
    }
}
