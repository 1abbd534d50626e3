// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Udp;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * What a gateway of so many bindings spends on a packet, for a benchmark: the production path from a tap to the UDP socket, plain, in a
 * gateway that has no neighbours. Each packet goes to a VM picked at random: among all, so that nothing is found in a processor's
 * cache by luck, or among those that are spoken to just now. One thread; needs root.
 */
public final class ForwardingCost implements AutoCloseable {
    private static final int BURST = 64;
    private static final int PAYLOAD_BYTES = 18;
    private static final int LENGTH = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + Udp.HEADER_BYTES + PAYLOAD_BYTES;
    private static final int FIRST_ADDRESS = 10 << 24;

    private final WarmUpStage near = new WarmUpStage("near");
    private final WarmUpStage far = new WarmUpStage("far");
    private final Arena arena = Arena.ofShared();
    private final MemorySegment frame = arena.allocate(LanPort.VNET_BYTES + LENGTH, 8);
    private final SplittableRandom random = new SplittableRandom(1);
    private final int bindings;

    public ForwardingCost(int bindings) {
        this.bindings = bindings;
        near.meet(far);
        far.meet(near);
        near.plain(true);
        far.plain(true);
        near.bind(far, FIRST_ADDRESS, bindings);
    }

    /**
     * Nanoseconds a packet from being read from the tap to having been handed to the kernel, its lookups included.
     *
     * @param spokenTo how many VMs packets go to, evenly spread over all that there are
     */
    public double forwardNs(int packets, int spokenTo) {
        int stride = Math.max(1, bindings / spokenTo);
        long spentNs = 0;
        for (int done = 0; done < packets; done += BURST) {
            for (int i = 0; i < BURST; i++) {
                write(FIRST_ADDRESS + stride * random.nextInt(Math.min(spokenTo, bindings)));
                near.inject(frame, LanPort.VNET_BYTES + LENGTH);
            }
            long begin = System.nanoTime();
            near.turn();
            spentNs += System.nanoTime() - begin;
            far.turn();
        }
        return (double) spentNs / packets;
    }

    /** Nanoseconds to find the VM that an address belongs to, and where it is. */
    public double lookupNs(int lookups) {
        long found = 0;
        long begin = System.nanoTime();
        for (int i = 0; i < lookups; i++) {
            found += near.routeEpoch(FIRST_ADDRESS + random.nextInt(bindings));
        }
        double ns = (double) (System.nanoTime() - begin) / lookups;
        if (found != lookups) {
            throw new GatewayException("of " + lookups + " lookups " + found + " found a binding");
        }
        return ns;
    }

    /** Packets that have left so far. */
    public long forwarded() {
        return near.counters.get(Counters.Kind.WAN_OUT);
    }

    private void write(int destination) {
        VirtioNetHeader.write(frame, 0, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
        long at = LanPort.VNET_BYTES;
        Ethernet.putDestination(frame, at, LanPort.ANYCAST_MAC);
        Ethernet.putSource(frame, at, near.hostMac());
        BigEndian.putU16(frame, at + 12, EtherType.IPV4);
        long ip = at + Ethernet.HEADER_BYTES;
        Ipv4.write(
                frame,
                ip,
                0,
                LENGTH - Ethernet.HEADER_BYTES,
                Ipv4.DONT_FRAGMENT,
                64,
                IpProtocol.UDP,
                near.host4(),
                destination & 0xFFFF_FFFFL);
        BigEndian.putU16(frame, ip + Ipv4.HEADER_BYTES + Udp.LENGTH_OFFSET, Udp.HEADER_BYTES + PAYLOAD_BYTES);
    }

    @Override
    public void close() {
        near.close();
        far.close();
        arena.close();
    }
}
