// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Held against {@link SlowPacket}, which makes every segment from nothing. */
class FrameRunTest {
    private static final int AT = 64;
    private static final long FIRST_SEQUENCE = 0xFFFF_F000L; // wraps within the run
    private final MemorySegment memory = Arena.ofAuto().allocate(400_000);
    private final MemorySegment out = Arena.ofAuto().allocate(70_000);
    private final FrameRun run = new FrameRun();

    record Shape(boolean v6, boolean tcp, int options, int payload, int segment, boolean dontFragment) {}

    static Stream<Shape> shapes() {
        List<Shape> shapes = new ArrayList<>();
        for (boolean v6 : new boolean[] {false, true}) {
            for (boolean tcp : new boolean[] {false, true}) {
                for (int options : tcp ? new int[] {0, 12, 40} : new int[] {0}) {
                    for (int[] size :
                            new int[][] {{3000, 1400}, {2800, 1400}, {1401, 1400}, {65_000, 1398}, {999, 100}, {7, 1}
                            }) {
                        shapes.add(new Shape(v6, tcp, options, size[0], size[1], true));
                        if (!v6) {
                            shapes.add(new Shape(false, tcp, options, size[0], size[1], false));
                        }
                    }
                }
            }
        }
        return shapes.stream();
    }

    /** A flow's headers, and any stretch of its payload as a frame. */
    private static final class Flow {
        final Shape shape;
        final byte[] source;
        final byte[] destination;
        final byte[] head;
        final byte[] payload;

        Flow(Shape shape, RandomGenerator random) {
            this.shape = shape;
            source = Samples.random(random, shape.v6 ? 16 : 4);
            destination = Samples.random(random, shape.v6 ? 16 : 4);
            payload = Samples.random(random, shape.payload);
            byte[] options = new byte[shape.options];
            java.util.Arrays.fill(options, (byte) Tcp.OPTION_NOP);
            head = shape.tcp ? SlowPacket.tcp(random, Tcp.ACK, options, new byte[0]) : Samples.random(random, 8);
        }

        byte[] frame(int from, int to, int index, boolean last, boolean partial) {
            byte[] upper = SlowPacket.join(head, SlowPacket.slice(payload, from, to));
            if (shape.tcp) {
                byte[] sequence = SlowPacket.number(FIRST_SEQUENCE + from & 0xFFFF_FFFFL, 4);
                System.arraycopy(sequence, 0, upper, 4, 4);
                upper[13] = (byte) (last ? Tcp.ACK | Tcp.PSH : Tcp.ACK);
            } else {
                SlowPacket.put16(upper, 4, upper.length);
            }
            int protocol = shape.tcp ? 6 : 17;
            int checksumAt = shape.tcp ? 16 : 6;
            SlowPacket.put16(upper, checksumAt, 0);
            byte[] pseudo = SlowPacket.pseudoHeader(source, destination, protocol, upper.length);
            if (partial) {
                SlowPacket.put16(upper, checksumAt, ~SlowPacket.checksum(pseudo) & 0xFFFF);
            } else {
                int sum = SlowPacket.checksum(pseudo, upper);
                SlowPacket.put16(upper, checksumAt, sum == 0 && !shape.tcp ? 0xFFFF : sum);
            }
            if (shape.v6) {
                return SlowPacket.ethernet(0x86DD, SlowPacket.ipv6(protocol, source, destination, upper));
            }
            byte[] ip =
                    SlowPacket.ipv4(shape.dontFragment ? 0x4000 : 0, protocol, source, destination, new byte[0], upper);
            SlowPacket.put16(ip, 4, 0xFFFE + index & 0xFFFF); // wraps, too
            SlowPacket.put16(ip, 10, 0);
            SlowPacket.put16(ip, 10, SlowPacket.checksum(SlowPacket.slice(ip, 0, 20)));
            return SlowPacket.ethernet(0x0800, ip);
        }

