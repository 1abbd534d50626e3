// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ByteRingTest {
    private static final int CAPACITY = 512 << 10;

    @Test
    void carriesAStreamManyTimesItsSizeBetweenTwoThreads() throws Exception {
        ByteRing ring = new ByteRing(CAPACITY);
        long total = 20L << 20;
        Thread writer = Thread.ofPlatform().start(() -> {
            byte[] piece = new byte[77_777];
            for (long at = 0; at < total; ) {
                int bytes = (int) Math.min(piece.length, total - at);
                SimulatedPath.fill(piece, at, bytes);
                ring.write(ByteBuffer.wrap(piece, 0, bytes));
                at += bytes;
            }
            ring.finish();
            ring.closeProducer();
        });
        byte[] piece = new byte[100_000];
        long read = 0;
        while (ring.awaitData()) {
            int bytes = (int) Math.min(piece.length, ring.published() - read);
            ring.copyTo(read, MemorySegment.ofArray(piece), 0, bytes);
            for (int i = 0; i < bytes; i++) {
                if (piece[i] != SimulatedPath.pattern(read + i)) {
                    throw new AssertionError("byte " + (read + i));
                }
            }
            read += bytes;
            ring.release(read);
        }
        ring.closeConsumer();
        writer.join();
        assertThat(read).isEqualTo(total);
        assertThat(ring.end()).isEqualTo(total);
    }

    @Test
    void aFullRingHoldsItsWriterUntilTheReaderReleasesOrLeaves() throws Exception {
        ByteRing ring = new ByteRing(CAPACITY);
        assertThat(ring.write(ByteBuffer.allocate(CAPACITY))).isTrue();
        CompletableFuture<Boolean> more =
                CompletableFuture.supplyAsync(() -> ring.write(ByteBuffer.allocate(CAPACITY)));
        ring.release(CAPACITY);
        assertThat(more.get(5, TimeUnit.SECONDS)).isTrue();
        CompletableFuture<Boolean> never =
                CompletableFuture.supplyAsync(() -> ring.write(ByteBuffer.allocate(CAPACITY)));
        ring.closeConsumer();
        assertThat(never.get(5, TimeUnit.SECONDS)).isFalse();
        ring.closeProducer();
    }

    @Test
    void onlyPowersOfTwoAreCapacities() {
        assertThatThrownBy(() -> new ByteRing(3 << 20)).hasMessageContaining("power of two");
    }
}
