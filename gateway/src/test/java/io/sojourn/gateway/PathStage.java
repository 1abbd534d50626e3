// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;

import io.sojourn.mechanism.Mechanism;
import io.sojourn.mechanism.Overlay;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.MacAddress;
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
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A gateway's packet path without a kernel under its LAN: what would be written to the tap is collected, what would be read from it is
 * handed in. The WAN is loopback, in the open. One thread, no time passes but what a test says.
 *
 * <p>VM number n is {@code vmN}: 192.0.2.n, 2001:db8::n, MAC 02:00:00:00:00:n, in network {@code n1} (VNI 1).
 */
class PathStage implements Outside.Control, ForwardingTable.Changes, Inside.Sightings, AutoCloseable {
    static final String NETWORK = "n1";
    static final int SUBNET = 0xC000_0200;

    /** What would be the tap. */
    static final class Lan extends CollectingDevice {
        final List<Long> captured = new ArrayList<>();

        @Override
        public void captureStation(long mac) {
            captured.add(mac);
        }

        @Override
        public void releaseStation(long mac) {
            captured.remove(mac);
        }

        @Override
        public void placeStation(int portIndex, long mac) {
            captured.remove(mac);
        }
    }

    final Counters counters = new Counters();
    final GatewayId id;
    final WanPort wan;
    final ForwardingTable table;
    final LocalDelivery delivery;
    final Inside inside;
    final Outside outside;
    final PacketPath path;
    final List<Hold.Marker> markers = new ArrayList<>();
    final Lan lan = new Lan();
    final ArrayDeque<byte[]> signals = new ArrayDeque<>();
    /** For whom something came by an old path, and from whom. */
    final List<String> late = new ArrayList<>();

    private final MemorySegment scratch = Arena.ofAuto().allocate(2048);

