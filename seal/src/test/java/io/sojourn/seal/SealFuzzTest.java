// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Coverage-guided search from genuine datagrams. */
@Tag("fuzz")
class SealFuzzTest {
    private final SealWorld world = new SealWorld().connected();

    static Stream<Arguments> genuine() {
        SealWorld w = new SealWorld().connected();
        w.a.say("seed");
        return Stream.of(w.a.sent.getFirst(), w.b.sent.getFirst(), w.a.sent.getLast())
                .map(datagram -> Arguments.of((Object) datagram));
    }

    @MethodSource("genuine")
    @FuzzTest
    void nothingThrows(byte[] datagram) {
        if (datagram.length <= 65_535) {
            world.now += 1_000_000;
            world.b.take(datagram);
            world.b.drops.clear();
            world.b.sent.clear();
            world.a.inbox.clear();
        }
    }
}
