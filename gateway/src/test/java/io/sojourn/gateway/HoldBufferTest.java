// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class HoldBufferTest {
    private final MemorySegment frame = Arena.ofAuto().allocate(10_000);

    @Test
    void framesComeOutInTheOrderAndFormInWhichTheyWentIn() {
        SplittableRandom random = new SplittableRandom(7);
        Deque<byte[]> model = new ArrayDeque<>();
        try (HoldBuffer buffer = new HoldBuffer(4 << 20)) {
            for (int i = 0; i < 50_000; i++) {
                if (random.nextInt(100) < 55) {
                    byte[] bytes = new byte[1 + random.nextInt(9_100)];
                    random.nextBytes(bytes);
                    MemorySegment.copy(bytes, 0, frame, ValueLayout.JAVA_BYTE, 0, bytes.length);
                    if (buffer.add(frame, 0, bytes.length)) {
                        model.addLast(bytes);
                    }
                } else if (!model.isEmpty()) {
                    byte[] expected = model.removeFirst();
                    assertThat(buffer.frameLength()).isEqualTo(expected.length);
                    assertThat(buffer.frames()
                                    .asSlice(buffer.frameAt(), expected.length)
                                    .toArray(ValueLayout.JAVA_BYTE))
                            .isEqualTo(expected);
                    buffer.remove();
                }
                assertThat(buffer.count()).isEqualTo(model.size());
                assertThat(buffer.isEmpty()).isEqualTo(model.isEmpty());
            }
        }
    }

    @Test
    void aFrameThatDoesNotFitIsRefusedAndOlderOnesStay() {
        try (HoldBuffer buffer = new HoldBuffer(4_096)) {
            int accepted = 0;
            while (buffer.add(frame, 0, 1_000)) {
                accepted++;
            }
            assertThat(accepted).isEqualTo(4);
            assertThat(buffer.count()).isEqualTo(4);
            buffer.remove();
            assertThat(buffer.add(frame, 0, 1_000)).isTrue();
        }
    }
}
