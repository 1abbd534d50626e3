// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.linux.Links;
import io.sojourn.linux.Netns;
import io.sojourn.linux.PacketSocket;
import io.sojourn.linux.Tap;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernel's own program between two real taps. What it does to a packet is judged by what comes out of the other, octet by octet. */
@Tag("system")
@ParameterizedClass(name = "IPv6: {0}")
@ValueSource(booleans = {false, true})
class KernelPathSystemTest {
    private static final String NAMESPACE =
            "t-kernelpath-" + ProcessHandle.current().pid();
    private static final int PAYLOAD = 400;
    private static final int MTU = 1_400;
    private static final long STATION = 0x0200_0000_0001L;
    private static final long OTHER = 0x0200_0000_0002L;
    private static final long DOCUMENTATION = 0x2001_0DB8_0000_0000L;
    private static final long BENCHMARKING = 0x2001_0002_0000_0000L;

    private final MemorySegment memory = Arena.ofAuto().allocate(4_096, 8);
    private final Counters counters = new Counters();
    private final ParsedFrame f = new ParsedFrame();
    private final VirtualNetwork network = new VirtualNetwork("blue", 7, 1_500);

    private final AddressPair home;
    private final AddressPair paged;
    private final int tcpAt;
    private final int headers;
    private final Tap lan;
    private final Tap page;
    private final long pageMac;
    private final PacketSocket stations;
    private final PacketSocket underlay;
    private final LanPort port;
    private final KernelPath kernel;

    private record Devices(
            Tap lan,
            Tap page,
            long pageMac,
            PacketSocket stations,
            PacketSocket underlay,
            LanPort port,
            KernelPath kernel) {}

    KernelPathSystemTest(boolean v6) throws Exception {
        home = v6
                ? new AddressPair(true, DOCUMENTATION, 0x201, DOCUMENTATION + 1, 0x202)
                : new AddressPair(false, 0, 0xC000_0201L, 0, 0xC000_0202L);
        paged = v6
                ? new AddressPair(true, BENCHMARKING, 0x502, BENCHMARKING + 1, 0xFFFF_0000_0522L)
                : new AddressPair(false, 0, 0xC612_0502L, 0, 0xC613_0522L);
        tcpAt = Ethernet.HEADER_BYTES + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
        headers = tcpAt + Tcp.HEADER_BYTES;
        ip("netns", "add", NAMESPACE);
        Devices made = Netns.call(NAMESPACE, this::make);
        lan = made.lan;
        page = made.page;
        pageMac = made.pageMac;
        stations = made.stations;
        underlay = made.underlay;
        port = made.port;
        kernel = made.kernel;
        drain(lan);
        drain(page);
    }

    private static AddressPair back(AddressPair p) {
        return new AddressPair(p.v6(), p.destinationHigh(), p.destinationLow(), p.sourceHigh(), p.sourceLow());
    }

