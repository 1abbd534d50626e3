// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.Floating;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two gateways with a way to the world each, and a VM that moves between them. What would be on the underlay is a list of packets. */
class FlowPathTest {
    private static final String HOST = "203.0.113.9";
    private static final long DEVICE_MAC = 0x0200_0000_00AAL;
    private static final String VM = "192.0.2.1";

    private static final class Site extends PathStage {
        final CollectingDevice world = new CollectingDevice();
        final FlowBook book = new FlowBook(table, 4_096);
        final FlowPath flows;
        final FlowMoves moves;

        Site(String name, int number) {
            super(name);
            FlowGuard guard = new FlowGuard(book, counters);
            flows = new FlowPath(
                    table,
                    book,
                    guard,
                    new GatewayConfig.Egress(
                            List.of(IpPrefix.parse("100.70." + number + ".1/32")),
                            List.of(IpPrefix.parse("100.71." + number + ".0/24")),
                            4_096),
                    new PagePort.Opened(world, DEVICE_MAC),
                    inside,
                    counters);
            moves = new FlowMoves(table, wan, book, flows, counters);
            moves.datagrams().key(new byte[32]);
            inside.outOf(flows, guard);
            outside.outOf(flows);
            delivery.guardedBy(guard);
        }

        @Override
        public void flowState(Peer from, byte[] datagram, long nowNs) {
            moves.datagrams().heard(from, datagram, nowNs);
        }

        /** The VM says something to the world, from here. */
        void say(int port, String to, int toPort) {
            long at = wan.frameAt();
            MemorySegment s = wan.frames();
            s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES).fill((byte) 0);
            int length = packet(s, at, PathStage.mac(1), VM, port, to, toPort);
            fromLan(length);
            wan.flush();
        }

