// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.BridgeFdb;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.mechanism.Mechanism;
import io.sojourn.mechanism.Overlay;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.seal.SealPrivateKey;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Tcp;
import io.sojourn.wire.Udp;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames and super-frames through two gateways that exist only here, by the code that will do it in earnest: over loopback, from no
 * LAN, to a tap that is down. What the first stream meets is then as fast as what the thousandth does.
 */
final class PacketWarmUp {
    private static final Logger LOG = LoggerFactory.getLogger(PacketWarmUp.class);
    private static final int ROUNDS = 3_000;
    private static final int SMALL_A_ROUND = 8;
    private static final int SEGMENT_BYTES = 1_398;
    private static final int SUPER_BYTES = 46 * SEGMENT_BYTES;
    private static final String NETWORK = "warm-up";
    private static final int HEADERS = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + Tcp.HEADER_BYTES;
    private static final int FAR_ADDRESS = 0xC000_0202;

    private PacketWarmUp() {}

    static long run() {
        try (Stage near = new Stage("near");
                Stage far = new Stage("far");
                Arena arena = Arena.ofConfined()) {
            near.meet(far);
            far.meet(near);
            MemorySegment tcp = arena.allocate(LanPort.VNET_BYTES + HEADERS + SUPER_BYTES);
            MemorySegment udp = arena.allocate(LanPort.VNET_BYTES + HEADERS);
            int tcpBytes = superFrame(tcp);
            int udpBytes = small(udp);
            for (int i = 0; i < ROUNDS; i++) {
                near.say(tcp, tcpBytes);
                for (int n = 0; n < SMALL_A_ROUND; n++) {
                    near.say(udp, udpBytes);
                }
                near.wan.flush();
                far.hear();
            }
            return far.counters.get(Counters.Kind.WAN_IN);
        } catch (SyscallException | GatewayException e) {
            LOG.info("the packet path starts cold: {}", e.getMessage());
            return 0;
        }
    }

    private static int superFrame(MemorySegment s) {
        long at = LanPort.VNET_BYTES;
        int length = HEADERS + SUPER_BYTES;
        VirtioNetHeader.write(
                s,
                0,
                VirtioNetHeader.NEEDS_CHECKSUM,
                VirtioNetHeader.GSO_TCPV4,
                HEADERS,
                SEGMENT_BYTES,
                HEADERS - Tcp.HEADER_BYTES,
                Tcp.CHECKSUM_OFFSET);
        long l4 = ip(s, at, length, IpProtocol.TCP);
        BigEndian.putU8(s, l4 + Tcp.DATA_OFFSET_OFFSET, Tcp.HEADER_BYTES / 4 << 4);
        BigEndian.putU8(s, l4 + Tcp.FLAGS_OFFSET, Tcp.ACK);
        return length;
    }

    private static int small(MemorySegment s) {
        int length = HEADERS;
        VirtioNetHeader.write(s, 0, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
        long l4 = ip(s, LanPort.VNET_BYTES, length, IpProtocol.UDP);
        BigEndian.putU16(s, l4 + Udp.LENGTH_OFFSET, Tcp.HEADER_BYTES);
        return length;
    }

    private static long ip(MemorySegment s, long at, int length, int protocol) {
        Ethernet.putDestination(s, at, LanPort.ANYCAST_MAC);
        Ethernet.putSource(s, at, 0x0200_0000_0001L);
        BigEndian.putU16(s, at + 12, EtherType.IPV4);
        long ip = at + Ethernet.HEADER_BYTES;
        Ipv4.write(
                s, ip, 0, length - Ethernet.HEADER_BYTES, Ipv4.DONT_FRAGMENT, 64, protocol, 0xC000_0201, FAR_ADDRESS);
        return ip + Ipv4.HEADER_BYTES;
    }

    /** A gateway without neighbours, guests and thread. */
    private static final class Stage
            implements Outside.Control, ForwardingTable.Changes, Inside.Sightings, AutoCloseable {
        final Counters counters = new Counters();
        final GatewayId id;
        final WanPort wan;
        private final ForwardingTable table;
        private final Inside inside;
        private final Outside outside;
        private final Tap tap;
        private final BridgeFdb fdb = new BridgeFdb();
        private long nowNs = System.nanoTime();

        Stage(String name) {
            id = new GatewayId(name);
            Mechanism mechanism = new Overlay();
            tap = Tap.openTap("sjwarm%d", Set.of(Tap.Flag.VNET_HDR));
            wan = WanPort.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), mechanism, counters);
            table = new ForwardingTable(id, new SiteId(name), this);
            LocalDelivery delivery = new LocalDelivery(table, counters);
            inside = new Inside(table, wan, delivery, counters, this);
            Sealing sealing = new Sealing(
                    SealPrivateKey.generate(new SecureRandom()::nextBytes),
                    new GatewayConfig.Transport(false, Set.of(), Set.of(), GatewayConfig.Transport.REKEY_AFTER_S),
                    wan,
                    counters);
            outside = new Outside(table, wan, mechanism, sealing, delivery, counters, new Relays(Set.of(), table, wan, counters), this);
        }

        void meet(Stage other) {
            InetSocketAddress address = other.wan.localAddress();
            table.apply(TableUpdate.newBuilder()
                    .addGateways(Gateway.newBuilder()
                            .setName(other.id.name())
                            .setSite(other.id.name())
                            .setLocator(new Locator(address.getAddress(), address.getPort()).toString()))
                    .addNetworks(Network.newBuilder().setName(NETWORK).setVni(1))
                    .addVms(Vm.newBuilder()
                            .setName("far")
                            .setGateway("far")
                            .setEpoch(1)
                            .addNics(Nic.newBuilder()
                                    .setMac("02:00:00:00:00:02")
                                    .setNetwork(NETWORK)
                                    .addAddresses("192.0.2.2")))
                    .build());
            table.peers().forEach(peer -> peer.plain = true);
            outside.reindexPeers();
        }

        void say(MemorySegment frame, int length) {
            MemorySegment.copy(frame, 0, wan.frames(), wan.frameAt() - LanPort.VNET_BYTES, LanPort.VNET_BYTES + length);
            LanPort port = port();
            inside.frame(port, wan.frames(), wan.frameAt(), length);
        }

        private LanPort port() {
            VirtualNetwork network = table.network(NETWORK);
            if (network == null || network.port == null) {
                throw new GatewayException("the network of the warm-up has no port");
            }
            return network.port;
        }

        void hear() {
            nowNs = System.nanoTime();
            while (outside.poll(nowNs) > 0) {
                // until nothing is left
            }
        }

        @Override
        public void networkAdded(VirtualNetwork network) {
            network.port = LanPort.detached(network, tap, fdb, counters);
        }

        @Override
        public void close() {
            wan.close();
            tap.close();
        }

        @Override
        public void networkRemoved(VirtualNetwork network) {}

        @Override
        public void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {}

        @Override
        public void vmRemoved(VmEntry vm) {}

        @Override
        public void sighted(VmEntry vm, Sign sign, long now) {}

        @Override
        public void usurped(VmEntry vm, long now) {}

        @Override
        public void signal(Peer from, byte[] datagram, long now) {}

        @Override
        public void stream(Peer from, MemorySegment s, long at, int length, long now) {}

        @Override
        public void probe(Peer from, MemorySegment s, long at, int length) {}

        @Override
        public void probeReply(Peer from, MemorySegment s, long at, int length, long now) {}

        @Override
        public void late(VmEntry vm, Peer from, long now) {}
    }
}
