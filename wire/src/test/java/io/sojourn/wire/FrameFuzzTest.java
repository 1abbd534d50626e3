// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Coverage-guided search from the golden frames. */
@Tag("fuzz")
class FrameFuzzTest {
    private final MemorySegment out = Arena.ofAuto().allocate(70_000);
    private final ParsedFrame parsed = new ParsedFrame();
    private final Fragmenter fragmenter = new Fragmenter();
    private final AddressRewriter rewriter = new AddressRewriter(new EveryOther());

    static Stream<Arguments> goldenFrames() {
        return Samples.FRAMES.values().stream().map(frame -> Arguments.of((Object) frame));
    }

    @MethodSource("goldenFrames")
    @FuzzTest
    void nothingThrowsOrReadsOutsideTheFrame(byte[] frame) {
        MemorySegment s = Samples.exactly(frame);
        SojournDatagram.type(s, 0, frame.length);
        if (parsed.parse(s, 0, frame.length).isDrop()) {
            return;
        }
        IcmpErrors.fragmentationNeeded4(out, 0, s, parsed, 1, 1, 1400);
        IcmpErrors.packetTooBig6(out, 0, s, parsed, 1, 1, 1, 1400);
        IcmpEcho.reply(out, 0, s, parsed, 1);
        if (fragmenter.begin(s, parsed, 68)) {
            while (fragmenter.next(out, 0) > 0) {
                // each is written over the one before
            }
        }
        MssClamp.clamp(s, parsed, 500);
        rewriter.rewrite(s, parsed, false);
    }
}
