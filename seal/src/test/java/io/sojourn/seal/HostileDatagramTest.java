// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Whatever arrives, nothing throws and nothing is opened that was not sealed; and the session lives on. */
class HostileDatagramTest {
    private static final int DATAGRAMS = Integer.getInteger("sojourn.hostile.datagrams", 100_000);

    @Test
    void randomAndMutatedDatagramsNeverThrow() {
        SealWorld w = new SealWorld().connected();
        w.a.say("seed");
        List<byte[]> seeds = List.of(w.a.sent.getFirst(), w.b.sent.getFirst(), w.a.sent.getLast());
        w.b.inbox.clear();
        for (int i = 0; i < DATAGRAMS; i++) {
            SplittableRandom random = new SplittableRandom(i);
            byte[] datagram = compose(random, seeds);
            w.now += 100_000;
            try {
                w.b.take(datagram);
                w.a.take(datagram);
            } catch (RuntimeException e) {
                throw new AssertionError("datagram of seed " + i, e);
            }
            w.a.inbox.clear();
            w.b.inbox.clear();
        }
        assertThat(w.b.received).isSubsetOf("seed");
        assertThat(w.a.received).isEmpty();
        w.a.say("after");
        w.settle();
        assertThat(w.b.received).endsWith("after");
    }

    static byte[] compose(SplittableRandom random, List<byte[]> seeds) {
        byte[] out = seeds.get(random.nextInt(seeds.size())).clone();
        for (int n = random.nextInt(1, 5); n > 0; n--) {
            out[random.nextInt(out.length)] = (byte) random.nextInt();
        }
        if (random.nextInt(3) == 0) {
            out = Arrays.copyOf(out, random.nextInt(200));
        }
        return out;
    }
}
