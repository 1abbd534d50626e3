// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Datagrams of a memory stream from a peer that knows its token, to either end: taken, or refused by name. */
@Tag("fuzz")
class StreamFuzzTest {
    private static final StreamToken TOKEN = new StreamToken(0x0123456789abcdefL);
    private static final int RING_BYTES = 4 << 20;
    private static final long TURN_NS = 1_000_000;

    /** Both ends of a stream, and what they say. */
    private static final class Ends implements AutoCloseable {
        final ByteRing source = new ByteRing(RING_BYTES);
        final ByteRing target = new ByteRing(RING_BYTES);
        final StreamSender sender = new StreamSender(TOKEN, source, StreamParameters.defaults());
        final StreamReceiver receiver = new StreamReceiver(TOKEN, target);
        final byte[] buffer = new byte[2048];
        long nowNs;

        byte[] data() {
            return Arrays.copyOf(buffer, sender.poll(nowNs, MemorySegment.ofArray(buffer), 0));
        }

        byte[] acknowledgement() {
            return Arrays.copyOf(buffer, receiver.poll(nowNs, MemorySegment.ofArray(buffer), 0));
        }

        @Override
        public void close() {
            sender.close();
            receiver.close();
            source.closeProducer();
            target.closeConsumer();
        }
    }

    private Ends ends = new Ends();
    private int taken;

    static Stream<Arguments> genuine() {
        try (Ends ends = new Ends()) {
            ends.source.write(ByteBuffer.allocate(5_000));
            byte[] data = ends.data();
            ends.receiver.onData(MemorySegment.ofArray(data), 0, data.length, 0);
            return Stream.of(data, ends.data(), ends.acknowledgement())
                    .map(datagram -> Arguments.of((Object) datagram));
        }
    }

    @MethodSource("genuine")
    @FuzzTest
    void nothingThrows(byte[] datagram) {
        if (++taken % 256 == 0) {
            ends.close();
            ends = new Ends(); // one that has ended takes nothing any more
        }
        ends.nowNs += TURN_NS;
        ends.source.write(ByteBuffer.allocate(100));
        MemorySegment s = MemorySegment.ofArray(datagram);
        ends.receiver.onData(s, 0, datagram.length, ends.nowNs);
        ends.sender.onAck(s, 0, datagram.length, ends.nowNs);
        ends.data();
        ends.acknowledgement();
    }
}
