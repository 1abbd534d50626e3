// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.label.LabelOption;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.Subnet;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.Dhcp4;
import io.sojourn.wire.Dhcp6;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Icmp4;
import io.sojourn.wire.IcmpErrors;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Three gateways; site N has 10.10.N.0/24 and fd10:10:N::/64 in the network. VM number n has the address ending in n of every site. */
class LabelPathTest {
    private static final long DEVICE_MAC = 0x0200_0000_00AAL;
    private static final byte[] LINUX = {2, 4, 5, (byte) 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7};
    private static final int SERVICE = 7;
    private static final int CLIENT = 40_000;

    private final Site a = new Site("a", 1);
    private final Site b = new Site("b", 2);
    private final Site c = new Site("c", 3);
    private final List<Site> all = List.of(a, b, c);

    private static final class Site extends PathStage {
        final CollectingDevice underlay = new CollectingDevice();
        final int number;
        final LabelPath path;

        Site(String name, int number) {
            super(name);
            this.number = number;
            GatewayConfig.Attachment attachment = new GatewayConfig.Attachment(
                    NETWORK,
                    "br",
                    0,
                    List.of(),
                    List.of(IpPrefix.parse("100.64.8.0/24")),
                    java.util.Optional.empty(),
                    List.of(
                            IpPrefix.parse("10.10." + number + ".0/24"),
                            IpPrefix.parse("fd10:10:" + number + "::/64")));
            path = new LabelPath(
                    table,
                    wan,
                    new PagePort.Opened(underlay, DEVICE_MAC),
                    Map.of(NETWORK, attachment),
                    outside,
                    counters);
            wan.bypassedBy(path);
            outside.labelledBy(path);
            inside.labelledBy(path);
            path.key(new byte[32]);
        }

        @Override
        public void labelState(Peer from, byte[] datagram, long now) {
            path.moves().states().heard(from, datagram, now);
        }

        @Override
        public void labelControl(Peer from, byte[] datagram, long now) {
            path.moves().heard(from, datagram);
        }
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
        TableUpdate.Builder update = TableUpdate.newBuilder();
        Network.Builder network = Network.newBuilder()
                .setName(PathStage.NETWORK)
                .setVni(1)
                .setMtu(1400)
                .setMechanism("label");
        for (Site site : all) {
            var address = site.wan.localAddress();
            update.addGateways(Gateway.newBuilder()
                    .setName(site.id.name())
                    .setSite(site.id.name())
                    .setLocator(
                            new io.sojourn.model.location.Locator(address.getAddress(), address.getPort()).toString())
                    .addRouted(NetworkLocators.newBuilder()
                            .setNetwork(PathStage.NETWORK)
                            .addPrefixes("10.10." + site.number + ".0/24")
                            .addPrefixes("fd10:10:" + site.number + "::/64")));
            network.addSubnets(Subnet.newBuilder()
                    .setPrefix("10.10." + site.number + ".0/24")
                    .setGatewayAddress("10.10." + site.number + ".1")
                    .setHomeSite(site.id.name()));
            network.addSubnets(Subnet.newBuilder()
                    .setPrefix("fd10:10:" + site.number + "::/64")
                    .setGatewayAddress("fd10:10:" + site.number + "::1")
                    .setHomeSite(site.id.name()));
        }
        update.addNetworks(network);
        all.forEach(site -> site.table.apply(update.build()));
        all.forEach(site -> site.table.peers().forEach(peer -> peer.plain = true));
        all.forEach(site -> site.outside.reindexPeers());
        bind(10, "a", 1, 1);
        bind(11, "c", 1, 3);
    }

    private void bind(int vm, String gateway, long epoch, int home) {
        for (Site site : all) {
            Nic.Builder nic = Nic.newBuilder()
                    .setMac(new MacAddress(PathStage.mac(vm)).toString())
                    .setNetwork(PathStage.NETWORK);
            for (int i = 0; i < 3; i++) {
                int number = (home - 1 + i) % 3 + 1;
                nic.addAddresses("10.10." + number + "." + vm).addAddresses("fd10:10:" + number + "::" + vm);
            }
            site.table.apply(TableUpdate.newBuilder()
                    .addVms(Vm.newBuilder()
                            .setName("vm" + vm)
                            .setGateway(gateway)
                            .setEpoch(epoch)
                            .addNics(nic))
                    .build());
            site.path.tableChanged();
        }
    }

