// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.linux.BridgeFdb;
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
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The kernel's own program between two real taps. What it does to a packet is judged by what comes out of the other, octet by octet. */
@Tag("system")
class KernelPathSystemTest {
    private static final String NAMESPACE =
            "t-kernelpath-" + ProcessHandle.current().pid();
    private static final int PAYLOAD = 400;
    private static final int HEADERS = 54;
    private static final int MTU = 1_400;
    private static final long STATION = 0x0200_0000_0001L;
    private static final long OTHER = 0x0200_0000_0002L;
    private static final long HOME_SOURCE = 0xC000_0201L;
    private static final long HOME_DESTINATION = 0xC000_0202L;
    private static final long PAGE_SOURCE = 0xC612_0502L;
    private static final long PAGE_DESTINATION = 0xC613_0522L;

    private final MemorySegment memory = Arena.ofAuto().allocate(4_096, 8);
    private final Counters counters = new Counters();
    private final ParsedFrame f = new ParsedFrame();
    private final VirtualNetwork network = new VirtualNetwork("blue", 7, 1_500);

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

    KernelPathSystemTest() throws Exception {
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

    private Devices make() {
        try (Links links = new Links()) {
            BridgeFdb fdb = new BridgeFdb();
            Tap toLan = tap("kplan", links);
            Tap toPage = tap("kppage", links);
            long mac = BigEndian.u48(MemorySegment.ofArray(links.mac(toPage.ifindex())), 0);
            LanPort onLan = LanPort.detached(network, toLan, fdb, counters);
            KernelPath opened = KernelPath.open(new PagePort.Opened(new BridgedTap(0, toPage, fdb), mac), counters);
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

    private record Packet(
            long to, long from, long source, long destination, int ttl, int flags, int fragment, int payload) {
        static Packet home() {
            return new Packet(
                    LanPort.ANYCAST_MAC,
                    STATION,
                    HOME_SOURCE,
                    HOME_DESTINATION,
                    64,
                    Tcp.ACK,
                    Ipv4.DONT_FRAGMENT,
                    PAYLOAD);
        }

        Packet withTtl(int hops) {
            return new Packet(to, from, source, destination, hops, flags, fragment, payload);
        }

        Packet withFlags(int tcp) {
            return new Packet(to, from, source, destination, ttl, tcp, fragment, payload);
        }

        Packet withFragment(int field) {
            return new Packet(to, from, source, destination, ttl, flags, field, payload);
        }

        Packet withPayload(int octets) {
            return new Packet(to, from, source, destination, ttl, flags, fragment, octets);
        }

        Packet from(long mac) {
            return new Packet(to, mac, source, destination, ttl, flags, fragment, payload);
        }

        Packet to(long mac) {
            return new Packet(mac, from, source, destination, ttl, flags, fragment, payload);
        }

        Packet between(long a, long b) {
            return new Packet(to, from, a, b, ttl, flags, fragment, payload);
        }
    }

    /** With all its sums made; its length. */
    private int write(Packet p) {
        int length = HEADERS + p.payload;
        memory.fill((byte) 0);
        Ethernet.putDestination(memory, 0, p.to);
        Ethernet.putSource(memory, 0, p.from);
        BigEndian.putU16(memory, 12, EtherType.IPV4);
        Ipv4.write(memory, 14, 0, length - 14, p.fragment, p.ttl, IpProtocol.TCP, p.source, p.destination);
        BigEndian.putU8(memory, 34 + Tcp.DATA_OFFSET_OFFSET, 5 << 4);
        BigEndian.putU8(memory, 34 + Tcp.FLAGS_OFFSET, p.flags);
        for (int i = HEADERS; i < length; i++) {
            BigEndian.putU8(memory, i, i & 0xFF);
        }
        int tcp = length - 34;
        long sum = Checksum.pseudoHeader4(p.source, p.destination, IpProtocol.TCP, tcp) + Checksum.sum(memory, 34, tcp);
        BigEndian.putU16(memory, 34 + Tcp.CHECKSUM_OFFSET, Checksum.finish(sum));
        return length;
    }

    private void assertIntact(int length) {
        assertThat(Checksum.isIntact(Checksum.sum(memory, 14, 20)))
                .as("IPv4 sum")
                .isTrue();
        int tcp = length - 34;
        assertThat(Checksum.isIntact(Checksum.pseudoHeader4(
                                Ipv4.source(memory, 14), Ipv4.destination(memory, 14), IpProtocol.TCP, tcp)
                        + Checksum.sum(memory, 34, tcp)))
                .as("TCP sum")
                .isTrue();
        for (int i = HEADERS; i < length; i++) {
            assertThat(BigEndian.u8(memory, i)).isEqualTo(i & 0xFF);
        }
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
            if (socket.packetType() != PacketSocket.OUTGOING && Ethernet.type(memory, 0) == EtherType.IPV4) {
                return n;
            }
        }
        return 0;
    }

    private FrameRun superFrame(long to, long from, long source, long destination) {
        int length = write(new Packet(to, from, source, destination, 63, Tcp.ACK, Ipv4.DONT_FRAGMENT, PAYLOAD));
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
        came.parse(memory, 0, write(Packet.home()));
        FrameRun run = superFrame(pageMac, LanPort.ANYCAST_MAC, PAGE_SOURCE, PAGE_DESTINATION);
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
        comesToUs(Packet.home(), "nothing is known of it");
        leave();
        goesByTheKernel(Packet.home());
        assertThat(Ipv4.source(memory, 14)).isEqualTo(PAGE_SOURCE);
        assertThat(Ipv4.destination(memory, 14)).isEqualTo(PAGE_DESTINATION);
        assertThat(Ethernet.destination(memory, 0)).isEqualTo(pageMac);
        assertThat(Ethernet.source(memory, 0)).isEqualTo(LanPort.ANYCAST_MAC);
        assertThat(BigEndian.u8(memory, 22)).as("one hop less").isEqualTo(63);
        assertIntact(HEADERS + PAYLOAD);
        assertThat(toGateway(lan)).isZero();
    }

    @Test
    void allElseComesToUs() {
        leave();
        comesToUs(Packet.home().withFlags(Tcp.SYN), "a stream begins");
        comesToUs(Packet.home().withFlags(Tcp.FIN | Tcp.ACK), "a stream ends");
        comesToUs(Packet.home().withTtl(1), "its last hop");
        comesToUs(Packet.home().withFragment(0x2000), "the first fragment");
        comesToUs(Packet.home().withFragment(5), "a later fragment");
        comesToUs(Packet.home().withPayload(MTU - 39), "too long for the path");
        comesToUs(Packet.home().from(OTHER), "somebody else in its name");
        comesToUs(Packet.home().to(OTHER), "not for the gateway");
        comesToUs(Packet.home().between(HOME_DESTINATION, HOME_SOURCE), "the other way");
        goesByTheKernel(Packet.home().withTtl(2));
        goesByTheKernel(Packet.home().withPayload(MTU - 40));
    }

    @Test
    void aChangeTakesAllOfItBack() {
        leave();
        goesByTheKernel(Packet.home());
        kernel.changed();
        comesToUs(Packet.home(), "how packets go may have changed");
        leave();
        goesByTheKernel(Packet.home());
    }

    @Test
    void whatWasOfferedBeforeAChangeIsNotTold() {
        offerOut();
        kernel.changed();
        kernel.settle(System.nanoTime());
        comesToUs(Packet.home(), "it was offered before");
    }

    @Test
    void whatIsOldIsNoLongerKnown() {
        offerOut();
        kernel.settle(System.nanoTime() - TimeUnit.SECONDS.toNanos(2));
        comesToUs(Packet.home(), "a second is over");
    }

    @Test
    void inwardsLikewise_andWhatTheKernelCarriedIsCounted() {
        FrameRun run = superFrame(STATION, LanPort.ANYCAST_MAC, HOME_DESTINATION, HOME_SOURCE);
        kernel.arrived(port, PAGE_DESTINATION, PAGE_SOURCE, run, System.nanoTime());
        kernel.settle(System.nanoTime());
        int length = write(Packet.home().to(pageMac).between(PAGE_DESTINATION, PAGE_SOURCE));
        underlay.send(memory, 0, length);
        assertThat(outOf(stations)).isEqualTo(length);
        assertThat(Ipv4.source(memory, 14)).isEqualTo(HOME_DESTINATION);
        assertThat(Ipv4.destination(memory, 14)).isEqualTo(HOME_SOURCE);
        assertThat(Ethernet.destination(memory, 0)).isEqualTo(STATION);
        assertThat(Ethernet.source(memory, 0)).isEqualTo(LanPort.ANYCAST_MAC);
        assertThat(BigEndian.u8(memory, 22))
                .as("the routers on the way have counted")
                .isEqualTo(64);
        assertIntact(length);
        kernel.settle(System.nanoTime() + TimeUnit.SECONDS.toNanos(10));
        assertThat(counters.get(Counters.Kind.NATIVE_IN)).isEqualTo(1);
        assertThat(counters.get(Counters.Kind.LAN_OUT)).isEqualTo(1);
    }
}