        /** The world says something, and this is where the underlay brings it. */
        void hear(String from, int fromPort, String to, int toPort) {
            byte[] room = new byte[60];
            MemorySegment s = MemorySegment.ofArray(room);
            packet(s, 0, DEVICE_MAC, from, fromPort, to, toPort);
            world.toRead.add(room);
            flows.at(System.nanoTime());
            requireNonNull(flows.underlay()).poll();
            wan.flush();
        }
    }

    private final Site a = new Site("a", 1);
    private final Site b = new Site("b", 2);
    private final List<String> rules = new ArrayList<>();
    private final List<Floating> floating = new ArrayList<>();

    private static int packet(MemorySegment s, long at, long mac, String from, int port, String to, int toPort) {
        int length = 14 + 20 + 8 + 18;
        s.asSlice(at, length).fill((byte) 0);
        Ethernet.write(s, at, LanPort.ANYCAST_MAC, mac, EtherType.IPV4);
        Ipv4.write(
                s,
                at + 14,
                0,
                length - 14,
                Ipv4.DONT_FRAGMENT,
                64,
                IpProtocol.UDP,
                IpAddress.parse(from).low(),
                IpAddress.parse(to).low());
        BigEndian.putU16(s, at + 34, port);
        BigEndian.putU16(s, at + 36, toPort);
        BigEndian.putU16(s, at + 38, 26);
        return length;
    }

    private static List<String> shown(List<byte[]> frames) {
        List<String> out = new ArrayList<>();
        for (byte[] frame : frames) {
            MemorySegment s = PathStage.copy(frame);
            if (Ethernet.type(s, 0) == EtherType.IPV4) {
                out.add(IpAddress.v4((int) Ipv4.source(s, 14)) + ":" + BigEndian.u16(s, 34) + " > "
                        + IpAddress.v4((int) Ipv4.destination(s, 14)) + ":" + BigEndian.u16(s, 36));
            }
        }
        frames.clear();
        return out;
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b);
        bind("a", 1);
    }

    private void bind(String gateway, long epoch) {
        for (Site site : List.of(a, b)) {
            site.table.apply(TableUpdate.newBuilder()
                    .addVms(Vm.newBuilder()
                            .setName("vm1")
                            .setGateway(gateway)
                            .setEpoch(epoch)
                            .addAllRules(rules)
                            .addAllFloating(floating)
                            .addNics(Nic.newBuilder()
                                    .setMac(new MacAddress(PathStage.mac(1)).toString())
                                    .setNetwork(PathStage.NETWORK)
                                    .addAddresses(VM)))
                    .build());
            site.flows.tableChanged();
        }
    }

    /** Its flows go ahead, then it is there. */
    private void move(Site from, Site to, long epoch) {
        announce(from, to, epoch);
        from.moves.silent(from.vm(1), System.nanoTime());
        PathStage.settle(a, b);
        arrive(from, to, epoch);
    }

    private void announce(Site from, Site to, long epoch) {
        from.vm(1).onMove = true;
        to.vm(1).onMove = true;
        to.moves.expected(to.vm(1), from.id, epoch);
        from.moves.leaves(from.vm(1), to.id, epoch, System.nanoTime());
        PathStage.settle(a, b);
    }

    private void arrive(Site from, Site to, long epoch) {
        bind(to.id.name(), epoch);
        to.moves.activated(to.vm(1), from.id, epoch, System.nanoTime());
        from.vm(1).onMove = false;
        to.vm(1).onMove = false;
        sweep();
    }

    /** Everything that may be forgotten is. */
    private void sweep() {
        long now = System.nanoTime();
        for (int i = 1; i <= 400; i++) {
            a.moves.tick(now + i * 101_000_000L);
            b.moves.tick(now + i * 101_000_000L);
        }
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    @Test
    void aFlowLeavesWhereItBeganOnAndBackAndFurther() {
        a.say(4_000, HOST, 53);
        assertThat(shown(a.world.written)).containsExactly("100.70.1.1:4000 > 203.0.113.9:53");
        a.hear(HOST, 53, "100.70.1.1", 4_000);
        assertThat(shown(a.lan.written)).containsExactly("203.0.113.9:53 > 192.0.2.1:4000");

        move(a, b, 2);
        b.say(4_000, HOST, 53);
        PathStage.settle(a, b);
        assertThat(shown(b.world.written)).isEmpty();
        assertThat(shown(a.world.written)).containsExactly("100.70.1.1:4000 > 203.0.113.9:53");
        a.hear(HOST, 53, "100.70.1.1", 4_000);
        PathStage.settle(a, b);
        assertThat(shown(b.lan.written)).containsExactly("203.0.113.9:53 > 192.0.2.1:4000");
        b.say(4_001, HOST, 53); // a new one
        assertThat(shown(b.world.written)).containsExactly("100.70.2.1:4001 > 203.0.113.9:53");

        move(b, a, 3);
        a.say(4_000, HOST, 53);
        assertThat(shown(a.world.written)).containsExactly("100.70.1.1:4000 > 203.0.113.9:53");
        a.say(4_001, HOST, 53);
        PathStage.settle(a, b);
        assertThat(shown(b.world.written)).containsExactly("100.70.2.1:4001 > 203.0.113.9:53");
        b.hear(HOST, 53, "100.70.2.1", 4_001);
        PathStage.settle(a, b);
        assertThat(shown(a.lan.written)).containsExactly("203.0.113.9:53 > 192.0.2.1:4001");
        assertThat(a.dropped()).isEmpty();
        assertThat(b.dropped()).isEmpty();
    }

    @Test
    void whoseFlowIsNotKnownYetLeavesByWayOfTheSource() {
        a.say(4_000, HOST, 53);
        a.world.written.clear();
        announce(a, b, 2);
        a.say(4_002, HOST, 53); // its last words there: they have not been told
        a.world.written.clear();
        arrive(a, b, 2);
        b.say(4_002, HOST, 53);
        PathStage.settle(a, b);
        assertThat(shown(b.world.written)).isEmpty();
        assertThat(shown(a.world.written)).containsExactly("100.70.1.1:4002 > 203.0.113.9:53");
    }

    @Test
    void whatComesFromOutsideIsAnsweredTheSameWay() {
        floating.add(floating());
        bind("b", 2);
        a.hear(HOST, 999, "100.71.1.7", 443);
        PathStage.settle(a, b);
        assertThat(shown(b.lan.written)).containsExactly("203.0.113.9:999 > 192.0.2.1:8443");
        b.say(8_443, HOST, 999);
        PathStage.settle(a, b);
        assertThat(shown(a.world.written)).containsExactly("100.71.1.7:443 > 203.0.113.9:999");
        a.hear(HOST, 999, "100.71.1.7", 444);
        a.hear(HOST, 999, "100.70.1.1", 443);
        assertThat(a.dropped()).containsEntry("drop-no-flow", 2L);
    }

    private static Floating floating() {
        return Floating.newBuilder()
                .setAddress("100.71.1.7")
                .setNetwork(PathStage.NETWORK)
                .setTo(VM)
                .addPorts("udp/443=8443")
                .build();
    }

    @Test
    void whatHasBegunGoesOnAndWhatIsForbiddenDoesNotBegin() {
        floating.add(floating());
        rules.add("in allow udp port 8443");
        rules.add("in deny any");
        bind("a", 2);
        a.hear(HOST, 999, "100.71.1.7", 443);
        assertThat(shown(a.lan.written)).hasSize(1);
        rules.removeFirst();
        rules.add("out deny any to 198.51.100.0/24");
        bind("a", 3);
        a.hear(HOST, 999, "100.71.1.7", 443);
        assertThat(shown(a.lan.written)).hasSize(1);
        a.hear(HOST, 1_000, "100.71.1.7", 443);
        a.say(5_000, "198.51.100.3", 53);
        assertThat(a.dropped()).containsEntry("drop-filtered", 2L);

        move(a, b, 4);
        a.hear(HOST, 999, "100.71.1.7", 443);
        PathStage.settle(a, b);
        assertThat(shown(b.lan.written)).hasSize(1);
        b.say(5_000, "198.51.100.3", 53);
        assertThat(b.dropped()).containsEntry("drop-filtered", 1L);
    }

    @Test
    void nobodyButTheSourceOfTheMoveIsBelieved() {
        a.say(4_000, HOST, 53);
        b.vm(1).onMove = true;
        b.moves.expected(b.vm(1), new GatewayId("c"), 2);
        a.vm(1).onMove = true;
        a.moves.leaves(a.vm(1), b.id, 2, System.nanoTime());
        PathStage.settle(a, b);
        assertThat(b.book.flows().size()).isZero();
        assertThat(b.dropped()).containsKey("drop-stale-epoch");
    }

    @Test
    void hostileDatagramsEndInACounter() {
        Peer from = requireNonNull(b.table.peer(a.id));
        for (int length = 0; length < 80; length++) {
            b.moves.datagrams().heard(from, new byte[length], 0);
        }
        assertThat(b.dropped().values().stream().mapToLong(n -> n).sum()).isEqualTo(80);
    }
}
