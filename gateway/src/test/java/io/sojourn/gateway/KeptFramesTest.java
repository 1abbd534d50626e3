// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class KeptFramesTest {
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int ICMPV6 = 58;
    private static final int FRAGMENT = 44;
    private static final int TAG_AT = 14 + 40 + 8 + 8;
    private static final int SOURCE_END = 37;
    private static final int LENGTH = TAG_AT + 8;

    private final MemorySegment frame = Arena.ofAuto().allocate(2_000);

    @Test
    void datagramsGoBeforeTcpAndNeitherWaitsForEver() {
        try (KeptFrames kept = new KeptFrames(1 << 20)) {
            for (int i = 0; i < 3; i++) {
                add(kept, TCP, 0, i);
            }
            for (int i = 0; i < 30; i++) {
                add(kept, UDP, 0, 100 + i);
            }
            List<Integer> out = drain(kept);
            assertThat(out.subList(0, 16))
                    .containsExactlyElementsOf(IntStream.range(100, 116).boxed().toList());
            assertThat(out.get(16)).isEqualTo(0);
            assertThat(out).hasSize(33).doesNotHaveDuplicates();
        }
    }

    @Test
    void thePatientWaitAsLongAsTheyAreTold() {
        try (KeptFrames kept = new KeptFrames(1 << 20)) {
            add(kept, TCP, 0, 0);
            for (int i = 0; i < 20; i++) {
                add(kept, UDP, 0, 100 + i);
            }
            kept.letPatientWait(true);
            for (int i = 0; i < 20; i++) {
                assertThat(kept.hasNext()).isTrue();
                assertThat(take(kept)).isEqualTo(100 + i);
            }
            assertThat(kept.hasNext()).isFalse();
            assertThat(kept.isEmpty()).isFalse();
            kept.letPatientWait(false);
            assertThat(kept.hasNext()).isTrue();
            assertThat(take(kept)).isZero();
            assertThat(kept.hasNext()).isFalse();
        }
    }

    @Test
    void nobodyWaitsBehindALoudOne() {
        try (KeptFrames kept = new KeptFrames(1 << 20)) {
            for (int i = 0; i < 20; i++) {
                add(kept, UDP, 0, i);
            }
            for (int other = 3; other < 6; other++) {
                write(UDP, 0, 100 + other);
                frame.set(ValueLayout.JAVA_BYTE, SOURCE_END, (byte) other);
                assertThat(kept.add(frame, 0, LENGTH)).isTrue();
            }
            List<Integer> out = drain(kept);
            assertThat(out.subList(0, 5)).containsExactly(0, 103, 104, 105, 1);
            assertThat(out).hasSize(23).doesNotHaveDuplicates();
        }
    }

    @Test
    void aFlowKeepsItsOrderWhetherOrNotItsPacketsAreFragments() {
        SplittableRandom random = new SplittableRandom(3);
        try (KeptFrames kept = new KeptFrames(4 << 20)) {
            int[] protocols = {TCP, UDP, ICMPV6};
            int[] sent = new int[3];
            int[] seen = new int[3];
            for (int i = 0; i < 5_000; i++) {
                int flow = random.nextInt(3);
                if (random.nextInt(3) > 0) {
                    add(kept, protocols[flow], random.nextInt(3), flow << 16 | sent[flow]++);
                } else if (!kept.isEmpty()) {
                    int tag = take(kept);
                    assertThat(tag & 0xFFFF).isEqualTo(seen[tag >> 16]++);
                }
            }
            drain(kept).forEach(tag -> assertThat(tag & 0xFFFF).isEqualTo(seen[tag >> 16]++));
            assertThat(seen).containsExactly(sent);
        }
    }

    @Test
    void theBoundIsForBothTogether() {
        try (KeptFrames kept = new KeptFrames(10 * (LENGTH + 16))) {
            int fits = 0;
            while (write(TCP, 0, fits) && kept.add(frame, 0, LENGTH)) {
                fits++;
            }
            assertThat(fits).isBetween(8, 11);
            write(UDP, 0, 0);
            assertThat(kept.add(frame, 0, LENGTH)).isFalse();
            kept.remove();
            assertThat(kept.add(frame, 0, LENGTH)).isTrue();
            assertThat(kept.count()).isEqualTo(fits);
        }
    }

    @Test
    void whatLeadsIsKeptUntilTheGuestIsKnownToRun() {
        try (KeptFrames kept = new KeptFrames(1 << 20)) {
            addOfTwo(kept);
            while (kept.pairsWaiting() > 0) {
                kept.lead();
            }
            assertThat(kept.count()).isEqualTo(5);
            assertThat(drain(kept)).as("it never ran: all of it goes back").containsExactly(0, 102, 1, 2, 103);
        }
        try (KeptFrames kept = new KeptFrames(1 << 20)) {
            addOfTwo(kept);
            kept.lead();
            assertThat(kept.forgetLed()).isEqualTo(1);
            assertThat(drain(kept)).as("it had the first").containsExactly(102, 1, 2, 103);
        }
    }

    private void addOfTwo(KeptFrames kept) {
        for (int i = 0; i < 3; i++) {
            add(kept, UDP, 0, i);
        }
        for (int i = 102; i < 104; i++) {
            write(UDP, 0, i);
            frame.set(ValueLayout.JAVA_BYTE, SOURCE_END, (byte) 7);
            assertThat(kept.add(frame, 0, LENGTH)).isTrue();
        }
    }

    private void add(KeptFrames kept, int protocol, int fragment, int tag) {
        write(protocol, fragment, tag);
        assertThat(kept.add(frame, 0, LENGTH)).isTrue();
    }

    private static List<Integer> drain(KeptFrames kept) {
        List<Integer> out = new ArrayList<>();
        while (!kept.isEmpty()) {
            out.add(take(kept));
        }
        return out;
    }

    private static int take(KeptFrames kept) {
        HoldBuffer next = kept.next();
        int tag = next.frames().get(ValueLayout.JAVA_INT_UNALIGNED, next.frameAt() + TAG_AT);
        kept.remove();
        return tag;
    }

    /** IPv6; {@code fragment} 0: whole, 1: the first of a packet, 2: a later one (RFC 8200, section 4.5). */
    private boolean write(int protocol, int fragment, int tag) {
        ByteBuffer b = frame.asByteBuffer();
        b.clear();
        b.put(new byte[LENGTH]);
        b.put(0, (byte) 0x52).put(6, (byte) 0x52).putShort(12, (short) 0x86DD);
        b.putInt(14, 0x6000_0000).putShort(18, (short) (LENGTH - 54));
        b.put(20, (byte) (fragment == 0 ? protocol : FRAGMENT)).put(21, (byte) 64);
        b.put(22, (byte) 0xFD).put(38, (byte) 0xFD).put(37, (byte) 1).put(53, (byte) 2);
        if (fragment != 0) {
            b.put(54, (byte) protocol).putShort(56, (short) (fragment == 1 ? 1 : 8 << 3 | 1));
        }
        frame.set(ValueLayout.JAVA_INT_UNALIGNED, TAG_AT, tag);
        return true;
    }
}
