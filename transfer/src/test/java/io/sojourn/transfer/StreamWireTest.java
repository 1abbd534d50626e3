// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The bytes on the wire, and what becomes of bytes that should not be there. */
class StreamWireTest {
    private static final long MS = 1_000_000L;

    private final StreamToken token = new StreamToken(0x0123456789abcdefL);
    private final ByteRing source = new ByteRing(4 << 20);
    private final ByteRing target = new ByteRing(4 << 20);
    private final StreamSender sender = new StreamSender(token, source, StreamParameters.defaults());
    private final StreamReceiver receiver = new StreamReceiver(token, target);
    private final byte[] buffer = new byte[2048];
    private final MemorySegment segment = MemorySegment.ofArray(buffer);

    @AfterEach
    void close() {
        sender.close();
        receiver.close();
        source.closeProducer();
        target.closeConsumer();
    }

    private byte[] data(long nowNs) {
        return Arrays.copyOf(buffer, sender.poll(nowNs, segment, 0));
    }

    private byte[] ack(long nowNs) {
        return Arrays.copyOf(buffer, receiver.poll(nowNs, segment, 0));
    }

    private StreamVerdict toReceiver(byte[] datagram, long nowNs) {
        return receiver.onData(MemorySegment.ofArray(datagram), 0, datagram.length, nowNs);
    }

    private StreamVerdict toSender(byte[] datagram, long nowNs) {
        return sender.onAck(MemorySegment.ofArray(datagram), 0, datagram.length, nowNs);
    }

    @Test
    void dataAndAckLookAsDocumented() {
        source.write(ByteBuffer.wrap("page".getBytes(StandardCharsets.UTF_8)));
        source.finish();
        byte[] data = data(1_000 * MS);
        assertThat(HexFormat.of().formatHex(data))
                .isEqualTo("53020101" + "0123456789abcdef" + "0000000000000000" + "0000000000000000" + "0004" + "0000"
                        + "70616765");
        assertThat(toReceiver(data, 2_000 * MS)).isEqualTo(StreamVerdict.ACCEPTED);
        byte[] ack = ack(2_000 * MS + 7_000);
        assertThat(HexFormat.of().formatHex(ack))
                .isEqualTo("53030101" + "0123456789abcdef" + "0000000000000000" + "00000007" + "00000000001e8480"
                        + "0000000000000004" + "0000000000400000" + "0001" + "0000" + "00000000" + "00000000");
        assertThat(sender.done()).isFalse();
        assertThat(toSender(ack, 1_100 * MS)).isEqualTo(StreamVerdict.ACCEPTED);
        assertThat(sender.done()).isTrue();
        assertThat(sender.stats().rttUs()).isEqualTo(100_000);
    }

    @Test
    void aBurstWithoutCopiesLeavesTheProcessorAloneUntilItIsAnswered() {
        StreamParameters without = StreamParameters.defaults().withExtraCopies(0, 0);
        ByteRing ring = new ByteRing(4 << 20);
        StreamSender bare = new StreamSender(token, ring, without);
        ring.write(ByteBuffer.allocate(100));
        bare.expedite();
        assertThat(bare.poll(0, segment, 0)).isPositive();
        assertThat(bare.poll(0, segment, 0)).isZero();
        assertThat(bare.nextDueNs(0)).isGreaterThan(MS);
        bare.close();
        ring.closeProducer();
    }

