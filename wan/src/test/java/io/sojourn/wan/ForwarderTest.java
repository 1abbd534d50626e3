// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.Icmp4;
import io.sojourn.wire.Icmp6;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ForwarderTest {
    private static final long MS = 1_000_000L;

    private static LinkProfile delay(double delayMs, double jitterMs) {
        return new LinkProfile(delayMs, jitterMs, 0, 0, 0, 0, 0, 100, 1500, false);
    }

    private static LinkProfile chances(double loss, double duplicate, double reorder, double corrupt) {
        return new LinkProfile(20, 0, loss, duplicate, reorder, corrupt, 0, 100, 1500, false);
    }

    private static LinkProfile rate(double rateMbit, double queueMs) {
        return new LinkProfile(0, 0, 0, 0, 0, 0, rateMbit, queueMs, 1500, false);
    }

    private static MemorySegment last(MemoryDevice device) {
        return MemorySegment.ofArray(device.fromWan.getLast().packet());
    }

    @Test
    void deliversAfterTheDelayWithOneHopLess() {
        try (WanScene scene = new WanScene(delay(125, 0))) {
            long sentNs = scene.nowNs;
            scene.a.toWan.add(Packets.ipv4(WanScene.A4, WanScene.B4, 100, 0, 64, 7));
            scene.a.toWan.add(Packets.ipv6(WanScene.A6, WanScene.B6, 100, 64, 8));
            scene.read();
            assertThat(scene.forwarder.nextDueNs()).isEqualTo(sentNs + 125 * MS);
            scene.advance(200 * MS);
            assertThat(scene.arrivedAtB()).containsExactly(7, 8);
            assertThat(scene.b.fromWan).allMatch(d -> d.atNs() == sentNs + 125 * MS);
            MemorySegment v4 = MemorySegment.ofArray(scene.b.fromWan.getFirst().packet());
            assertThat(Ipv4.ttl(v4, 0)).isEqualTo(63);
            assertThat(Checksum.isIntact(Checksum.sum(v4, 0, 20))).isTrue();
            assertThat(Ipv6.hopLimit(last(scene.b), 0)).isEqualTo(63);
            assertThat(scene.forwarder.poolUsed()).isZero();
        }
    }

    @Test
    void jitterSpreadsButKeepsOrder() {
        try (WanScene scene = new WanScene(delay(10, 5))) {
            scene.sendIpv4(1000, 100, MS / 10);
            scene.advance(100 * MS);
            assertThat(scene.arrivedAtB())
                    .isEqualTo(IntStream.range(0, 1000).boxed().toList());
            assertThat(scene.b.fromWan.stream()
                            .map(MemoryDevice.Delivery::atNs)
                            .distinct()
                            .count())
                    .isGreaterThan(50);
        }
    }

    @Test
    void losesTheSamePacketsWithTheSameSeedWhateverElseIsSet() {
        List<Integer> plain = survivors(chances(0.1, 0, 0, 0), 7);
        assertThat(plain).hasSizeBetween(1700, 1900).isEqualTo(survivors(chances(0.1, 0, 0, 0), 7));
        assertThat(new HashSet<>(plain)).isEqualTo(new HashSet<>(survivors(chances(0.1, 0, 0.3, 0), 7)));
        assertThat(plain).isNotEqualTo(survivors(chances(0.1, 0, 0, 0), 8));
    }

    private static List<Integer> survivors(LinkProfile profile, long seed) {
        try (WanScene scene = new WanScene(profile, seed, 8 << 20)) {
            scene.sendIpv4(2000, 100, MS);
            scene.advance(100 * MS);
            assertThat(scene.ab.counters.lost).isEqualTo(2000 - scene.b.fromWan.size());
            return scene.arrivedAtB();
        }
    }

    @Test
    void duplicatesReordersAndCorruptsAsOftenAsAsked() {
        try (WanScene scene = new WanScene(chances(0, 0.2, 0, 0))) {
            scene.sendIpv4(1000, 100, MS);
            scene.advance(100 * MS);
            assertThat(scene.ab.counters.duplicated).isBetween(150L, 250L);
            assertThat(scene.b.fromWan).hasSize(1000 + (int) scene.ab.counters.duplicated);
        }
        try (WanScene scene = new WanScene(chances(0, 0, 0.2, 0))) {
            scene.sendIpv4(1000, 100, MS);
            scene.advance(100 * MS);
            assertThat(scene.ab.counters.reordered).isBetween(150L, 250L);
            assertThat(scene.arrivedAtB())
                    .hasSize(1000)
                    .isNotEqualTo(scene.arrivedAtB().stream().sorted().toList());
        }
        try (WanScene scene = new WanScene(chances(0, 0, 0, 1))) {
            byte[] sent = Packets.ipv4(WanScene.A4, WanScene.B4, 100, 0, 64, 0);
            scene.a.toWan.add(sent.clone());
            scene.read();
            scene.advance(100 * MS);
            byte[] got = scene.b.fromWan.getFirst().packet();
            int flipped = 0;
            for (int i = 20; i < 100; i++) {
                flipped += Integer.bitCount((got[i] ^ sent[i]) & 0xff);
            }
            assertThat(flipped).isEqualTo(1);
        }
    }

    @Test
    void aLineHasARateAndABoundedQueue() {
        // 1250 bytes at 10 Mbit/s take 1 ms.
        try (WanScene scene = new WanScene(rate(10, 5.5))) {
            scene.sendIpv4(20, 1250, 0);
            assertThat(scene.ab.counters.droppedQueue).isEqualTo(14);
            long begin = scene.nowNs;
            scene.advance(100 * MS);
            assertThat(scene.b.fromWan.stream().map(d -> (d.atNs() - begin) / MS))
                    .containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
        }
    }

    @Test
    void tellsTheSenderOfAPacketTooBigInItsFamily() {
        LinkProfile narrow = new LinkProfile(1, 0, 0, 0, 0, 0, 0, 100, 1400, false);
        try (WanScene scene = new WanScene(narrow)) {
            scene.a.toWan.add(Packets.ipv4(WanScene.A4, WanScene.B4, 1500, Ipv4.DONT_FRAGMENT, 64, 0));
            scene.read();
            assertThat(Ipv4.source(last(scene.a), 0)).isEqualTo(0x6440_0101L);
            assertThat(Icmp4.type(last(scene.a), 20)).isEqualTo(Icmp4.DESTINATION_UNREACHABLE);
            assertThat(Icmp4.code(last(scene.a), 20)).isEqualTo(Icmp4.CODE_FRAGMENTATION_NEEDED);
            assertThat(BigEndian.u16(last(scene.a), 26)).isEqualTo(1400);
            scene.a.toWan.add(Packets.ipv6(WanScene.A6, WanScene.B6, 1500, 64, 0));
            scene.read();
            assertThat(Icmp6.type(last(scene.a), 40)).isEqualTo(Icmp6.PACKET_TOO_BIG);
            assertThat(BigEndian.u32(last(scene.a), 44)).isEqualTo(1400);
            assertThat(scene.b.fromWan).isEmpty();
            assertThat(scene.ab.counters.droppedTooBig).isEqualTo(2);
        }
    }

    @Test
    void fragmentsWhatMayBeFragmented() {
        LinkProfile narrow = new LinkProfile(1, 0, 0, 0, 0, 0, 0, 100, 600, false);
        try (WanScene scene = new WanScene(narrow)) {
            scene.a.toWan.add(Packets.ipv4(WanScene.A4, WanScene.B4, 1500, 0, 64, 0));
            scene.read();
            scene.advance(10 * MS);
            assertThat(scene.b.fromWan).hasSize(3).allMatch(d -> d.packet().length <= 600);
            assertThat(scene.b.fromWan.stream()
                            .mapToInt(d -> d.packet().length - 20)
                            .sum())
                    .isEqualTo(1480);
            assertThat(scene.forwarder.poolUsed()).isZero();
        }
    }

    @Test
    void answersATraceroute() {
        try (WanScene scene = new WanScene(delay(1, 0))) {
            scene.a.toWan.add(Packets.ipv4(WanScene.A4, WanScene.B4, 100, 0, 1, 0));
            scene.read();
            assertThat(Icmp4.type(last(scene.a), 20)).isEqualTo(Icmp4.TIME_EXCEEDED);
            scene.a.toWan.add(Packets.ipv6(WanScene.A6, WanScene.B6, 100, 1, 0));
            scene.read();
            assertThat(Icmp6.type(last(scene.a), 40)).isEqualTo(Icmp6.TIME_EXCEEDED);
            assertThat(scene.forwarder.poolUsed()).isZero();
        }
    }

    @Test
    void aPartitionLosesWhatIsOnItsWay() {
        try (WanScene scene = new WanScene(delay(50, 0))) {
            scene.sendIpv4(1, 100, 10 * MS);
            scene.ab.to.down = true;
            scene.sendIpv4(1, 100, 100 * MS);
            assertThat(scene.b.fromWan).isEmpty();
            assertThat(scene.ab.counters.droppedDown).isEqualTo(2);
            scene.ab.to.down = false;
            scene.sendIpv4(1, 100, 100 * MS);
            assertThat(scene.b.fromWan).hasSize(1);
        }
    }

    @Test
    void hostileBytesAreCountedAndNothingElse() {
        try (WanScene scene = new WanScene(delay(1, 0))) {
            byte[] lies = Packets.ipv4(WanScene.A4, WanScene.B4, 100, 0, 64, 0);
            lies[2] = 0x7f;
            scene.a.toWan.add(lies);
            scene.a.toWan.add(new byte[0]);
            scene.a.toWan.add(new byte[] {0x60});
            scene.a.toWan.add(new byte[3000]);
            scene.a.toWan.add(Packets.ipv4(WanScene.A4, 0xe000_0001L, 100, 0, 64, 0));
            scene.a.toWan.add(Packets.ipv4(WanScene.A4, 0x0808_0808L, 100, 0, 64, 0));
            scene.read();
            Place a = scene.ab.from;
            assertThat(List.of(a.malformed, a.tooLong, a.notUnicast, a.noRoute)).containsExactly(3L, 1L, 1L, 1L);
            assertThat(scene.forwarder.poolUsed()).isZero();
        }
    }

    @Test
    void memoryIsBounded() {
        try (WanScene scene = new WanScene(delay(1000, 0), 1, 1 << 20)) {
            scene.sendIpv4(1000, 100, 0);
            assertThat(scene.forwarder.inFlight()).isEqualTo(512);
            assertThat(scene.ab.from.memoryExhausted).isEqualTo(488);
            scene.advance(2000 * MS);
            assertThat(scene.b.fromWan).hasSize(512);
        }
    }

    @Test
    void forwardingAllocatesNothing() {
        MemorySegment packet = Arena.ofAuto().allocate(1400);
        packet.copyFrom(MemorySegment.ofArray(Packets.ipv4(WanScene.A4, WanScene.B4, 1400, 0, 64, 0)));
        PacketDevice source = new PacketDevice() {
            @Override
            public int read(MemorySegment segment, long offset, int maxBytes) {
                MemorySegment.copy(packet, 0, segment, offset, packet.byteSize());
                return (int) packet.byteSize();
            }

            @Override
            public int write(MemorySegment segment, long offset, int bytes) {
                return bytes;
            }
        };
        Place a = new Place("a", source, List.of(Prefix.parse("100.64.1.0/24")));
        Place b = new Place("b", source, List.of(Prefix.parse("100.64.2.0/24")));
        Link ab = new Link(a, b, delay(0, 0), 1);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Forwarder forwarder = new Forwarder(List.of(a, b), new Link[][] {{null, ab}, {null, null}}, 8 << 20)) {
            forward(forwarder, 20_000);
            long before = threads.getCurrentThreadAllocatedBytes();
            long beforeNs = System.nanoTime();
            forward(forwarder, 2_000);
            long tookNs = System.nanoTime() - beforeNs;
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            long packets = 2_000L * 64;
            System.out.printf("forwarding takes %d ns per packet%n", tookNs / packets);
            assertThat(allocated / packets).as("bytes allocated per packet").isZero();
            assertThat(ab.counters.delivered).isEqualTo(22_000L * 64);
        }
    }

    private static void forward(Forwarder forwarder, int rounds) {
        NanoClock clock = System::nanoTime;
        for (int i = 0; i < rounds; i++) {
            forwarder.receive(0, 64, clock);
            forwarder.deliver(clock);
        }
    }
}
