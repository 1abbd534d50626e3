// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowTable;
import io.sojourn.linux.Links;
import io.sojourn.linux.PacketSocket;
import io.sojourn.linux.Tap;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Udp;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * What a gateway that knows so many flows with the world outside spends on a packet, for a benchmark: the production path from the VM's LAN to the underlay's device, and back. Each packet belongs
 * to a flow picked at random among all. One thread; needs root.
 */
public final class FlowCost implements AutoCloseable {
    private static final int BURST = 64;
    private static final int PAYLOAD_BYTES = 18;
    private static final int LENGTH = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + Udp.HEADER_BYTES + PAYLOAD_BYTES;
    private static final long OUTER = 0xCB00_7101L;
    private static final long FIRST_REMOTE = 10L << 24;
    private static final int PORTS = 60_000;
    private static final int FLOWS_A_REMOTE = 16;
    private static final int REMOTE_PORT = 4_433;

    private final WarmUpStage near = new WarmUpStage("near");
    private final WarmUpStage far = new WarmUpStage("far");
    private final Tap device = Tap.openTap("sjflow%d", Set.of(Tap.Flag.VNET_HDR));
    private final Links links = new Links();
    private final PacketSocket world;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment frame = arena.allocate(LanPort.VNET_BYTES + LENGTH, 8);
    private final SplittableRandom random = new SplittableRandom(1);
    private final FlowBook book;
    private final int flows;

    /** @param capacity of the table, of which {@code flows} will be used */
    public FlowCost(int flows, int capacity) {
        this.flows = flows;
        near.meet(far);
        links.up(device.ifindex());
        world = PacketSocket.open(device.ifindex(), 0, Set.of(PacketSocket.Flag.VNET_HDR));
        book = near.openWorld(
                device,
                0x0200_0000_00FEL,
                new GatewayConfig.Egress(List.of(IpPrefix.parse("203.0.113.1/32")), List.of(), capacity));
    }

    /** Begins all flows, each by its first packet; nanoseconds that the gateway took for them. */
    public long begin() {
        long spentNs = 0;
        for (int done = 0; done < flows; done += BURST) {
            for (int i = done; i < Math.min(flows, done + BURST); i++) {
                out(i);
            }
            spentNs += turn();
        }
        if (book.flows().size() != flows) {
            throw new GatewayException("of " + flows + " flows " + book.flows().size() + " have begun");
        }
        return spentNs;
    }

    /** Nanoseconds a packet from the VM to the world. */
    public double outNs(int packets) {
        return measure(packets, true);
    }

    /** Nanoseconds a packet from the world to the VM. */
    public double inNs(int packets) {
        return measure(packets, false);
    }

    private double measure(int packets, boolean outwards) {
        long before = passed(outwards);
        long spentNs = 0;
        for (int done = 0; done < packets; done += BURST) {
            for (int i = 0; i < BURST; i++) {
                if (outwards) {
                    out(random.nextInt(flows));
                } else {
                    in(random.nextInt(flows));
                }
            }
            spentNs += turn();
        }
        long passed = passed(outwards) - before;
        if (passed < packets) {
            throw new GatewayException(
                    "of " + packets + " packets " + passed + " have passed: " + near.counters.snapshot());
        }
        return (double) spentNs / passed;
    }

    private long passed(boolean outwards) {
        return near.counters.get(outwards ? Counters.Kind.WORLD_OUT : Counters.Kind.WORLD_IN);
    }

    private long turn() {
        long begin = System.nanoTime();
        near.turn();
        return System.nanoTime() - begin;
    }

    /** Octets of the table, if it were full. */
    public static long bytes(int capacity) {
        return FlowTable.bytes(capacity);
    }

    private static long remote(int flow) {
        return FIRST_REMOTE + flow / FLOWS_A_REMOTE;
    }

    private static int port(int flow) {
        return 1_024 + flow % PORTS;
    }

    private void out(int flow) {
        write(near.vmMac(), near.vm4(), port(flow), remote(flow), REMOTE_PORT);
        near.inject(frame, LanPort.VNET_BYTES + LENGTH);
    }

    private void in(int flow) {
        write(0x0200_0000_00FDL, remote(flow), REMOTE_PORT, OUTER, port(flow));
        world.send(frame, 0, LanPort.VNET_BYTES + LENGTH);
    }

    private void write(long mac, long source, int sourcePort, long destination, int destinationPort) {
        VirtioNetHeader.write(frame, 0, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
        long at = LanPort.VNET_BYTES;
        Ethernet.write(frame, at, LanPort.ANYCAST_MAC, mac, EtherType.IPV4);
        long ip = at + Ethernet.HEADER_BYTES;
        Ipv4.write(
                frame,
                ip,
                0,
                LENGTH - Ethernet.HEADER_BYTES,
                Ipv4.DONT_FRAGMENT,
                64,
                IpProtocol.UDP,
                source,
                destination);
        long udp = ip + Ipv4.HEADER_BYTES;
        BigEndian.putU16(frame, udp, sourcePort);
        BigEndian.putU16(frame, udp + 2, destinationPort);
        BigEndian.putU16(frame, udp + Udp.LENGTH_OFFSET, Udp.HEADER_BYTES + PAYLOAD_BYTES);
        BigEndian.putU16(frame, udp + Udp.CHECKSUM_OFFSET, 0);
    }

    @Override
    public void close() {
        near.close();
        far.close();
        world.close();
        device.close();
        links.close();
        arena.close();
    }
}
