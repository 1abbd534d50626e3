// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static io.sojourn.wire.NeighborDiscovery.OVERRIDE;
import static io.sojourn.wire.NeighborDiscovery.ROUTER;
import static io.sojourn.wire.NeighborDiscovery.SOLICITED;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.Ethernet;
import io.sojourn.wire.NdFrames;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.SojournDatagram;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class InsideTest {
    private static final long PREFIX = 0x2001_0DB8_0000_0000L;

    /** A gateway whose handoff has something to say the moment it sees the VM. */
    private static final class Announcing extends PathStage {
        Announcing() {
            super("d");
        }

        @Override
        public void sighted(VmEntry vm, Sign sign, long now) {
            byte[] announcement = new byte[200];
            announcement[0] = SojournDatagram.MAGIC;
            announcement[1] = SojournDatagram.SIGNAL;
            for (int i = 0; i < 3; i++) {
                wan.sendBytes(table.peers().iterator().next(), announcement);
            }
            wan.flush();
            vm.watched = false;
        }
    }

    /** RFC 4861, section 7.2.5: who is told that a router is none forgets its routes. */
    @Test
    void theRouterFlagSpeaksOfTheTarget() {
        try (PathStage a = new PathStage("a")) {
            PathStage.connect(a);
            PathStage.bind(1, "a", 1, a);
            PathStage.bind(2, "elsewhere", 1, a);

            assertThat(answerTo(a, 2))
                    .as("a VM elsewhere, of which nothing is known")
                    .isEqualTo(SOLICITED | OVERRIDE);
            advertise(a, 1, ROUTER | OVERRIDE);
            a.vm(1).local = false;
            assertThat(answerTo(a, 1)).as("a router that has gone").isEqualTo(ROUTER | SOLICITED | OVERRIDE);
            a.delivery.announce(a.vm(1));
            assertThat(flagsOfTheLastAdvertisement(a)).isEqualTo(ROUTER | OVERRIDE);
            a.vm(1).local = true;
            advertise(a, 1, OVERRIDE);
            a.delivery.announce(a.vm(1));
            assertThat(flagsOfTheLastAdvertisement(a)).as("a router no more").isEqualTo(OVERRIDE);
        }
    }

    private static void advertise(PathStage stage, int vm, int flags) {
        stage.fromLan(
                NdFrames.unsolicited(stage.wan.frames(), stage.wan.frameAt(), PathStage.mac(vm), PREFIX, vm, flags));
    }

    private static int answerTo(PathStage stage, int vm) {
        stage.fromLan(NdFrames.solicitation(
                stage.wan.frames(), stage.wan.frameAt(), PathStage.mac(9), PREFIX, 9, PREFIX, vm));
        return flagsOfTheLastAdvertisement(stage);
    }

    private static int flagsOfTheLastAdvertisement(PathStage stage) {
        byte[] frame = stage.lan.written.getLast();
        ParsedFrame parsed = new ParsedFrame();
        assertThat(parsed.parse(PathStage.copy(frame), 0, frame.length).isDrop())
                .isFalse();
        assertThat(parsed.ndKind()).isEqualTo(NeighborDiscovery.Kind.NEIGHBOR_ADVERTISEMENT);
        return parsed.ndFlags();
    }

    /** A group moves, and its router is still at the old place when a VM behind it is at the new one. */
    @Test
    void whatIsForARouterThatIsElsewhereReachesNeighboursHere() {
        try (PathStage d = new PathStage("d")) {
            PathStage.connect(d);
            PathStage.bind(1, "d", 1, d);
            PathStage.bind(2, "elsewhere", 1, d);
            PathStage.bind(3, "d", 1, d);
            long at = d.wan.frameAt();
            for (int router : new int[] {2, 3}) {
                int length = PathStage.udp(d.wan.frames(), at, 1, 3, router);
                Ethernet.putDestination(d.wan.frames(), at, PathStage.mac(router));
                d.wan.frames()
                        .asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES)
                        .fill((byte) 0);
                d.fromLan(length);
            }
            assertThat(d.delivered(3))
                    .as("once: the bridge has brought the other one")
                    .containsExactly(2);
        }
    }

    /** Its answer must not overtake what the guest answers by way of us. */
    @Test
    void whatAStationSendsToACapturedGuestComesFromUsIfTheAnswerReachesTheStation() {
        try (PathStage d = new PathStage("d")) {
            PathStage.connect(d);
            PathStage.bind(1, "d", 1, d);
            VmEntry vm = d.vm(1);
            vm.captured = true;
            vm.keeping = Whereabouts.Keeping.BEHIND;
            vm.kept = new KeptFrames(100_000);

            assertThat(sourceAsKept(d, vm)).as("a station that nobody knows").isEqualTo(PathStage.mac(9));
            d.port()
                    .neighbours
                    .learn(false, 0, PathStage.SUBNET & 0xFFFF_FFFFL | 9, PathStage.mac(8), System.nanoTime());
            assertThat(sourceAsKept(d, vm))
                    .as("a station with another's address")
                    .isEqualTo(PathStage.mac(9));
            d.port()
                    .neighbours
                    .learn(false, 0, PathStage.SUBNET & 0xFFFF_FFFFL | 9, PathStage.mac(9), System.nanoTime());
            assertThat(sourceAsKept(d, vm)).isEqualTo(LanPort.ANYCAST_MAC);
            vm.kept.close();
        }
    }

    private static long sourceAsKept(PathStage d, VmEntry vm) {
        long at = d.wan.frameAt();
        int length = PathStage.udp(d.wan.frames(), at, 9, 1, 1);
        PathStage.toMac(d.wan.frames(), at, 1);
        d.wan.frames().asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES).fill((byte) 0);
        d.fromLan(length);
        KeptFrames kept = Objects.requireNonNull(vm.kept);
        HoldBuffer next = kept.next();
        long source = Ethernet.source(next.frames(), next.frameAt());
        kept.remove();
        return source;
    }

    @Test
    void theFrameThatActivatesArrivesAsItWasSent() {
        try (PathStage d = new Announcing();
                PathStage c = new PathStage("c")) {
            PathStage.connect(d, c);
            PathStage.bind(1, "d", 1, d, c);
            PathStage.bind(2, "c", 1, d, c);
            d.vm(1).watched = true;

            d.fromLan(1, 2, 77);
            PathStage.settle(c);

            assertThat(c.signals).hasSize(3);
            assertThat(c.delivered(2)).containsExactly(77);
            assertThat(d.dropped()).isEmpty();
        }
    }
}
