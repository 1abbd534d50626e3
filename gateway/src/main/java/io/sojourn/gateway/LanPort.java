// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.Links;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;

/**
 * A virtual network's port on this site's bridge: a tap that the gateway reads and writes, a virtio_net_hdr before each frame. The
 * kernel hands over what its stations have not divided or summed yet, and takes the same.
 *
 * <p>Locking: none, the forwarder's thread only.
 */
final class LanPort implements AutoCloseable {
    /** Every gateway at every site has this address on every network: a guest's neighbour entry stays true when it moves. */
    static final long ANYCAST_MAC = MacAddress.parse("02:53:4a:00:00:01").bits();

    /** What stands before each frame in a tap's read. */
    static final int VNET_BYTES = VirtioNetHeader.BYTES;

    private static final int QUEUE_FRAMES = 4096;
    private static final int HOST_SHARES = 64;

    final VirtualNetwork network;
    final Neighbours neighbours;
    private final LanDevice device;
    private final Counters counters;
    /** Of stations that are no VMs, by a hash of their addresses. */
    private final Shares.Share[] shares = new Shares.Share[HOST_SHARES];

    LanPort(VirtualNetwork network, LanDevice device, Counters counters) {
        this.network = network;
        this.device = device;
        this.counters = counters;
        this.neighbours = new Neighbours(this, counters);
        Arrays.setAll(shares, i -> new Shares.Share());
    }

    /** What the station that has this address, and is no VM, shares with few others. */
    Shares.Share shareOf(long mac) {
        return shares[(int) ((mac ^ mac >>> 8 ^ mac >>> 24) & HOST_SHARES - 1)];
    }

    /** Makes the tap, hangs it on the bridge and brings it up. */
    static LanPort open(VirtualNetwork network, String bridge, Links links, Stations stations, Counters counters) {
        if (!Links.exists(bridge)) {
            throw new GatewayException("network " + network.name + ": no bridge " + bridge
                    + " on this host; make it with: ip link add " + bridge + " type bridge && ip link set " + bridge
                    + " up");
        }
        int bridgeIndex = Links.index(bridge);
        Tap tap;
        try {
            tap = Tap.openTap("sj" + Integer.toHexString(network.vni), Set.of(Tap.Flag.VNET_HDR));
        } catch (SyscallException e) {
            throw new GatewayException(
                    "network " + network.name + ": cannot make a tap (" + e.getMessage()
                            + "); run as root, and see that no other gateway runs on this host",
                    e);
        }
        BridgedTap.superFrames(tap, true);
        links.setMtu(tap.ifindex(), network.mtuBytes);
        links.setTxQueueLength(tap.ifindex(), QUEUE_FRAMES);
        links.setMaster(tap.ifindex(), bridgeIndex);
        links.up(tap.ifindex());
        // Not the tap's own address: a bridge takes its ports' addresses for its host's and would keep the frames.
        stations.pin(tap.ifindex(), ANYCAST_MAC);
        return new LanPort(network, new BridgedTap(bridgeIndex, tap, stations), counters);
    }

    /** Whether the kernel may hand over what its stations have not divided or summed yet. */
    void superFrames(boolean may) {
        device.superFrames(may);
    }

    /** A port on no bridge, for a rehearsal. */
    static LanPort detached(VirtualNetwork network, Tap tap, Stations stations, Counters counters) {
        return new LanPort(network, new BridgedTap(0, tap, stations), counters);
    }

    int fd() {
        return device.fd();
    }

    /** One frame into {@code to}, behind a virtio_net_hdr of {@link #VNET_BYTES}; 0 when there is none. */
    int read(MemorySegment to, long at, int maxBytes) {
        return Math.max(device.read(to, at, maxBytes), 0);
    }

    /** Addresses the frame to a station on the LAN, from the gateway, and writes it. */
    boolean deliver(FrameRun run, long mac) {
        Ethernet.putDestination(run.memory(), run.frameAt(), mac);
        Ethernet.putSource(run.memory(), run.frameAt(), ANYCAST_MAC);
        return write(run);
    }

    /** Writes a frame that is complete. */
    boolean write(MemorySegment frame, long at, int length) {
        return written(device.write(frame, at, length), 1);
    }

    /** Writes a run as one, if it is several frames; its headers become those of the whole. */
    boolean write(FrameRun run) {
        return written(device.write(run), run.count());
    }

    private boolean written(int n, int frames) {
        if (n < 0) {
            DropReason reason = n == Tap.AGAIN ? DropReason.TAP_FULL : DropReason.TAP_ERROR;
            for (int i = 0; i < frames; i++) {
                counters.drop(reason);
            }
            return false;
        }
        counters.add(Kind.LAN_OUT, frames);
        return true;
    }

    /** See {@link LanDevice#captureStation}. */
    void captureStation(long mac) {
        device.captureStation(mac);
    }

    /** See {@link LanDevice#releaseStation}. */
    void releaseStation(long mac) {
        device.releaseStation(mac);
    }

    /** See {@link LanDevice#placeStation}. */
    void placeStation(int portIndex, long mac) {
        device.placeStation(portIndex, mac);
    }

    /** See {@link LanDevice#portOf}. */
    int portOf(long mac) {
        return device.portOf(mac);
    }

    int ifindex() {
        return device.ifindex();
    }

    @Override
    public void close() {
        device.close();
    }
}
