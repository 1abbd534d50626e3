// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** A packet costs what the JDK's cipher allocates, and nothing beside it. */
class AllocationTest {
    private static final int ROUNDS = 30_000;
    private static final int BYTES = 1_400;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final byte[] in = new byte[BYTES];
    private final byte[] out = new byte[BYTES + SealFormat.OVERHEAD_BYTES];
    private long counter;

    @Test
    void sealingAPacketAllocatesWhatTheCipherDoes() {
        SealWorld w = new SealWorld().connected();
        Aead bare = new Aead(true, new byte[Aead.KEY_BYTES]);
        Runnable cipher = () -> bare.seal(counter++, new byte[0], in, 0, BYTES, out, 0);
        Runnable whole = () -> w.a.endpoint.seal(w.a.peer, w.memory, 100, BYTES, w.memory, 100, w.now);
        for (int warm = 0; warm < 3; warm++) {
            perRound(cipher);
            perRound(whole);
        }
        assertThat(perRound(whole)).isLessThanOrEqualTo(perRound(cipher));
    }

    private long perRound(Runnable packet) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < ROUNDS; i++) {
            packet.run();
        }
        return (threads.getCurrentThreadAllocatedBytes() - before) / ROUNDS;
    }
}