    private Devices make() throws IOException {
        Files.writeString(
                Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1"); // the kernel itself says nothing
        try (Links links = new Links()) {
            Stations stations = new Stations();
            Tap toLan = tap("kplan", links);
            Tap toPage = tap("kppage", links);
            long mac = BigEndian.u48(MemorySegment.ofArray(links.mac(toPage.ifindex())), 0);
            LanPort onLan = LanPort.detached(network, toLan, stations, counters);
            KernelPath opened =
                    KernelPath.open(new PagePort.Opened(new BridgedTap(0, toPage, stations), mac), counters);
            if (opened == null) {
                throw new AssertionError("the kernel takes no program, though this is root");
            }
            opened.lan(onLan);
            return new Devices(
                    toLan,
                    toPage,
                    mac,
                    PacketSocket.open(toLan.ifindex(), PacketSocket.WHOLE_FRAMES, Set.of()),
                    PacketSocket.open(toPage.ifindex(), PacketSocket.WHOLE_FRAMES, Set.of()),
                    onLan,
                    opened);
        }
    }

    private static Tap tap(String name, Links links) {
        Tap tap = Tap.openTap(name, Set.of(Tap.Flag.VNET_HDR));
        links.noArp(tap.ifindex());
        links.up(tap.ifindex());
        return tap;
    }

    @AfterEach
    void remove() throws Exception {
        kernel.close();
        stations.close();
        underlay.close();
        lan.close();
        page.close();
        ip("netns", "delete", NAMESPACE);
    }

    private static void ip(String... arguments) throws Exception {
        String[] line = new String[arguments.length + 1];
        line[0] = "ip";
        System.arraycopy(arguments, 0, line, 1, arguments.length);
        Process process = new ProcessBuilder(line).inheritIO().start();
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
    }

    // --- frames

    private record Packet(long to, long from, AddressPair addresses, int ttl, int flags, int fragment, int payload) {
        Packet withTtl(int hops) {
            return new Packet(to, from, addresses, hops, flags, fragment, payload);
        }

        Packet withFlags(int tcp) {
            return new Packet(to, from, addresses, ttl, tcp, fragment, payload);
        }

        Packet withFragment(int field) {
            return new Packet(to, from, addresses, ttl, flags, field, payload);
        }

        Packet withPayload(int octets) {
            return new Packet(to, from, addresses, ttl, flags, fragment, octets);
        }

        Packet from(long mac) {
            return new Packet(to, mac, addresses, ttl, flags, fragment, payload);
        }

        Packet to(long mac) {
            return new Packet(mac, from, addresses, ttl, flags, fragment, payload);
        }

        Packet between(AddressPair others) {
            return new Packet(to, from, others, ttl, flags, fragment, payload);
        }
    }

    private Packet fromHome() {
        return new Packet(LanPort.ANYCAST_MAC, STATION, home, 64, Tcp.ACK, Ipv4.DONT_FRAGMENT, PAYLOAD);
    }

    /** With all its sums made; its length. A fragment by IPv6 has no more of it than the next header's number. */
    private int write(Packet p) {
        AddressPair a = p.addresses;
        int length = headers + p.payload;
        int tcp = length - tcpAt;
        memory.fill((byte) 0);
        Ethernet.putDestination(memory, 0, p.to);
        Ethernet.putSource(memory, 0, p.from);
        if (a.v6()) {
            int next = p.fragment == Ipv4.DONT_FRAGMENT ? IpProtocol.TCP : IpProtocol.FRAGMENT;
            BigEndian.putU16(memory, Ethernet.TYPE_OFFSET, EtherType.IPV6);
            Ipv6.write(
                    memory,
                    14,
                    0,
                    tcp,
                    next,
                    p.ttl,
                    a.sourceHigh(),
                    a.sourceLow(),
                    a.destinationHigh(),
                    a.destinationLow());
        } else {
            BigEndian.putU16(memory, Ethernet.TYPE_OFFSET, EtherType.IPV4);
            Ipv4.write(
                    memory, 14, 0, length - 14, p.fragment, p.ttl, IpProtocol.TCP, a.sourceLow(), a.destinationLow());
        }
        BigEndian.putU8(memory, tcpAt + Tcp.DATA_OFFSET_OFFSET, 5 << 4);
        BigEndian.putU8(memory, tcpAt + Tcp.FLAGS_OFFSET, p.flags);
        for (int i = headers; i < length; i++) {
            BigEndian.putU8(memory, i, i & 0xFF);
        }
        BigEndian.putU16(memory, tcpAt + Tcp.CHECKSUM_OFFSET, Checksum.finish(transportSum(a, tcp)));
        return length;
    }

    private long transportSum(AddressPair a, int tcp) {
        long pseudo = a.v6()
                ? Checksum.pseudoHeader6(
                        a.sourceHigh(), a.sourceLow(), a.destinationHigh(), a.destinationLow(), IpProtocol.TCP, tcp)
                : Checksum.pseudoHeader4(a.sourceLow(), a.destinationLow(), IpProtocol.TCP, tcp);
        return pseudo + Checksum.sum(memory, tcpAt, tcp);
    }

    private void assertIntact(int length) {
        if (!home.v6()) {
            assertThat(Checksum.isIntact(Checksum.sum(memory, 14, 20)))
                    .as("IPv4 sum")
                    .isTrue();
        }
        assertThat(Checksum.isIntact(transportSum(addresses(), length - tcpAt)))
                .as("TCP sum")
                .isTrue();
        for (int i = headers; i < length; i++) {
            assertThat(BigEndian.u8(memory, i)).isEqualTo(i & 0xFF);
        }
    }

    private AddressPair addresses() {
        return AddressPair.read(memory, Ethernet.HEADER_BYTES);
    }

    private int hops() {
        return BigEndian.u8(memory, Ethernet.HEADER_BYTES + (home.v6() ? Ipv6.HOP_LIMIT_OFFSET : Ipv4.TTL_OFFSET));
    }

    /** Octets of the frame that comes to the gateway; 0 if none does. */
    private int toGateway(Tap tap) {
        int n = tap.read(memory, 0, 4_096);
        if (n > LanPort.VNET_BYTES) {
            MemorySegment.copy(memory, LanPort.VNET_BYTES, memory, 0, n - LanPort.VNET_BYTES);
            return n - LanPort.VNET_BYTES;
        }
        return 0;
    }

    private void drain(Tap tap) {
        while (toGateway(tap) > 0) {
            // what the kernel itself had to say
        }
    }

    /** Of what comes out of a device on the kernel's side. */
    private int outOf(PacketSocket socket) {
        for (int n = socket.receive(memory, 0, 4_096); n > 0; n = socket.receive(memory, 0, 4_096)) {
            if (socket.packetType() != PacketSocket.OUTGOING
                    && Ethernet.type(memory, 0) == (home.v6() ? EtherType.IPV6 : EtherType.IPV4)) {
                return n;
            }
        }
        return 0;
    }

    private FrameRun superFrame(long to, AddressPair addresses) {
        int length = write(new Packet(to, LanPort.ANYCAST_MAC, addresses, 63, Tcp.ACK, Ipv4.DONT_FRAGMENT, PAYLOAD));
        f.parse(memory, 0, length);
        FrameRun run = new FrameRun();
        assertThat(run.whole(memory, f, PAYLOAD / 2)).isTrue();
        return run;
    }

    /** A packet of the stream has gone natively, by the hand of the process. */
    private void leave() {
        offerOut();
        kernel.settle(System.nanoTime());
    }

    private void offerOut() {
        ParsedFrame came = new ParsedFrame();
        came.parse(memory, 0, write(fromHome()));
        FrameRun run = superFrame(pageMac, paged);
        kernel.left(port, came, run, MTU, System.nanoTime());
    }

    private void comesToUs(Packet p, String why) {
        int length = write(p);
        stations.send(memory, 0, length);
        assertThat(toGateway(lan)).as(why).isEqualTo(length);
        assertThat(outOf(underlay)).as(why).isZero();
    }

    private void goesByTheKernel(Packet p) {
        int length = write(p);
        stations.send(memory, 0, length);
        assertThat(outOf(underlay)).isEqualTo(length);
    }

    @Test
    void whatFollowsIsDoneToAsToTheFirst() {
        comesToUs(fromHome(), "nothing is known of it");
        leave();
        goesByTheKernel(fromHome());
        assertThat(addresses()).isEqualTo(paged);
        assertThat(Ethernet.destination(memory, 0)).isEqualTo(pageMac);
        assertThat(Ethernet.source(memory, 0)).isEqualTo(LanPort.ANYCAST_MAC);
        assertThat(hops()).as("one hop less").isEqualTo(63);
        assertIntact(headers + PAYLOAD);
        assertThat(toGateway(lan)).isZero();
    }

    @Test
    void allElseComesToUs() {
        leave();
        comesToUs(fromHome().withFlags(Tcp.SYN), "a stream begins");
        comesToUs(fromHome().withFlags(Tcp.FIN | Tcp.ACK), "a stream ends");
        comesToUs(fromHome().withTtl(1), "its last hop");
        comesToUs(fromHome().withFragment(0x2000), "the first fragment");
        comesToUs(fromHome().withFragment(5), "a later fragment");
        comesToUs(fromHome().withPayload(MTU - headers + Ethernet.HEADER_BYTES + 1), "too long for the path");
        comesToUs(fromHome().from(OTHER), "somebody else in its name");
        comesToUs(fromHome().to(OTHER), "not for the gateway");
        comesToUs(fromHome().between(back(home)), "the other way");
        goesByTheKernel(fromHome().withTtl(2));
        goesByTheKernel(fromHome().withPayload(MTU - headers + Ethernet.HEADER_BYTES));
    }

    @Test
    void aChangeTakesAllOfItBack() {
        leave();
        goesByTheKernel(fromHome());
        kernel.changed();
        comesToUs(fromHome(), "how packets go may have changed");
        leave();
        goesByTheKernel(fromHome());
    }

    @Test
    void whatWasOfferedBeforeAChangeIsNotTold() {
        offerOut();
        kernel.changed();
        kernel.settle(System.nanoTime());
        comesToUs(fromHome(), "it was offered before");
    }

    @Test
    void whatIsOldIsNoLongerKnown() {
        offerOut();
        kernel.settle(System.nanoTime() - TimeUnit.SECONDS.toNanos(2));
        comesToUs(fromHome(), "a second is over");
    }

    @Test
    void inwardsLikewise_andWhatTheKernelCarriedIsCounted() {
        ParsedFrame came = new ParsedFrame();
        came.parse(memory, 0, write(fromHome().to(pageMac).between(back(paged))));
        FrameRun run = superFrame(STATION, back(home));
        kernel.arrived(port, came, run, System.nanoTime());
        kernel.settle(System.nanoTime());
        int length = write(fromHome().to(pageMac).between(back(paged)));
        underlay.send(memory, 0, length);
        assertThat(outOf(stations)).isEqualTo(length);
        assertThat(addresses()).isEqualTo(back(home));
        assertThat(Ethernet.destination(memory, 0)).isEqualTo(STATION);
        assertThat(Ethernet.source(memory, 0)).isEqualTo(LanPort.ANYCAST_MAC);
        assertThat(hops()).as("the routers on the way have counted").isEqualTo(64);
        assertIntact(length);
        kernel.settle(System.nanoTime() + TimeUnit.SECONDS.toNanos(10));
        assertThat(counters.get(Counters.Kind.NATIVE_IN)).isEqualTo(1);
        assertThat(counters.get(Counters.Kind.LAN_OUT)).isEqualTo(1);
    }
}
