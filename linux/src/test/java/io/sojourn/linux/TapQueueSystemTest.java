// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
            links.setTxQueueLength(tap.ifindex(), 3000);
            try (TapQueue queue = TapQueue.watch(tap.ifindex())) {
                send(sender, 0, 2000);
                assertThat(queue.poll()).isEqualTo(2000);
                assertThat(queue.unreadCount()).isEqualTo(TapQueue.KEPT_FRAMES);
                assertThat(queue.unread(0).get(JAVA_INT_UNALIGNED, 20)).isEqualTo(2000 - TapQueue.KEPT_FRAMES);
            }
        });
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
