// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sojourn.gateway.WarmUpFrames.Size;
import io.sojourn.wire.IpProtocol;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Frames and super-frames from tap to tap through two gateways: what the packet path leaves for the collector. */
@Tag("system")
class PacketPathAllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int SEGMENT_BYTES = 1_340;
    private static final int SEGMENTS = 40;
    private static final int ROUNDS = 500;
    /** Until HotSpot has compiled everything it sees objects that it removes later. */
    private static final int ATTEMPTS = 60;

    private long packets;

    @Test
    void plainPacketsAllocateNothing() {
        assertThat(leastBytesAPacket(true)).isLessThan(0.02); // four times a second the seal's timers are looked at
    }

    /** The JDK's cipher makes its parameters anew for each datagram; nothing else may be made for one. The host's libraries make nothing. */
    @Test
    void sealedPacketsAllocateWhatTheCipherDoesAndNothingElse() {
        try (Arena arena = Arena.ofConfined()) {
            double cipher = HostCiphers.allocateNothing() ? 0 : SealAllocation.bytesADatagram(arena, SEGMENT_BYTES);
            assertThat(leastBytesAPacket(false)).isLessThan(0.02 + 1.05 * cipher);
        }
    }

    private double leastBytesAPacket(boolean plain) {
        double least = Double.MAX_VALUE;
        try (WarmUpStage near = new WarmUpStage("near");
                WarmUpStage far = new WarmUpStage("far");
                Arena arena = Arena.ofConfined()) {
            near.meet(far);
            far.meet(near);
            near.connect(far);
            near.plain(plain);
            far.plain(plain);
            WarmUpFrames there = new WarmUpFrames(arena, near, far, SEGMENTS * SEGMENT_BYTES, SEGMENT_BYTES);
            WarmUpFrames back = new WarmUpFrames(arena, far, near, SEGMENTS * SEGMENT_BYTES, SEGMENT_BYTES);
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                long before = delivered(near, far);
                long bytes = THREADS.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < ROUNDS; i++) {
                    boolean v6 = i % 2 == 1;
                    there.say(near, v6, IpProtocol.TCP, Size.SUPER, false);
                    there.say(near, v6, IpProtocol.UDP, Size.SMALL, true);
                    back.say(far, v6, IpProtocol.TCP, Size.SMALL, false);
                    near.turn();
                    far.turn();
                    near.turn();
                }
                bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
                packets = delivered(near, far) - before;
                assertThat(packets).isGreaterThan((long) ROUNDS * SEGMENTS);
                least = Math.min(least, (double) bytes / packets);
            }
        }
        return least;
    }

    private static long delivered(WarmUpStage near, WarmUpStage far) {
        return near.counters.get(Counters.Kind.LAN_OUT) + far.counters.get(Counters.Kind.LAN_OUT);
    }
}
