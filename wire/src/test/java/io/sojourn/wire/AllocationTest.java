// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The packet path allocates nothing, whatever kind of packet it is. */
class AllocationTest {
    private static final int ROUNDS = 60_000;

    private final MemorySegment memory = Arena.ofAuto().allocate(65_536);
    private final MemorySegment out = Arena.ofAuto().allocate(4096);
    private final List<byte[]> frames = new ArrayList<>(Samples.FRAMES.values());
    private final ParsedFrame parsed = new ParsedFrame();
    private final AddressRewriter rewriter = new AddressRewriter(new EveryOther());
    private final Fragmenter fragmenter = new Fragmenter();

    @Test
    void thePacketPathAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (int warm = 0; warm < 3; warm++) {
            assertThat(run()).isPositive();
        }
        long before = threads.getCurrentThreadAllocatedBytes();
        run();
        long perPacket = (threads.getCurrentThreadAllocatedBytes() - before) / (ROUNDS * (long) frames.size());
        assertThat(perPacket).as("bytes allocated per packet").isZero();
    }

    private int run() {
        int octets = 0;
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < frames.size(); i++) {
                byte[] frame = frames.get(i);
                MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, 64, frame.length);
                octets += handle(frame.length);
            }
        }
        return octets;
    }

    private int handle(int length) {
        if (parsed.parse(memory, 64, length).isDrop()) {
            return 0;
        }
        boolean alive = parsed.isV6()
                ? TtlDecrement.ipv6(memory, parsed.l3At())
                : parsed.family() == ParsedFrame.Family.IPV4 && TtlDecrement.ipv4(memory, parsed.l3At());
        MssClamp.clamp(memory, parsed, 1300);
        rewriter.rewrite(memory, parsed, false);
        Vxlan.write(memory, 56, 7, 9);
        int octets = alive ? 1 : 0;
        octets += IcmpEcho.reply(out, 0, memory, parsed, 1);
        octets += IcmpErrors.timeExceeded4(out, 0, memory, parsed, 1, 1);
        octets += IcmpErrors.packetTooBig6(out, 0, memory, parsed, 1, 1, 1, 1400);
        octets += ArpFrames.reply(out, 0, 1, 1, 1, 1);
        if (fragmenter.begin(memory, parsed, 300)) {
            for (int n = fragmenter.next(out, 0); n > 0; n = fragmenter.next(out, 0)) {
                octets += n;
            }
        }
        return octets;
    }

    @Test
    void runsAreDividedAndCollectedWithoutAllocation() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        MemorySegment whole = Arena.ofAuto().allocate(80_000);
        byte[] first = FrameRunTest.superFrame(60_000, 1400);
        MemorySegment.copy(first, 0, whole, ValueLayout.JAVA_BYTE, 64, first.length);
        MemorySegment segments = Arena.ofAuto().allocate(80_000);
        long perSegment = Long.MAX_VALUE;
        for (int attempt = 0; attempt < 40 && perSegment > 0; attempt++) {
            divideAndCollect(whole, first.length, segments, 2_000);
            long before = threads.getCurrentThreadAllocatedBytes();
            long count = divideAndCollect(whole, first.length, segments, 1_000);
            perSegment = (threads.getCurrentThreadAllocatedBytes() - before) / count;
        }
        assertThat(perSegment).as("bytes allocated per segment").isZero();
    }

    private final FrameRun divided = new FrameRun();
    private final FrameRun joined = new FrameRun();

    private long divideAndCollect(MemorySegment whole, int length, MemorySegment segments, int rounds) {
        long count = 0;
        for (int round = 0; round < rounds; round++) {
            parsed.parse(whole, 64, length);
            if (!divided.whole(whole, parsed, 1400)) {
                throw new AssertionError("not divided");
            }
            long at = 0;
            for (int i = 0; i < divided.count(); i++) {
                int head = divided.writeHeader(i, segments, at);
                int bytes = head + divided.pieceLength(i);
                MemorySegment.copy(whole, divided.pieceAt(i), segments, at + head, divided.pieceLength(i));
                if (i == 0) {
                    joined.begin(segments, at, bytes, true);
                } else if (!joined.join(segments, at, bytes, true)) {
                    throw new AssertionError("segment " + i + " not joined");
                }
                at += bytes + 8;
            }
            joined.prepareWhole();
            joined.writeVirtioHeader(out, 0);
            count += joined.count();
        }
        return count;
    }
}
