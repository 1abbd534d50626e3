// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.label.Packets.Packet;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Tcp;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Hosts behind boundaries.
 *
 * <pre>
 *   VM 10.10.1.10 ── A 10.10.1.1 ──┐
 *                    B 10.10.2.1 ──┼── C 10.10.3.1 ── host 10.10.3.20
 *                    D 10.10.4.1 ──┘
 * </pre>
 */
class BoundaryTest {
    private static final Place VM = Packets.place("10.10.1.10", 7);
    private static final Place HOST = Packets.place("10.10.3.20", 40_000);
    private static final byte[] REALM = new byte[32];

    private record Datagram(IpAddress from, IpAddress to, byte[] octets) {}

    private final SplittableRandom random = new SplittableRandom(1);
    private final Map<IpAddress, Site> sites = new HashMap<>();
    private final ArrayDeque<Datagram> underway = new ArrayDeque<>();
    private final List<DropReason> drops = new ArrayList<>();
    private boolean deaf;
    private long now = 1_000;
    private final Site a = new Site("10.10.1");
    private final Site b = new Site("10.10.2");
    private final Site c = new Site("10.10.3");
    private final Site d = new Site("10.10.4");

    private final class Site implements Boundary.Outbox {
        final String net;
        final Boundary boundary = new Boundary(100, () -> new Token(random.nextLong(), random.nextInt()), this);
        final List<byte[]> released = new ArrayList<>();
        /** Its connections have gone there. */
        @Nullable
        Site moved;

        Site(String net) {
            this.net = net;
            boundary.realmKey(REALM);
        }

        IpAddress gateway() {
            return IpAddress.parse(net + ".1");
        }

        boolean has(IpAddress address) {
            return address.toString().startsWith(net + ".");
        }

        @Override
        public void control(IpAddress from, IpAddress to, byte[] message) {
            assertThat(has(from)).as(from + " is of " + net).isTrue();
            underway.add(new Datagram(from, to, message));
        }

        @Override
        public void release(Flow flow, byte[] frame) {
            released.add(frame);
        }

        void adopt(Site from) {
            byte[] state = FlowTransfer.write(from.boundary.flows(f -> f.own().equals(VM)));
            from.moved = this;
            boundary.adopt(
                    FlowTransfer.read(state, 100, now).orElseThrow(),
                    own -> Optional.of(has(own) ? own : gateway()),
                    now);
        }
    }

    @BeforeEach
    void routes() {
        for (Site site : List.of(a, b, c, d)) {
            sites.put(site.gateway(), site);
        }
    }

    private Site siteOf(IpAddress address) {
        return sites.values().stream().filter(s -> s.has(address)).findFirst().orElseThrow();
    }

    /** Datagrams arrive; what is for a connection that has gone goes after it. */
    private void settle() {
        for (int i = 0; i < 100 && !underway.isEmpty(); i++) {
            Datagram next = underway.remove();
            Site at = siteOf(next.to());
            if (at.moved != null && at.moved.boundary.size() > 0) {
                at = at.moved;
            }
            if (!deaf) {
                DropReason drop = at.boundary.heard(next.octets(), next.from(), now);
                if (drop.isDrop()) {
                    drops.add(drop);
                }
            }
        }
    }

    private Packet across(Site from, Site to, Packet packet) {
        return across(from, to, packet, true);
    }

    /** From host to host; the packet as it was on the underlay is what {@code seen} has. */
    private Packet seen = Packets.syn(VM, HOST, 0);

