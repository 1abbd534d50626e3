// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What gateways say to each other beside guests' packets, looked at as the gateway does. */
@Tag("fuzz")
class DatagramFuzzTest {
    private final PathProbe probe = new PathProbe(new byte[32]);
    private final MemorySegment out = Arena.ofAuto().allocate(70_000);

    static Stream<Arguments> genuine() {
        byte[] probed = new byte[PathProbe.BYTES];
        new PathProbe(new byte[32]).writeProbe(MemorySegment.ofArray(probed), 0, 0, 1, 2, 3, PathProbe.BYTES);
        byte[] half = new byte[60];
        SplitDatagram.write(MemorySegment.ofArray(half), 0, MemorySegment.ofArray(probed), 0, 60, 1, 0);
        byte[] relayed = new byte[RelayDatagram.FROM_HEADER_BYTES + 4];
        RelayDatagram.writeFrom(MemorySegment.ofArray(relayed), 0, 1, 2, 3, 4);
        return Stream.of(probed, half, relayed).map(datagram -> Arguments.of((Object) datagram));
    }

    @MethodSource("genuine")
    @FuzzTest
    void nothingThrowsOrReadsOutsideTheDatagram(byte[] datagram) {
        MemorySegment s = Samples.exactly(datagram);
        int length = datagram.length;
        SojournDatagram.isDirectProbe(s, 0, length);
        switch (SojournDatagram.type(s, 0, length)) {
            case SojournDatagram.PATH_PROBE, SojournDatagram.PATH_PROBE_REPLY -> {
                if (!probe.check(s, 0, length).isDrop()) {
                    probe.writeReply(out, 0, s, 0, length, 1, 2, 3);
                }
            }
            case SojournDatagram.SPLIT -> {
                if (SplitDatagram.isWellFormed(s, 0, length)) {
                    MemorySegment.copy(
                            s,
                            SplitDatagram.HEADER_BYTES,
                            out,
                            0,
                            SplitDatagram.halfBytes(SplitDatagram.wholeBytes(s, 0), SplitDatagram.half(s, 0)));
                }
            }
            case SojournDatagram.RELAYED -> {
                if (length > RelayDatagram.FROM_HEADER_BYTES) {
                    RelayDatagram.writeFrom(
                            out,
                            0,
                            RelayDatagram.number(s, 0),
                            RelayDatagram.addressHigh(s, 0),
                            RelayDatagram.addressLow(s, 0),
                            RelayDatagram.port(s, 0));
                }
            }
            default -> {}
        }
    }
}