    PathStage(String name) {
        id = new GatewayId(name);
        Mechanism mechanism = new Overlay();
        wan = WanPort.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), mechanism, counters);
        table = new ForwardingTable(id, new SiteId(name), this);
        delivery = new LocalDelivery(table, counters);
        inside = new Inside(table, wan, delivery, counters, this);
        Sealing sealing = new Sealing(
                SealPrivateKey.generate(new SecureRandom()::nextBytes),
                new GatewayConfig.Transport(false, Set.of(), GatewayConfig.Transport.REKEY_AFTER_S),
                wan,
                counters);
        outside = new Outside(
                table, wan, mechanism, sealing, delivery, counters, new Relays(Set.of(), table, wan, counters), this);
        path = new PacketPath(table, wan, delivery, outside, counters, markers::add);
    }

    /** Tells each of the others and its network. */
    static void connect(PathStage... all) {
        TableUpdate.Builder update = TableUpdate.newBuilder()
                .addNetworks(Network.newBuilder().setName(NETWORK).setVni(1).setMtu(1400));
        for (PathStage stage : all) {
            InetSocketAddress address = stage.wan.localAddress();
            update.addGateways(Gateway.newBuilder()
                    .setName(stage.id.name())
                    .setSite(stage.id.name())
                    .setLocator(new Locator(address.getAddress(), address.getPort()).toString()));
        }
        for (PathStage stage : all) {
            stage.table.apply(update.build());
            stage.table.peers().forEach(peer -> peer.plain = true);
            stage.outside.reindexPeers();
        }
    }

    static void bind(int number, String gateway, long epoch, PathStage... all) {
        for (PathStage stage : all) {
            stage.table.apply(TableUpdate.newBuilder()
                    .addVms(Vm.newBuilder()
                            .setName("vm" + number)
                            .setGateway(gateway)
                            .setEpoch(epoch)
                            .addNics(Nic.newBuilder()
                                    .setMac(new MacAddress(mac(number)).toString())
                                    .setNetwork(NETWORK)
                                    .addAddresses("192.0.2." + number)
                                    .addAddresses("2001:db8::" + number)))
                    .build());
        }
    }

    static long mac(int number) {
        return 0x0200_0000_0000L | number;
    }

    VmEntry vm(int number) {
        return table.vms().stream()
                .filter(vm -> vm.id.name().equals("vm" + number))
                .findFirst()
                .orElseThrow();
    }

    /** A station of our LAN sends a numbered UDP packet to a VM, by way of the gateway. */
    void fromLan(int sender, int target, int number) {
        long at = wan.frameAt();
        MemorySegment s = wan.frames();
        int length = udp(s, at, sender, target, number);
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES).fill((byte) 0);
        inside.frame(port(), s, at, length);
        wan.flush();
    }

    /** The frame that stands at {@code wan.frameAt()} comes out of our LAN. */
    void fromLan(int length) {
        inside.frame(port(), wan.frames(), wan.frameAt(), length);
    }

    /** Has a packet sent to another gateway as if by a binding of this epoch. */
    void toWan(PathStage to, int sender, int target, int number, long epoch) {
        toWan(to, sender, target, number, epoch, 64);
    }

    void toWan(PathStage to, int sender, int target, int number, long epoch, int hops) {
        long at = wan.frameAt();
        int length = udp(wan.frames(), at, sender, target, number);
        BigEndian.putU8(wan.frames(), at + 14 + Ipv4.TTL_OFFSET, hops);
        Ipv4.putHeaderChecksum(wan.frames(), at + 14);
        wan.sendFrame(peer(to), length, 1, epoch);
        wan.flush();
    }

    Peer peer(PathStage other) {
        return requireNonNull(table.peer(other.id));
    }

    LanPort port() {
        return requireNonNull(requireNonNull(table.network(NETWORK)).port);
    }

    /** Ethernet, IPv4, UDP, and the number in the IPv4 identification. */
    static int udp(MemorySegment s, long at, int sender, int target, int number) {
        int length = 14 + Ipv4.HEADER_BYTES + Udp.HEADER_BYTES + 18;
        s.asSlice(at, length).fill((byte) 0);
        Ethernet.putDestination(s, at, LanPort.ANYCAST_MAC);
        Ethernet.putSource(s, at, mac(sender));
        BigEndian.putU16(s, at + 12, EtherType.IPV4);
        Ipv4.write(
                s, at + 14, 0, length - 14, Ipv4.DONT_FRAGMENT, 64, IpProtocol.UDP, SUBNET | sender, SUBNET | target);
        BigEndian.putU16(s, at + 14 + Ipv4.IDENTIFICATION_OFFSET, number);
        Ipv4.putHeaderChecksum(s, at + 14);
        BigEndian.putU16(s, at + 14 + Ipv4.HEADER_BYTES + Udp.LENGTH_OFFSET, Udp.HEADER_BYTES + 18);
        return length;
    }

    /** As a frame stands in a guest's port: addressed to the guest. */
    static void toMac(MemorySegment s, long at, int target) {
        Ethernet.putDestination(s, at, mac(target));
    }

    static MemorySegment copy(byte[] frame) {
        MemorySegment out = Arena.ofAuto().allocate(frame.length);
        MemorySegment.copy(frame, 0, out, ValueLayout.JAVA_BYTE, 0, frame.length);
        return out;
    }

    /** What was dropped, by reason. */
    Map<String, Long> dropped() {
        Map<String, Long> drops = new TreeMap<>(counters.snapshot());
        drops.keySet().removeIf(name -> !name.startsWith("drop-"));
        return drops;
    }

    /** Takes what has come from the WAN. */
    int hear() {
        int heard = 0;
        for (int n = outside.poll(System.nanoTime()); n > 0; n = outside.poll(System.nanoTime())) {
            heard += n;
        }
        wan.flush();
        return heard;
    }

    /** Lets all of them talk until nobody has anything to say. */
    static void settle(PathStage... all) {
        int quiet = 0;
        for (int i = 0; i < 1_000 && quiet < 3; i++) {
            int heard = 0;
            for (PathStage stage : all) {
                heard += stage.hear();
            }
            quiet = heard == 0 ? quiet + 1 : 0;
        }
    }

    /** The numbers of the UDP packets written to the LAN for a VM, in order. */
    List<Integer> delivered(int target) {
        List<Integer> numbers = new ArrayList<>();
        for (byte[] frame : lan.written) {
            MemorySegment.copy(frame, 0, scratch, ValueLayout.JAVA_BYTE, 0, frame.length);
            if (Ethernet.type(scratch, 0) == EtherType.IPV4 && Ethernet.destination(scratch, 0) == mac(target)) {
                numbers.add(Ipv4.identification(scratch, 14));
            }
        }
        return numbers;
    }

    @Override
    public void close() {
        wan.close();
    }

    @Override
    public void networkAdded(VirtualNetwork network) {
        network.port = new LanPort(network, lan, counters);
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
    public void signal(Peer from, byte[] datagram, long now) {
        signals.add(datagram);
    }

    @Override
    public void stream(Peer from, MemorySegment s, long at, int length, long now) {}

    @Override
    public void probe(Peer from, MemorySegment s, long at, int length) {}

    @Override
    public void probeReply(Peer from, MemorySegment s, long at, int length, long now) {}

    @Override
    public void damaged(Peer at, long now) {}

    @Override
    public void late(VmEntry vm, Peer from, long now) {
        late.add(vm.id + " from " + from.id);
    }
}
