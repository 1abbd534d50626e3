// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Coverage-guided search from genuine datagrams. Only on demand, since its agent slows the whole virtual machine:
 * {@code JAZZER_FUZZ=1 mvn -pl seal -am test -Dtest=SealFuzzTest -Dsurefire.failIfNoSpecifiedTests=false}.
 */
@EnabledIfEnvironmentVariable(
        named = "JAZZER_FUZZ",
        matches = "1",
        disabledReason = "fuzzing is on demand; HostileDatagramTest covers every build")
class SealFuzzTest {
    private final SealWorld world = new SealWorld().connected();

    static Stream<Arguments> genuine() {
        SealWorld w = new SealWorld().connected();
        w.a.say("seed");
        return Stream.of(w.a.sent.getFirst(), w.b.sent.getFirst(), w.a.sent.getLast())
                .map(datagram -> Arguments.of((Object) datagram));
    }

    @MethodSource("genuine")
    @FuzzTest(maxDuration = "60s")
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