    @AfterEach
    void close() {
        all.forEach(PathStage::close);
    }

    // --- what hosts say

    private static void says(
            Site site, int sender, String from, int fromPort, String to, int toPort, int flags, int seq, int ack) {
        byte[] options = (flags & Tcp.SYN) != 0 ? LINUX : new byte[0];
        byte[] payload = (flags & Tcp.PSH) != 0 ? "hello".getBytes() : new byte[0];
        IpAddress source = IpAddress.parse(from);
        IpAddress destination = IpAddress.parse(to);
        int tcpBytes = Tcp.HEADER_BYTES + options.length + payload.length;
        int length = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + tcpBytes;
        long at = site.wan.frameAt();
        MemorySegment s = site.wan.frames();
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES + length).fill((byte) 0);
        Ethernet.write(s, at, LanPort.ANYCAST_MAC, PathStage.mac(sender), EtherType.IPV4);
        long ip = at + Ethernet.HEADER_BYTES;
        Ipv4.write(
                s,
                ip,
                0,
                Ipv4.HEADER_BYTES + tcpBytes,
                Ipv4.DONT_FRAGMENT,
                64,
                IpProtocol.TCP,
                source.low(),
                destination.low());
        long t = ip + Ipv4.HEADER_BYTES;
        BigEndian.putU16(s, t, fromPort);
        BigEndian.putU16(s, t + 2, toPort);
        BigEndian.putU32(s, t + 4, seq);
        BigEndian.putU32(s, t + 8, ack);
        BigEndian.putU8(s, t + 12, Tcp.HEADER_BYTES + options.length >> 2 << 4);
        BigEndian.putU8(s, t + 13, flags);
        BigEndian.putU16(s, t + 14, 500);
        for (int i = 0; i < options.length; i++) {
            BigEndian.putU8(s, t + 20 + i, options[i]);
        }
        for (int i = 0; i < payload.length; i++) {
            BigEndian.putU8(s, t + 20 + options.length + i, payload[i]);
        }
        long pseudo = Checksum.pseudoHeader4(source.low(), destination.low(), IpProtocol.TCP, tcpBytes);
        BigEndian.putU16(s, t + 16, Checksum.finish(pseudo + Checksum.sum(s, t, tcpBytes)));
        site.inside.frame(requireNonNull(requireNonNull(site.table.network(1)).port), s, at, length);
        site.wan.flush();
    }

    private void vmSays(Site at, int flags, int seq, int ack) {
        says(at, 10, "10.10.1.10", SERVICE, "10.10.3.11", CLIENT, flags, seq, ack);
    }

    private void clientSays(int flags, int seq, int ack) {
        says(c, 11, "10.10.3.11", CLIENT, "10.10.1.10", SERVICE, flags, seq, ack);
    }

    /** Until nobody has anything to say any more: the underlay brings what is for a prefix to its site, and the one port the rest. */
    private void settle() {
        for (int i = 0; i < 20; i++) {
            for (Site site : all) {
                List<byte[]> frames = List.copyOf(site.underlay.written);
                site.underlay.written.clear();
                for (byte[] frame : frames) {
                    Site to = routed(frame);
                    if (to != null) {
                        to.underlay.toRead.add(frame);
                    }
                }
            }
            for (Site site : all) {
                site.path.underlay().poll();
                site.hear();
                site.path.hurry();
                site.path.tick(System.nanoTime());
                site.wan.flush();
            }
        }
    }

    private @org.jspecify.annotations.Nullable Site routed(byte[] frame) {
        MemorySegment s = PathStage.copy(frame);
        long third = Ipv4.destination(s, Ethernet.HEADER_BYTES) >>> 8 & 0xFF;
        return all.stream().filter(site -> site.number == third).findFirst().orElse(null);
    }

    private static List<String> tcp(List<byte[]> frames) {
        return frames.stream()
                .map(PathStage::copy)
                .filter(s -> Ethernet.type(s, 0) == EtherType.IPV4 && Ipv4.protocol(s, 14) == IpProtocol.TCP)
                .map(s -> {
                    long pseudo = Checksum.pseudoHeader4(
                            Ipv4.source(s, 14), Ipv4.destination(s, 14), IpProtocol.TCP, (int) s.byteSize() - 34);
                    assertThat(Checksum.isIntact(pseudo + Checksum.sum(s, 34, (int) s.byteSize() - 34)))
                            .as("checksum")
                            .isTrue();
                    return IpAddress.v4((int) Ipv4.source(s, 14)) + ":" + Tcp.sourcePort(s, 34) + " > "
                            + IpAddress.v4((int) Ipv4.destination(s, 14)) + ":" + Tcp.destinationPort(s, 34) + " "
                            + s.byteSize();
                })
                .toList();
    }

    private void setUp() {
        clientSays(Tcp.SYN, 100, 0);
        settle();
        vmSays(a, Tcp.SYN | Tcp.ACK, 500, 101);
        settle();
        clientSays(Tcp.ACK, 101, 501);
        settle();
        a.lan.written.clear();
        c.lan.written.clear();
    }

    private void move(Site from, Site to, long epoch) {
        move(10, from, to, epoch);
    }

    private void move(int number, Site from, Site to, long epoch) {
        goes(number, from, to, epoch);
        settle();
        comes(number, from, to, epoch);
        settle();
    }

    private static void goes(int number, Site from, Site to, long epoch) {
        VmEntry vm = from.vm(number);
        vm.onMove = true;
        from.path.moves().leaves(vm, to.id, epoch, System.nanoTime());
        from.path.moves().held(vm, System.nanoTime());
    }

    private void comes(int number, Site from, Site to, long epoch) {
        from.vm(number).onMove = false;
        bind(number, to.id.name(), epoch, number == 10 ? 1 : 3);
        to.path.moves().activated(to.vm(number), from.id, epoch, System.nanoTime());
    }

    @Test
    void aHandshakeOffersALabelAndTheHostsSeeNothingOfIt() {
        clientSays(Tcp.SYN, 100, 0);
        byte[] syn = c.underlay.written.getFirst();
        MemorySegment s = PathStage.copy(syn);
        assertThat(LabelOption.find(s, 34, syn.length - 34)).isEqualTo(40);
        assertThat(tcp(List.of(syn))).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 94");
        settle();
        byte[] seen = a.lan.written.getFirst();
        assertThat(LabelOption.find(PathStage.copy(seen), 34, seen.length - 34)).isEqualTo(LabelOption.ABSENT);
        assertThat(tcp(List.of(seen))).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 94");
        assertThat(a.dropped()).isEmpty();
    }

    @Test
    void segmentsAreNativeAsTheyAre() {
        setUp();
        assertThat(c.path.boundary().flows(f -> f.isOpen())).hasSize(1);
        assertThat(a.path.boundary().flows(f -> f.isOpen())).hasSize(1);
        clientSays(Tcp.ACK | Tcp.PSH, 101, 501);
        assertThat(tcp(c.underlay.written)).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 59");
        settle();
        assertThat(tcp(a.lan.written)).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 59");
        assertThat(c.counters.get(Counters.Kind.LABEL_TUNNELLED)).isZero();
    }

    @Test
    void aMovedConnectionGoesOnFromTheNewSite() {
        setUp();
        move(a, b, 2);
        vmSays(b, Tcp.ACK | Tcp.PSH, 501, 101);
        assertThat(tcp(b.underlay.written)).containsExactly("10.10.2.1:7 > 10.10.3.11:40000 59");
        settle();
        assertThat(tcp(c.lan.written)).containsExactly("10.10.1.10:7 > 10.10.3.11:40000 59");
        clientSays(Tcp.ACK | Tcp.PSH, 101, 506);
        assertThat(tcp(c.underlay.written)).containsExactly("10.10.3.11:40000 > 10.10.2.1:7 59");
        settle();
        assertThat(tcp(b.lan.written)).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 59");
        assertThat(a.dropped()).isEmpty();
        assertThat(b.dropped()).isEmpty();
        assertThat(c.dropped()).isEmpty();
    }

    /** Path MTU discovery (RFC 1191) of a connection that has moved: the host hears of the segment that it sent. */
    @Test
    void whatARouterSaysOfAMovedConnectionReachesTheGuestAsItsOwn() {
        setUp();
        move(a, b, 2);
        vmSays(b, Tcp.ACK | Tcp.PSH, 501, 101);
        tooBig(b.underlay.written.getFirst());
        b.lan.written.clear();
        settle();

        MemorySegment heard = PathStage.copy(b.lan.written.stream()
                .filter(frame -> Ipv4.protocol(PathStage.copy(frame), 14) == IpProtocol.ICMP)
                .findFirst()
                .orElseThrow());
        ParsedFrame parsed = new ParsedFrame();
        assertThat(parsed.parse(heard, 0, (int) heard.byteSize())).isEqualTo(DropReason.NONE);
        assertThat(IpAddress.v4((int) parsed.destinationLow())).hasToString("10.10.1.10");
        assertThat(Checksum.isIntact(Checksum.sum(heard, 14, Ipv4.HEADER_BYTES)))
                .isTrue();
        assertThat(Checksum.isIntact(Checksum.sum(heard, 34, parsed.l4Length())))
                .isTrue();
        assertThat(BigEndian.u16(heard, 34 + Icmp4.MTU_OFFSET)).isEqualTo(1280);
        int quoted = 34 + 8;
        assertThat(Checksum.isIntact(Checksum.sum(heard, quoted, Ipv4.HEADER_BYTES)))
                .isTrue();
        assertThat(IpAddress.v4((int) Ipv4.source(heard, quoted)) + ":" + Tcp.sourcePort(heard, quoted + 20))
                .isEqualTo("10.10.1.10:7");
        assertThat(IpAddress.v4((int) Ipv4.destination(heard, quoted)) + ":" + Tcp.destinationPort(heard, quoted + 20))
                .isEqualTo("10.10.3.11:40000");
        assertThat(b.dropped()).isEmpty();
    }

    /** From a router between the sites, about a segment that it could not pass on. */
    private void tooBig(byte[] segment) {
        MemorySegment about = PathStage.copy(segment);
        ParsedFrame parsed = new ParsedFrame();
        assertThat(parsed.parse(about, 0, segment.length)).isEqualTo(DropReason.NONE);
        MemorySegment error = PathStage.copy(new byte[200]);
        long router = IpAddress.parse("192.0.2.1").low();
        int length = IcmpErrors.fragmentationNeeded4(error, 0, about, parsed, DEVICE_MAC, router, 1280);
        Ethernet.putDestination(error, 0, DEVICE_MAC);
        b.underlay.toRead.add(error.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void atHomeAgainItIsAsItWas() {
        setUp();
        move(a, b, 2);
        move(b, a, 3);
        vmSays(a, Tcp.ACK | Tcp.PSH, 501, 101);
        assertThat(tcp(a.underlay.written)).containsExactly("10.10.1.10:7 > 10.10.3.11:40000 59");
        settle();
        assertThat(tcp(c.lan.written)).containsExactly("10.10.1.10:7 > 10.10.3.11:40000 59");
    }

    @Test
    void whatComesToTheOldSiteFollowsTheVm() {
        setUp();
        clientSays(Tcp.ACK | Tcp.PSH, 101, 501);
        List<byte[]> late = List.copyOf(c.underlay.written);
        c.underlay.written.clear();
        move(a, b, 2);
        a.underlay.toRead.addAll(late);
        settle();
        assertThat(tcp(b.lan.written)).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 59");
    }

    @Test
    void bothEndsMoveAtTheSameTime() {
        setUp();
        goes(11, c, a, 2);
        goes(10, a, b, 2);
        for (Site site : all) {
            site.hear();
        }
        comes(10, a, b, 2);
        comes(11, c, a, 2);
        settle();
        vmSays(b, Tcp.ACK | Tcp.PSH, 501, 101);
        assertThat(tcp(b.underlay.written)).containsExactly("10.10.2.1:7 > 10.10.1.1:40000 59");
        settle();
        assertThat(tcp(a.lan.written)).containsExactly("10.10.1.10:7 > 10.10.3.11:40000 59");
    }

    /** On one LAN they talk without a boundary in between; then they part, and both are strangers where the other looks for them. */
    @Test
    void whoMeetAtASiteAndPartGoOn() {
        setUp();
        move(10, a, b, 2);
        move(11, c, b, 2);
        assertThat(b.path.boundary().flows(f -> f.isOpen())).as("both ends").hasSize(2);
        says(b, 11, "10.10.3.11", CLIENT, "10.10.1.10", SERVICE, Tcp.ACK | Tcp.PSH, 101, 501);
        assertThat(tcp(b.lan.written)).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 59");
        assertThat(b.underlay.written).isEmpty();
        all.forEach(site -> site.lan.written.clear());
        goes(10, b, c, 3);
        goes(11, b, a, 3);
        settle();
        comes(10, b, c, 3);
        comes(11, b, a, 3);
        // What each says first takes the way that its RESUME takes, by where the other was.
        says(c, 10, "10.10.1.10", SERVICE, "10.10.3.11", CLIENT, Tcp.ACK | Tcp.PSH, 501, 106);
        says(a, 11, "10.10.3.11", CLIENT, "10.10.1.10", SERVICE, Tcp.ACK | Tcp.PSH, 106, 501);
        settle();
        assertThat(tcp(a.lan.written)).containsExactly("10.10.1.10:7 > 10.10.3.11:40000 59");
        assertThat(tcp(c.lan.written)).containsExactly("10.10.3.11:40000 > 10.10.1.10:7 59");
        says(c, 10, "10.10.1.10", SERVICE, "10.10.3.11", CLIENT, Tcp.ACK | Tcp.PSH, 506, 111);
        assertThat(tcp(c.underlay.written)).containsExactly("10.10.3.1:7 > 10.10.1.1:40000 59");
        all.forEach(site ->
                assertThat(site.dropped()).as(site.id.name()).doesNotContainKey(DropReason.UNKNOWN_FLOW.label()));
    }

    @Test
    void aConnectionThatNobodySawBeginIsIntroduced() {
        bind(10, "b", 2, 1);
        b.vm(10).movedNs = 1;
        c.vm(10).movedNs = 1;
        vmSays(b, Tcp.ACK | Tcp.PSH, 501, 101);
        assertThat(b.underlay.written).as("by the overlay").isEmpty();
        assertThat(b.counters.get(Counters.Kind.LABEL_TUNNELLED)).isEqualTo(1);
        settle();
        assertThat(tcp(c.lan.written)).containsExactly("10.10.1.10:7 > 10.10.3.11:40000 59");
        vmSays(b, Tcp.ACK | Tcp.PSH, 506, 101);
        assertThat(tcp(b.underlay.written)).containsExactly("10.10.2.1:7 > 10.10.3.11:40000 59");
    }

    @Test
    void aHostWithoutAGatewayIsSpokenToInPlainTcp() {
        says(a, 10, "10.10.1.10", SERVICE, "100.64.8.2", CLIENT, Tcp.SYN | Tcp.ACK, 500, 101);
        assertThat(tcp(a.underlay.written)).containsExactly("10.10.1.10:7 > 100.64.8.2:40000 74");
        a.underlay.written.clear();
        bind(10, "b", 2, 1);
        says(b, 10, "10.10.1.10", SERVICE, "100.64.8.2", CLIENT, Tcp.ACK | Tcp.PSH, 501, 101);
        assertThat(b.underlay.written).isEmpty();
        for (int i = 0; i < 5; i++) {
            a.hear();
        }
        assertThat(tcp(a.underlay.written))
                .as("by way of where it began")
                .containsExactly("10.10.1.10:7 > 100.64.8.2:40000 59");
    }

    // --- guests' addresses

    private static void asks(Site site, int type, String wanted, String client) {
        int bytes = 300;
        int length = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + Udp.HEADER_BYTES + bytes;
        long at = site.wan.frameAt();
        MemorySegment s = site.wan.frames();
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES + length).fill((byte) 0);
        Ethernet.write(s, at, Ethernet.BROADCAST, PathStage.mac(10), EtherType.IPV4);
        Ipv4.write(
                s,
                at + 14,
                0,
                length - 14,
                0,
                64,
                IpProtocol.UDP,
                IpAddress.parse(client).low(),
                0xFFFF_FFFFL);
        long udp = at + 34;
        BigEndian.putU16(s, udp, Dhcp4.CLIENT_PORT);
        BigEndian.putU16(s, udp + 2, Dhcp4.SERVER_PORT);
        BigEndian.putU16(s, udp + 4, Udp.HEADER_BYTES + bytes);
        long d = udp + 8;
        BigEndian.putU8(s, d, 1);
        BigEndian.putU8(s, d + 1, 1);
        BigEndian.putU8(s, d + 2, 6);
        BigEndian.putU32(s, d + 4, 0x12345678);
        BigEndian.putU32(s, d + 12, IpAddress.parse(client).low());
        BigEndian.putU48(s, d + 28, PathStage.mac(10));
        BigEndian.putU32(s, d + 236, 0x63825363);
        BigEndian.putU8(s, d + 240, 53);
        BigEndian.putU8(s, d + 241, 1);
        BigEndian.putU8(s, d + 242, type);
        BigEndian.putU8(s, d + 243, 50);
        BigEndian.putU8(s, d + 244, 4);
        BigEndian.putU32(s, d + 245, IpAddress.parse(wanted).low());
        BigEndian.putU8(s, d + 249, 255);
        site.inside.frame(requireNonNull(requireNonNull(site.table.network(1)).port), s, at, length);
    }

    private static String answer(Site site) {
        MemorySegment s = PathStage.copy(site.lan.written.getLast());
        site.lan.written.clear();
        long d = 42;
        assertThat(BigEndian.i32(s, d + 4)).isEqualTo(0x12345678);
        return BigEndian.u8(s, d + 242) + " " + IpAddress.v4(BigEndian.i32(s, d + 16)) + " from "
                + IpAddress.v4((int) Ipv4.source(s, 14));
    }

    @Test
    void aGuestThatAsksGetsTheAddressOfTheSiteWhereItIs() {
        asks(a, Dhcp4.DISCOVER, "0.0.0.0", "0.0.0.0");
        assertThat(answer(a)).isEqualTo(Dhcp4.OFFER + " 10.10.1.10 from 10.10.1.1");
        bind(10, "b", 2, 1);
        asks(b, Dhcp4.DISCOVER, "0.0.0.0", "0.0.0.0");
        assertThat(answer(b)).isEqualTo(Dhcp4.OFFER + " 10.10.2.10 from 10.10.2.1");
        asks(b, Dhcp4.REQUEST, "10.10.2.10", "0.0.0.0");
        assertThat(answer(b)).isEqualTo(Dhcp4.ACK + " 10.10.2.10 from 10.10.2.1");
    }

    @Test
    void aLeaseIsRenewedWhereverTheGuestIs() {
        bind(10, "b", 2, 1);
        asks(b, Dhcp4.REQUEST, "0.0.0.0", "10.10.1.10");
        assertThat(answer(b)).isEqualTo(Dhcp4.ACK + " 10.10.1.10 from 10.10.1.1");
        asks(b, Dhcp4.REQUEST, "10.10.2.66", "0.0.0.0");
        assertThat(answer(b)).startsWith(Dhcp4.NAK + " ");
    }

    private static final String CLIENT_ID = "0001000a" + "00030001020000000a0a";

    /** @param wanted addresses of its association, if it has one */
    private static void asks6(Site site, int type, boolean ofUs, List<String> wanted, boolean associates) {
        StringBuilder hex = new StringBuilder(String.format("%02xa1b2c3", type)).append(CLIENT_ID);
        if (ofUs) {
            hex.append("0002000a").append(HexFormat.of().formatHex(Dhcp6.duid(LanPort.ANYCAST_MAC)));
        }
        if (associates) {
            hex.append(String.format("0003%04x", 12 + 28 * wanted.size()))
                    .append("00000001")
                    .append("0".repeat(16));
            wanted.forEach(address -> {
                IpAddress a = IpAddress.parse(address);
                hex.append(String.format("00050018%016x%016x", a.high(), a.low()))
                        .append("0".repeat(16));
            });
        }
        byte[] message = HexFormat.of().parseHex(hex);
        int length = Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES + Udp.HEADER_BYTES + message.length;
        long at = site.wan.frameAt();
        MemorySegment s = site.wan.frames();
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES + length).fill((byte) 0);
        Ethernet.write(s, at, 0x3333_0001_0002L, PathStage.mac(10), EtherType.IPV6);
        Ipv6.write(
                s,
                at + 14,
                0,
                length - 54,
                IpProtocol.UDP,
                1,
                0xFE80_0000_0000_0000L,
                0x10,
                Dhcp6.SERVERS_HIGH,
                Dhcp6.SERVERS_LOW);
        BigEndian.putU16(s, at + 54, Dhcp6.CLIENT_PORT);
        BigEndian.putU16(s, at + 56, Dhcp6.SERVER_PORT);
        BigEndian.putU16(s, at + 58, length - 54);
        for (int i = 0; i < message.length; i++) {
            BigEndian.putU8(s, at + 62 + i, message[i]);
        }
        site.inside.frame(requireNonNull(requireNonNull(site.table.network(1)).port), s, at, length);
    }

    /** Message type, then each address of the first association with its lifetimes. */
    private static String answer6(Site site) {
        MemorySegment s = PathStage.copy(site.lan.written.getLast());
        site.lan.written.clear();
        assertThat(Checksum.isIntact(Checksum.pseudoHeader6(
                                Ipv6.sourceHigh(s, 14),
                                Ipv6.sourceLow(s, 14),
                                Ipv6.destinationHigh(s, 14),
                                Ipv6.destinationLow(s, 14),
                                IpProtocol.UDP,
                                (int) s.byteSize() - 54)
                        + Checksum.sum(s, 54, (int) s.byteSize() - 54)))
                .isTrue();
        assertThat(Ipv6.destinationLow(s, 14)).isEqualTo(0x10);
        StringBuilder out = new StringBuilder().append(BigEndian.u8(s, 62));
        for (long at = 66; at < s.byteSize(); at += 4 + BigEndian.u16(s, at + 2)) {
            if (BigEndian.u16(s, at) == 13) {
                out.append(" status ").append(BigEndian.u16(s, at + 4));
            }
            for (long a = at + 16; BigEndian.u16(s, at) == 3 && a < at + 4 + BigEndian.u16(s, at + 2); a += 28) {
                out.append(' ').append(IpAddress.v6(BigEndian.u64(s, a + 4), BigEndian.u64(s, a + 12)));
                out.append(' ').append(BigEndian.u32(s, a + 20)).append('/').append(BigEndian.u32(s, a + 24));
            }
        }
        return out.toString();
    }

    @Test
    void aGuestGetsItsIpv6AddressOfTheSiteWhereItIs() {
        asks6(a, Dhcp6.SOLICIT, false, List.of(), true);
        assertThat(answer6(a)).isEqualTo(Dhcp6.ADVERTISE + " fd10:10:1::10 3600/7200");
        asks6(a, Dhcp6.REQUEST, true, List.of("fd10:10:1::10"), true);
        assertThat(answer6(a)).isEqualTo(Dhcp6.REPLY + " fd10:10:1::10 3600/7200");
        bind(10, "b", 2, 1);
        asks6(b, Dhcp6.SOLICIT, false, List.of(), true);
        assertThat(answer6(b)).isEqualTo(Dhcp6.ADVERTISE + " fd10:10:2::10 3600/7200");
    }

    /** The server has one name at all sites, so it is the same for a guest that has moved. */
    @Test
    void anIpv6LeaseIsRenewedWhereverTheGuestIs() {
        bind(10, "b", 2, 1);
        asks6(b, Dhcp6.RENEW, true, List.of("fd10:10:1::10"), true);
        assertThat(answer6(b))
                .as("it lives on, and the site's own is there for what is new")
                .isEqualTo(Dhcp6.REPLY + " fd10:10:2::10 3600/7200 fd10:10:1::10 0/7200");
        asks6(b, Dhcp6.REBIND, false, List.of("fd10:10:1::10", "fd10:10:1::66"), true);
        assertThat(answer6(b))
                .as("what is not registered is its own no longer")
                .isEqualTo(Dhcp6.REPLY + " fd10:10:2::10 3600/7200 fd10:10:1::10 0/7200 fd10:10:1::66 0/0");
        asks6(b, Dhcp6.CONFIRM, false, List.of("fd10:10:1::10"), true);
        assertThat(answer6(b)).isEqualTo(Dhcp6.REPLY + " status " + Dhcp6.SUCCESS);
        asks6(b, Dhcp6.CONFIRM, false, List.of("fd10:10:9::10"), true);
        assertThat(answer6(b)).isEqualTo(Dhcp6.REPLY + " status " + Dhcp6.NOT_ON_LINK);
        asks6(b, Dhcp6.RELEASE, true, List.of("fd10:10:1::10"), true);
        assertThat(answer6(b)).isEqualTo(Dhcp6.REPLY + " status " + Dhcp6.SUCCESS);
    }

    @Test
    void whoWantsNoAddressIsToldWhereToAskForNames() {
        b.path.services().names();
        bind(10, "b", 2, 1);
        asks6(b, Dhcp6.INFORMATION_REQUEST, false, List.of(), false);
        String octets = HexFormat.of().formatHex(b.lan.written.getLast());
        assertThat(octets).contains("00170010" + "fd100010000200000000000000000001");
        asks6(b, Dhcp6.RENEW, false, List.of(), true);
        assertThat(b.lan.written)
                .as("to nobody in particular, which no server answers")
                .hasSize(1);
    }

    @Test
    void aGuestThatHasComeIsAdvertisedTheSitesPrefix() {
        setUp();
        move(a, b, 2);
        b.lan.written.clear();
        b.path.services().tick(System.nanoTime() + 1_100_000_000L);
        MemorySegment s = PathStage.copy(b.lan.written.getFirst());
        assertThat(BigEndian.u8(s, 54)).isEqualTo(134);
        assertThat(Checksum.isIntact(Checksum.pseudoHeader6(
                                Ipv6.sourceHigh(s, 14),
                                Ipv6.sourceLow(s, 14),
                                Ipv6.destinationHigh(s, 14),
                                Ipv6.destinationLow(s, 14),
                                IpProtocol.ICMPV6,
                                (int) s.byteSize() - 54)
                        + Checksum.sum(s, 54, (int) s.byteSize() - 54)))
                .isTrue();
        long first = 54 + 32;
        List<String> prefixes = List.of(prefix(s, first), prefix(s, first + 32));
        assertThat(prefixes)
                .containsExactlyInAnyOrder(
                        "fd10:10:1:: valid 7200 preferred 0", "fd10:10:2:: valid 7200 preferred 3600");
        assertThat(s.byteSize()).isEqualTo(first + 64);
    }

    private static String prefix(MemorySegment s, long at) {
        return IpAddress.v6(BigEndian.u64(s, at + 16), 0) + " valid " + BigEndian.u32(s, at + 4) + " preferred "
                + BigEndian.u32(s, at + 8);
    }
}
