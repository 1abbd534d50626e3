// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Coverage-guided search from the golden packets of ILNP. */
@Tag("fuzz")
class IlnpFuzzTest {
    static Stream<Arguments> goldenPackets() {
        return Samples.ILNP.values().stream()
                .map(frame -> Arguments.of((Object) Arrays.copyOfRange(frame, Ethernet.HEADER_BYTES, frame.length)));
    }

    @MethodSource("goldenPackets")
    @FuzzTest
    void nothingThrowsOrReadsOutsideThePacket(byte[] packet) {
        IlnpTest.look(packet);
    }
}