    private Packet across(Site from, Site to, Packet sent, boolean withOptions) {
        Packet packet = sent;
        Segment s = packet.segment();
        if (s.isSyn()) {
            packet = packet.longer(from.boundary.greet(s, now));
            s = packet.segment();
        }
        Flow flow = from.boundary.outbound(s);
        if (flow != null) {
            from.boundary.depart(flow, s, false, now);
        }
        assertThat(packet.isIntact()).isTrue();
        seen = new Packet(
                java.lang.foreign.MemorySegment.ofArray(
                        packet.memory().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE)),
                packet.ipBytes());
        Segment t = packet.segment();
        if (t.isSyn()) {
            if (!withOptions) {
                int at = LabelOption.find(t.memory, t.tcp, t.tcpBytes);
                if (at != LabelOption.ABSENT) {
                    LabelOption.blank(t.memory, t.tcp, at, false);
                }
            }
            to.boundary.meet(t, false, true, now);
        }
        Flow there = to.boundary.inbound(t);
        if (there != null) {
            to.boundary.arrive(there, t, false, now);
        }
        assertThat(packet.isIntact()).isTrue();
        return packet;
    }

    private void setUp(boolean withOptions) {
        across(c, a, Packets.syn(HOST, VM, 100), withOptions);
        across(a, c, Packets.synAck(VM, HOST, 500, 101), withOptions);
        across(c, a, Packets.data(HOST, VM, 101, 501, ""));
        settle();
    }

    private static Flow flow(Site at) {
        List<Flow> flows = at.boundary.flows(f -> true);
        assertThat(flows).hasSize(1);
        return flows.getFirst();
    }

    private void talk(Site vmAt) {
        Packet up = Packets.data(HOST, VM, 101, 501, "hello");
        byte[] before = up.octets();
        assertThat(across(c, vmAt, up).octets()).isEqualTo(before);
        Packet down = Packets.data(VM, HOST, 501, 106, "world");
        before = down.octets();
        assertThat(across(vmAt, c, down).octets()).isEqualTo(before);
    }

    @Test
    void aHandshakeMakesALabelAndDataSegmentsAreAsTheyWere() {
        setUp(true);
        assertThat(flow(c).isOpen()).isTrue();
        assertThat(flow(a).isOpen()).isTrue();
        assertThat(flow(a).label()).isEqualTo(flow(c).label()).isNotZero();
        assertThat(flow(c).state().waiting()).isEmpty();
        talk(a);
        assertThat(seen.source()).isEqualTo(VM);
        assertThat(drops).isEmpty();
    }

    @Test
    void aMovedConnectionHasTheNewSitesAddressAndNotAnOctetMore() {
        setUp(true);
        b.adopt(a);
        settle();
        talk(b);
        assertThat(seen.source()).isEqualTo(Packets.place("10.10.2.1", 7));
        assertThat(seen.ipBytes()).isEqualTo(45);
        assertThat(flow(b).state()).isEqualTo(LabelState.settled());
        a.boundary.leave(flow(a));
        b.moved = null;
        a.moved = null;
        a.adopt(b);
        settle();
        talk(a);
        assertThat(seen.source()).isEqualTo(VM);
        assertThat(flow(a).isRemapped()).isFalse();
        assertThat(drops).isEmpty();
    }

    @Test
    void strippedOptionsLeavePlainTcpForEver() {
        setUp(false);
        assertThat(c.boundary.size() + a.boundary.size()).isZero();
        talk(a);
        assertThat(underway).isEmpty();
    }

    @Test
    void anEchoThatIsStrippedMakesNoLabelEither() {
        across(c, a, Packets.syn(HOST, VM, 100), true);
        across(a, c, Packets.synAck(VM, HOST, 500, 101), false);
        settle();
        assertThat(c.boundary.size()).isZero();
        now += LabelMachine.SET_UP_MS;
        a.boundary.tick(now);
        assertThat(a.boundary.size()).isZero();
    }

    @Test
    void aMirrorOfTheOptionIsNoEcho() {
        across(c, a, Packets.syn(HOST, VM, 100), true);
        Packet answer = Packets.synAck(VM, HOST, 500, 101);
        Segment s = answer.segment();
        LabelOption.append(s.memory, s.ip, s.v6, s.tcp, FlowSecret.keyName(REALM), flow(c).token, false);
        c.boundary.meet(answer.longer(LabelOption.BYTES).segment(), false, true, now);
        assertThat(c.boundary.size()).isZero();
    }

    @Test
    void whoHasNotTheRealmsKeyIsPlainWhereItIsWanted() {
        a.boundary.realmKey(new byte[0]);
        setUp(true);
        assertThat(c.boundary.size()).isZero();
        assertThat(a.boundary.size()).isZero();
    }

    @Test
    void theThirdSynHasNoOption() {
        for (int i = 0; i < 3; i++) {
            Packet syn = Packets.syn(HOST, VM, 100);
            assertThat(c.boundary.greet(syn.segment(), now)).isEqualTo(i < 2 ? LabelOption.BYTES : 0);
        }
    }

    @Test
    void aResumeWithAWrongCodeMovesNothing() {
        setUp(true);
        Place before = flow(c).peerPlace();
        FlowSecret guessed = new FlowSecret(flow(c).label(), new byte[32]);
        byte[] forged = new ControlMessage(
                        ControlMessage.Kind.RESUME,
                        false,
                        flow(c).label(),
                        1000,
                        0,
                        0,
                        Optional.of(Packets.place("10.10.4.66", 7)))
                .write(guessed);
        assertThat(c.boundary.heard(forged, IpAddress.parse("10.10.4.66"), now)).isEqualTo(DropReason.UNAUTHENTICATED);
        assertThat(flow(c).peerPlace()).isEqualTo(before);
        assertThat(c.boundary.refused()).isEqualTo(1);
        assertThat(underway).isEmpty();
    }

    @Test
    void aReplayedResumeMovesNothing() {
        setUp(true);
        b.adopt(a);
        Datagram first = underway.peek();
        settle();
        a.boundary.leave(flow(a));
        a.moved = null;
        d.adopt(b);
        b.moved = d;
        b.boundary.leave(flow(b));
        settle();
        assertThat(flow(c).peerPlace()).isEqualTo(Packets.place("10.10.4.1", 7));
        assertThat(first).isNotNull();
        assertThat(c.boundary.heard(first.octets(), first.from(), now)).isEqualTo(DropReason.REPLAYED);
        assertThat(flow(c).peerPlace()).isEqualTo(Packets.place("10.10.4.1", 7));
    }

    @Test
    void aResumeThatNamesAThirdPartyIsNotDone() {
        setUp(true);
        b.adopt(a);
        Datagram resume = underway.remove();
        assertThat(c.boundary.heard(resume.octets(), IpAddress.parse("10.10.4.66"), now))
                .isEqualTo(DropReason.SPOOFED);
        assertThat(flow(c).peerPlace()).isEqualTo(VM);
    }

    @Test
    void bothEndsMoveAtTheSameTime() {
        setUp(true);
        b.adopt(a);
        byte[] hosts = FlowTransfer.write(c.boundary.flows(f -> true));
        c.moved = d;
        d.boundary.adopt(FlowTransfer.read(hosts, 10, now).orElseThrow(), own -> Optional.of(d.gateway()), now);
        settle();
        Packet up = Packets.data(HOST, VM, 101, 501, "hello");
        byte[] before = up.octets();
        assertThat(across(d, b, up).octets()).isEqualTo(before);
        assertThat(seen.source()).isEqualTo(new Place(d.gateway(), 40_000));
        assertThat(seen.destination()).isEqualTo(new Place(b.gateway(), 7));
        assertThat(flow(d).state()).isEqualTo(LabelState.settled());
        assertThat(flow(b).state()).isEqualTo(LabelState.settled());
    }

    @Test
    void aResumeIsSentUntilItIsAnsweredAndSegmentsWaitMeanwhile() {
        setUp(true);
        deaf = true;
        b.adopt(a);
        settle();
        assertThat(flow(b).isWaiting(now)).isFalse();
        for (int i = 0; i < 120_000 / 50; i++) {
            now += 50;
            assertThat(b.boundary.tick(now)).isTrue();
            settle();
        }
        assertThat(flow(b).isWaiting(now)).isTrue();
        Packet data = Packets.data(VM, HOST, 501, 101, "late");
        assertThat(b.boundary.hold(flow(b), data.segment(), data.memory(), 0, 14 + data.ipBytes()))
                .isTrue();
        assertThat(b.boundary.hold(flow(b), data.segment(), data.memory(), 0, 14 + data.ipBytes()))
                .isTrue();
        deaf = false;
        now += 2_000;
        b.boundary.tick(now);
        settle();
        assertThat(flow(b).isWaiting(now)).isFalse();
        assertThat(b.released).as("a segment that was sent again is kept once").hasSize(1);
        assertThat(flow(c).peerPlace()).isEqualTo(new Place(b.gateway(), 7));
    }

    @Test
    void aStoppedHostIsWaitedForAndGoesOn() {
        setUp(true);
        a.boundary.stopped(flow(a), now);
        settle();
        assertThat(flow(c).isWaiting(now)).isTrue();
        Packet data = Packets.data(HOST, VM, 101, 501, "patience");
        assertThat(c.boundary.hold(flow(c), data.segment(), data.memory(), 0, 14 + data.ipBytes()))
                .isTrue();
        now += 120_000;
        c.boundary.tick(now);
        a.boundary.runs(flow(a), now);
        settle();
        assertThat(flow(c).isWaiting(now)).isFalse();
        assertThat(c.released).hasSize(1);
    }

    @Test
    void aPlaceWhereAnotherConnectionIsIsNotTaken() {
        setUp(true);
        // Another host at C's has the same connection to the same place, as far as the underlay can tell.
        Place alien = Packets.place("10.10.1.11", 7);
        Boundary.Introduction other =
                new Boundary.Introduction(alien, HOST, new Place(b.gateway(), 7), new Token(1, 1));
        assertThat(c.boundary.introduced(other, HOST.address(), now)).isPresent();
        List<Flow> atC = c.boundary.flows(f -> f.peer().equals(VM));
        assertThat(atC).hasSize(1);
        b.adopt(a);
        settle();
        Flow moved = flow(b);
        assertThat(moved.ownPlace().address()).isEqualTo(b.gateway());
        assertThat(moved.ownPlace().port()).isNotEqualTo(7);
        assertThat(moved.state()).isEqualTo(LabelState.settled());
        assertThat(drops).containsExactly(DropReason.PLACE_TAKEN);
        Packet down = Packets.data(VM, HOST, 501, 101, "world");
        byte[] before = down.octets();
        assertThat(across(b, c, down).octets()).isEqualTo(before);
    }

    @Test
    void aConnectionThatNoBoundarySawBeginIsIntroduced() {
        Boundary.Introduction ours = b.boundary.introduction(VM, HOST, b.gateway());
        Boundary.Introduction theirs =
                c.boundary.introduced(ours, HOST.address(), now).orElseThrow();
        assertThat(flow(c).isOpen()).isFalse();
        b.boundary.accepted(ours, theirs, now);
        settle();
        assertThat(flow(b).state()).isEqualTo(LabelState.settled());
        assertThat(flow(c).isOpen()).isTrue();
        talk(b);
        assertThat(seen.source()).isEqualTo(new Place(b.gateway(), 7));
        assertThat(c.boundary.introduced(ours, HOST.address(), now))
                .as("it is known well")
                .isEmpty();
        assertThat(drops).isEmpty();
    }

    @Test
    void theTableIsBounded() {
        for (int i = 0; i < 1000; i++) {
            c.boundary.greet(
                    Packets.syn(new Place(HOST.address(), 1024 + i), VM, i).segment(), now);
        }
        assertThat(c.boundary.size()).isEqualTo(25);
        now += LabelMachine.SET_UP_MS;
        c.boundary.tick(now);
        assertThat(c.boundary.size()).isZero();
        assertThat(c.boundary.greet(Packets.syn(HOST, VM, 1).segment(), now)).isEqualTo(LabelOption.BYTES);
    }

    @Test
    void anEndedConnectionIsForgotten() {
        setUp(true);
        across(c, a, Packets.tcp(HOST, VM, Tcp.FIN | Tcp.ACK, 101, 501, new byte[0], new byte[0]));
        assertThat(flow(a).isOpen()).isTrue();
        across(a, c, Packets.tcp(VM, HOST, Tcp.FIN | Tcp.ACK, 501, 102, new byte[0], new byte[0]));
        settle();
        assertThat(flow(a).state()).isInstanceOf(LabelState.Closed.class);
        now += 70_000;
        a.boundary.tick(now);
        c.boundary.tick(now);
        assertThat(a.boundary.size() + c.boundary.size()).isZero();
    }

    @Test
    void aBlindResetEndsNoLabel() {
        setUp(true);
        across(a, c, Packets.tcp(VM, HOST, Tcp.RST, 77_777, 0, new byte[0], new byte[0]));
        assertThat(flow(c).isOpen()).isTrue();
        across(a, c, Packets.tcp(VM, HOST, Tcp.RST, 501, 0, new byte[0], new byte[0]));
        assertThat(flow(c).isOpen()).isFalse();
    }

    @Test
    void aBlindSynEndsNoLabel() {
        setUp(true);
        a.boundary.meet(Packets.syn(HOST, VM, 77_777).segment(), false, true, now);
        assertThat(flow(a).isOpen()).isTrue();
        Packet again = Packets.synAck(VM, HOST, 500, 101);
        assertThat(a.boundary.greet(again.segment(), now)).as("sent again").isEqualTo(LabelOption.BYTES);
        Packet anew = Packets.synAck(VM, HOST, 9_000, 77_778);
        assertThat(a.boundary.greet(anew.segment(), now))
                .as("the host knows of no such connection")
                .isZero();
        assertThat(a.boundary.size()).isZero();
    }

    @Test
    void multipathTcpIsLeftAlone() {
        byte[] capable = {30, 4, 0x01, 0x01};
        Packet syn = Packets.tcp(HOST, VM, Tcp.SYN, 1, 0, capable, new byte[0]);
        assertThat(c.boundary.greet(syn.segment(), now)).isZero();
        assertThat(c.boundary.size()).isZero();
    }

    @Test
    void whatIsHandedOnIsReadOrRefusedWhole() {
        setUp(true);
        byte[] state = FlowTransfer.write(a.boundary.flows(f -> true));
        assertThat(FlowTransfer.read(state, 1, now)).isPresent();
        assertThat(FlowTransfer.read(state, 0, now)).isEmpty();
        for (int length = 0; length < state.length; length++) {
            assertThat(FlowTransfer.read(java.util.Arrays.copyOf(state, length), 10, now))
                    .isEmpty();
        }
        assertThat(FlowTransfer.read(java.util.Arrays.copyOf(state, state.length + 1), 10, now))
                .isEmpty();
    }
}
