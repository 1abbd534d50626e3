// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.TtlDecrement;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a gateway reads of a peer's packet before it delivers it: VXLAN, then the frame inside. */
@Tag("fuzz")
class OverlayFuzzTest {
    private final Overlay overlay = new Overlay();
    private final Inbound inbound = new Inbound();
    private final ParsedFrame parsed = new ParsedFrame();
    private final FrameRun run = new FrameRun();

    static Stream<Arguments> genuine() {
        byte[] arp = new byte[Vxlan.HEADER_BYTES + 60];
        Vxlan.write(MemorySegment.ofArray(arp), 0, 1, 2, false, false);
        arp[Vxlan.HEADER_BYTES + 12] = 8;
        arp[Vxlan.HEADER_BYTES + 13] = 6;
        return Stream.of(Arguments.of((Object) arp));
    }

    @MethodSource("genuine")
    @FuzzTest
    void nothingThrows(byte[] datagram) {
        MemorySegment s = MemorySegment.ofArray(datagram);
        if (overlay.decapsulate(s, 0, datagram.length, inbound).isDrop()
                || parsed.parse(s, inbound.frameAt(), inbound.frameLength()).isDrop()) {
            return;
        }
        run.frame(s, inbound.frameAt(), parsed.unpaddedLength(), inbound.isPartialChecksum());
        run.isPartialInVain();
        if (parsed.isIp()) {
            boolean alive = parsed.isV6() ? TtlDecrement.ipv6(s, parsed.l3At()) : TtlDecrement.ipv4(s, parsed.l3At());
            if (alive) {
                overlay.accepts(Vxlan.flags(s, 0));
            }
        }
    }
}