        List<byte[]> segments(boolean partial) {
            List<byte[]> out = new ArrayList<>();
            for (int from = 0; from < payload.length; from += shape.segment) {
                int to = Math.min(payload.length, from + shape.segment);
                out.add(frame(from, to, out.size(), to == payload.length, partial));
            }
            return out;
        }

        byte[] whole() {
            return frame(0, payload.length, 0, true, true);
        }
    }

    /** One of TCP over IPv4. */
    static byte[] superFrame(int payload, int segment) {
        return new Flow(new Shape(false, true, 12, payload, segment, true), new Random(7)).whole();
    }

    private void put(byte[] frame, long at) {
        MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, at, frame.length);
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void aWholeIsDividedIntoWhatTheSlowReferenceMakes(Shape shape) {
        Flow flow = new Flow(shape, new Random(1));
        byte[] whole = flow.whole();
        put(whole, AT);
        ParsedFrame parsed = new ParsedFrame();
        assertThat(parsed.parse(memory, AT, whole.length)).isEqualTo(DropReason.NONE);
        assertThat(run.whole(memory, parsed, shape.segment)).isTrue();

        List<byte[]> complete = flow.segments(false);
        List<byte[]> partial = flow.segments(true);
        assertThat(run.count()).isEqualTo(complete.size());
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, out, 0);
            assertThat(Samples.octets(out, 0, length)).as("segment %d", i).isEqualTo(complete.get(i));
            int head = run.writeHeader(i, out, 0);
            MemorySegment.copy(memory, run.pieceAt(i), out, head, run.pieceLength(i));
            assertThat(Samples.octets(out, 0, head + run.pieceLength(i))).isEqualTo(partial.get(i));
        }
        run.prepareWhole();
        assertThat(Samples.octets(memory, AT, whole.length)).isEqualTo(whole);
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void segmentsAreCollectedIntoTheWholeTheyCameFrom(Shape shape) {
        for (boolean partial : new boolean[] {true, false}) {
            Flow flow = new Flow(shape, new Random(2));
            collect(flow, flow.segments(partial), partial);
        }
    }

    private void collect(Flow flow, List<byte[]> segments, boolean partial) {
        long at = AT;
        for (int i = 0; i < segments.size() && i < FrameRun.COLLECTED_MAX; i++) {
            byte[] segment = segments.get(i);
            put(segment, at);
            if (i == 0) {
                run.begin(memory, at, segment.length, partial);
            } else {
                assertThat(run.join(memory, at, segment.length, partial))
                        .as("segment %d", i)
                        .isTrue();
            }
            at += segment.length + 8;
        }
        assertThat(run.count()).isEqualTo(Math.min(segments.size(), FrameRun.COLLECTED_MAX));
        assertThat(run.segmentBytes()).isEqualTo(flow.shape.segment);
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, out, 0);
            if (run.count() == segments.size()) {
                assertThat(Samples.octets(out, 0, length))
                        .isEqualTo(flow.segments(false).get(i));
            }
        }
        if (run.count() == segments.size()) {
            run.prepareWhole();
            byte[] whole = flow.whole();
            byte[] head = Samples.octets(memory, AT, run.headerBytes());
            assertThat(head).isEqualTo(SlowPacket.slice(whole, 0, run.headerBytes()));
            run.writeVirtioHeader(out, 0);
            assertThat(VirtioNetHeader.flags(out, 0)).isEqualTo(VirtioNetHeader.NEEDS_CHECKSUM);
            assertThat(VirtioNetHeader.gsoSize(out, 0)).isEqualTo(flow.shape.segment);
            assertThat(VirtioNetHeader.headerLength(out, 0)).isEqualTo(run.headerBytes());
            assertThat(VirtioNetHeader.gsoType(out, 0))
                    .isEqualTo(
                            !flow.shape.tcp
                                    ? VirtioNetHeader.GSO_UDP_L4
                                    : flow.shape.v6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4);
        }
    }

    @Test
    void anyOtherOctetInTheHeadersEndsTheRun() {
        for (Shape shape : List.of(
                new Shape(false, true, 12, 3000, 1000, true),
                new Shape(false, true, 12, 3000, 1000, false),
                new Shape(true, true, 12, 3000, 1000, true),
                new Shape(false, false, 0, 3000, 1000, true),
                new Shape(true, false, 0, 3000, 1000, true))) {
            List<byte[]> segments = new Flow(shape, new Random(3)).segments(true);
            int headers = segments.getFirst().length - 1000;
            for (int bit = 0; bit < headers * 8; bit++) {
                put(segments.get(0), AT);
                byte[] second = segments.get(1).clone();
                second[bit / 8] ^= (byte) (1 << bit % 8);
                put(second, 4000);
                run.begin(memory, AT, segments.get(0).length, true);
                boolean meaningless = bit / 8 >= headers - (shape.tcp ? shape.options + 4 : 2)
                        && bit / 8 < headers - (shape.tcp ? shape.options + 2 : 0);
                boolean push = shape.tcp && bit / 8 == headers - shape.options - 20 + 13 && bit % 8 == 3;
                assertThat(run.join(memory, 4000, second.length, true))
                        .as("%s, octet %d bit %d", shape, bit / 8, bit % 8)
                        .isEqualTo(meaningless || push);
            }
        }
    }

    @Test
    void payloadThatItsChecksumDoesNotFitIsNeverJoined() {
        for (int damaged = 0; damaged < 2; damaged++) {
            List<byte[]> segments =
                    new Flow(new Shape(false, true, 0, 2000, 1000, true), new Random(4)).segments(false);
            segments.get(damaged)[500] ^= 1;
            put(segments.get(0), AT);
            put(segments.get(1), 4000);
            run.begin(memory, AT, segments.get(0).length, false);
            assertThat(run.join(memory, 4000, segments.get(1).length, false)).isFalse();
            assertThat(run.count()).isEqualTo(1);
            assertThat(run.isPartial()).isFalse();
        }
    }

    @Test
    void nothingFollowsAShortOrPushedSegment() {
        List<byte[]> segments = new Flow(new Shape(false, false, 0, 2500, 1000, true), new Random(5)).segments(true);
        put(segments.get(2), AT);
        put(segments.get(2), 4000);
        run.begin(memory, AT, segments.get(2).length, true);
        assertThat(run.join(memory, 4000, segments.get(2).length, true)).isTrue();
        put(segments.get(0), 8000);
        assertThat(run.join(memory, 8000, segments.get(0).length, true)).isFalse();
    }

    @Test
    void hostileOctetsAreNeverJoinedAndNeverThrow() {
        Random random = new Random(6);
        for (int flows = 0; flows < 200; flows++) {
            Shape shape = new Shape(random.nextBoolean(), random.nextBoolean(), 0, 600, 300, random.nextBoolean());
            Flow flow = new Flow(shape, random);
            for (int i = 0; i < 1000; i++) {
                damage(flow.frame(0, 300, 0, false, true), flow.frame(300, 600, 1, false, true), random);
            }
        }
    }

    private void damage(byte[] a, byte[] b, Random random) {
        for (int n = random.nextInt(1, 4); n > 0; n--) {
            a[random.nextInt(a.length)] = (byte) random.nextInt();
            b[random.nextInt(60)] = (byte) random.nextInt();
        }
        put(a, AT);
        put(b, 4000);
        run.begin(memory, AT, random.nextInt(1, a.length + 1), random.nextBoolean());
        run.join(memory, 4000, random.nextInt(1, b.length + 1), random.nextBoolean());
        if (run.isPartialInVain()) {
            return; // dropped
        }
        run.writeVirtioHeader(out, 0);
        for (int s = 0; s < run.count(); s++) {
            run.copySegment(s, out, 0);
        }
    }
}
