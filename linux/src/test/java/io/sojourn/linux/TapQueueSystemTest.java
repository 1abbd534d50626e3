// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A packet socket sends out of the tap (as a bridge would), the test reads the tap (as QEMU would). */
@Tag("system")
class TapQueueSystemTest {
    private static final int FRAME_BYTES = 100;

    private final NamespaceFixture namespace = new NamespaceFixture();
    private final MemorySegment memory = Arena.ofAuto().allocate(4096);

    @AfterEach
    void remove() {
        namespace.close();
    }

    @Test
    void depthFollowsWhatTheGuestReads() {
        withTap((tap, sender, links) -> {
            try (TapQueue queue = TapQueue.watch(tap.ifindex())) {
                assertThat(queue.poll()).isZero();
                send(sender, 0, 100);
                assertThat(queue.poll()).isEqualTo(100);
                assertThat(read(tap, 30)).isEqualTo(30);
                assertThat(queue.poll()).isEqualTo(70);
                assertThat(queue.unreadCount()).isEqualTo(70);
                for (int i = 0; i < 70; i++) {
                    assertThat(queue.unread(i).byteSize()).isEqualTo(FRAME_BYTES);
                    assertThat(queue.unread(i).get(JAVA_INT_UNALIGNED, 20)).isEqualTo(30 + i);
                }
                assertThat(read(tap, 100)).isEqualTo(70);
                assertThat(queue.poll()).isZero();
                assertThat(queue.unreadCount()).isZero();
                queue.readInVainAfter(98);
                assertThat(queue.poll()).isEqualTo(2);
                assertThat(queue.unread(0).get(JAVA_INT_UNALIGNED, 20)).isEqualTo(98);
            }
        });
    }

    @Test
    void framesTheTapDroppedAreNotCountedAsWaiting() {
        withTap((tap, sender, links) -> {
            links.setTxQueueLength(tap.ifindex(), 50);
            try (TapQueue queue = TapQueue.watch(tap.ifindex())) {
                send(sender, 0, 200);
                long depth = queue.poll();
                assertThat(queue.dropped()).isPositive();
                assertThat(depth).isEqualTo(200 - queue.dropped());
                assertThat(queue.unreadCount()).isEqualTo((int) depth);
                assertThat(queue.unread(0).get(JAVA_INT_UNALIGNED, 20)).isZero();
                assertThat(read(tap, 1000)).isEqualTo((int) depth);
                assertThat(queue.poll()).isZero();
            }
        });
    }

    @Test
    void whatWaitedBeforeTheWatchIsKnownOnceTheQueueWasEmpty() {
        withTap((tap, sender, links) -> {
            send(sender, 0, 10);
            try (TapQueue queue = TapQueue.watch(tap.ifindex())) {
                send(sender, 10, 5);
                assertThat(queue.poll()).isEqualTo(5);
                assertThat(read(tap, 100)).isEqualTo(15);
                assertThat(queue.poll()).isZero();
                send(sender, 15, 3);
                assertThat(queue.poll()).isEqualTo(3);
            }
        });
    }

    @Test
    void moreFramesThanAreKeptAreStillCounted() {
        withTap((tap, sender, links) -> {
            links.setTxQueueLength(tap.ifindex(), 6000);
            try (TapQueue queue = TapQueue.watch(tap.ifindex())) {
                send(sender, 0, 5000);
                assertThat(queue.poll()).isEqualTo(5000);
                assertThat(queue.unreadCount()).isEqualTo(TapQueue.KEPT_FRAMES);
                assertThat(queue.unread(0).get(JAVA_INT_UNALIGNED, 20)).isEqualTo(5000 - TapQueue.KEPT_FRAMES);
            }
        });
    }

    @Test
    void aFrameWhoseChecksumWasLeftToTheDeviceIsGivenBackWhole() {
        namespace.inside(() -> {
            try (Tap tap = Tap.openTap("guest", Set.of(Tap.Flag.VNET_HDR));
                    Links links = new Links();
                    TapQueue queue = TapQueue.watch(tap.ifindex());
                    DatagramBatch batch = new DatagramBatch(1, 2048)) {
                tap.setOffloads(EnumSet.of(Tap.Offload.CSUM, Tap.Offload.TSO4, Tap.Offload.TSO6));
                links.addAddress(tap.ifindex(), new byte[] {10, 10, 1, 1}, 24);
                links.up(tap.ifindex());
                namespace.ip("neighbour replace 10.10.1.10 lladdr 02:00:00:00:00:0a dev guest");
                try (UdpSocket socket = UdpSocket.bind(new InetSocketAddress("10.10.1.1", 5000))) {
                    batch.setPeer(0, PeerAddress.of(new InetSocketAddress("10.10.1.10", 6000)));
                    batch.length(0, 101);
                    batch.slab().asSlice(0, 101).fill((byte) 0x5a);
                    assertThat(socket.send(batch, 0, 1)).isEqualTo(1);
                }
                queue.poll();
                MemorySegment frame = MemorySegment.NULL;
                for (int i = 0; i < queue.unreadCount(); i++) {
                    frame = queue.unread(i).byteSize() == 14 + 20 + 8 + 101 ? queue.unread(i) : frame;
                }
                assertThat(frame.byteSize()).isPositive();
                // The pseudo-header, then the datagram with its checksum: a sum of all ones (RFC 768).
                long sum = 17 + 8 + 101 + words(frame, 26, 34) + words(frame, 34, (int) frame.byteSize());
                assertThat(sum % 0xffff).isZero();
                // What the kernel itself handed to the device was unfinished, else this test proves nothing.
                int flags = 0;
                while (tap.read(memory, 0, 2048) > 0) {
                    flags |= memory.get(JAVA_BYTE, 0);
                }
                assertThat(flags & 1).isEqualTo(1);
            }
            return 0;
        });
    }

    private static long words(MemorySegment segment, int from, int to) {
        long sum = 0;
        for (int i = from; i < to; i++) {
            sum += (segment.get(JAVA_BYTE, i) & 0xff) << ((i - from) % 2 == 0 ? 8 : 0);
        }
        return sum;
    }

    private interface Scene {
        void play(Tap tap, PacketSocket sender, Links links);
    }

    private void withTap(Scene scene) {
        namespace.inside(() -> {
            java.nio.file.Files.writeString(java.nio.file.Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1");
            try (Tap tap = Tap.openTap("guest", Set.of());
                    Links links = new Links()) {
                links.up(tap.ifindex());
                try (PacketSocket sender = PacketSocket.open(tap.ifindex(), 1, Set.of())) {
                    scene.play(tap, sender, links);
                }
            }
            return 0;
        });
    }

    private void send(PacketSocket sender, int first, int count) {
        memory.asSlice(0, 12).fill((byte) 0xff);
        for (int i = 0; i < count; i++) {
            memory.set(JAVA_BYTE, 12, (byte) 0x88);
            memory.set(JAVA_BYTE, 13, (byte) 0xb5);
            memory.set(JAVA_INT_UNALIGNED, 20, first + i);
            assertThat(sender.send(memory, 0, FRAME_BYTES)).isEqualTo(FRAME_BYTES);
        }
    }

    private int read(Tap tap, int atMost) {
        int count = 0;
        while (count < atMost && tap.read(memory, 1024, 2048) > 0) {
            count++;
        }
        return count;
    }
}