    @Test
    void foreignDatagramsAreNamedAndChangeNothing() {
        source.write(ByteBuffer.allocate(5_000));
        byte[] good = data(0);
        assertThat(toReceiver(Arrays.copyOf(good, 5), 0)).isEqualTo(StreamVerdict.TRUNCATED);
        assertThat(toReceiver(Arrays.copyOf(good, 20), 0)).isEqualTo(StreamVerdict.TRUNCATED);
        assertThat(toReceiver(Arrays.copyOf(good, good.length - 1), 0)).isEqualTo(StreamVerdict.TRUNCATED);
        assertThat(toReceiver(with(good, 1, 3), 0)).isEqualTo(StreamVerdict.WRONG_TYPE);
        assertThat(toReceiver(with(good, 2, 9), 0)).isEqualTo(StreamVerdict.WRONG_VERSION);
        assertThat(toReceiver(with(good, 7, 9), 0)).isEqualTo(StreamVerdict.WRONG_TOKEN);
        assertThat(toReceiver(with(good, 12, 0x80), 0)).isEqualTo(StreamVerdict.BAD_FIELD);
        assertThat(toReceiver(with(good, 20, 0x20), 0)).isEqualTo(StreamVerdict.BEYOND_WINDOW);
        assertThat(receiver.stats()).isEqualTo(new ReceiverStats(0, 0, 0, 0, 0, 8));
        assertThat(receiver.count(StreamVerdict.WRONG_TOKEN)).isEqualTo(1);
        assertThat(target.published()).isZero();

        assertThat(toReceiver(good, 0)).isEqualTo(StreamVerdict.ACCEPTED);
        byte[] ack = ack(5 * MS);
        SenderStats before = sender.stats();
        assertThat(toSender(with(ack, 19, 0x55), 0)).isEqualTo(StreamVerdict.ACKS_UNSENT);
        assertThat(toSender(with(ack, 36, 0x55), 0)).isEqualTo(StreamVerdict.ACKS_UNSENT);
        assertThat(toSender(with(ack, 3, StreamFormat.FLAG_FIN), 0)).isEqualTo(StreamVerdict.ACKS_UNSENT);
        assertThat(toSender(with(ack, 49, 33), 0)).isEqualTo(StreamVerdict.BAD_FIELD);
        assertThat(toSender(with(ack, 49, 2), 0)).isEqualTo(StreamVerdict.TRUNCATED);
        assertThat(toSender(with(ack, 55, 1), 0)).isEqualTo(StreamVerdict.BAD_FIELD);
        assertThat(toSender(good, 0)).isEqualTo(StreamVerdict.WRONG_TYPE);
        assertThat(sender.stats().ackedBytes()).isEqualTo(before.ackedBytes());
        assertThat(sender.stats().inFlightBytes()).isEqualTo(before.inFlightBytes());
        assertThat(sender.stats().rejected()).isEqualTo(7);
        assertThat(toSender(ack, 6 * MS)).isEqualTo(StreamVerdict.ACCEPTED);
    }

    private static byte[] with(byte[] datagram, int at, int value) {
        byte[] changed = datagram.clone();
        changed[at] = (byte) value;
        return changed;
    }

    @Test
    void noMutationOfADatagramThrows() {
        SplittableRandom random = new SplittableRandom(11);
        source.write(ByteBuffer.allocate(1_000_000));
        long nowNs = 0;
        for (int i = 0; i < 60_000; i++) {
            nowNs += 100_000;
            byte[] data = data(nowNs);
            if (data.length == 0) {
                data = new byte[random.nextInt(80)];
                random.nextBytes(data);
            }
            toReceiver(mutate(data, random), nowNs);
            byte[] ack = ack(nowNs);
            toSender(mutate(ack.length == 0 ? data : ack, random), nowNs);
        }
        assertThat(receiver.stats().rejected()).isPositive();
        assertThat(sender.stats().rejected()).isPositive();
    }

    private static byte[] mutate(byte[] datagram, SplittableRandom random) {
        byte[] changed = random.nextInt(4) == 0
                ? Arrays.copyOf(datagram, random.nextInt(datagram.length + 20))
                : datagram.clone();
        for (int i = random.nextInt(4); i > 0 && changed.length > 0; i--) {
            // The token is spared mostly: behind it is where the fields are. So is the reset flag, which ends the game.
            int at = random.nextInt(Math.min(changed.length, 70));
            if (at >= 12 || random.nextInt(50) == 0 && at != 3) {
                changed[at] = (byte) random.nextInt(256);
            }
        }
        return changed;
    }

    @Test
    void aResetTellsTheOtherSideWhyInOneLine() {
        source.write(ByteBuffer.allocate(5_000));
        toReceiver(data(0), 0);
        receiver.fail("QEMU said no\nand left");
        byte[] reset = ack(MS);
        assertThat(toSender(reset, MS)).isEqualTo(StreamVerdict.ACCEPTED);
        assertThat(sender.failure()).isEqualTo("QEMU said no and left");
        assertThat(sender.done()).isTrue();
        assertThat(sender.poll(2 * MS, segment, 0)).isZero();
        assertThat(sender.nextDueNs(2 * MS)).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void theSourcesResetIsRepeatedAndEndsTheReceiver() {
        sender.fail("cancelled by the operator");
        byte[] reset = data(0);
        assertThat(reset).hasSizeGreaterThan(StreamFormat.DATA_HEADER_BYTES);
        assertThat(toReceiver(reset, 0)).isEqualTo(StreamVerdict.ACCEPTED);
        assertThat(receiver.failure()).isEqualTo("cancelled by the operator");
        long nowNs = 0;
        int repeats = 1;
        while (sender.nextDueNs(nowNs) != Long.MAX_VALUE) {
            nowNs = sender.nextDueNs(nowNs);
            repeats += data(nowNs).length > 0 ? 1 : 0;
        }
        assertThat(repeats).isEqualTo(5);
        assertThat(sender.done()).isTrue();
    }
}
