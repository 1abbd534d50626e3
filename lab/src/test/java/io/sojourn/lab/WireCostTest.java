// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class WireCostTest {
    private static final int INNER_BYTES = 1028;

    @Test
    void aSealedPingIsKnownByItsLength() {
        assertThat(WireCost.found(capture(0, 400, INNER_BYTES + 78, INNER_BYTES + 78, INNER_BYTES + 60)))
                .isEqualTo(new WireCost.Found(78, false));
    }

    @Test
    void aPingInTheOpenIsSaidToBeReadable() {
        assertThat(WireCost.found(capture(0x5a, INNER_BYTES + 50, INNER_BYTES + 50)))
                .isEqualTo(new WireCost.Found(50, true));
    }

    @Test
    void nothingSeenIsNothingFound() {
        assertThat(WireCost.found(capture(0))).isEqualTo(new WireCost.Found(-1, false));
    }

    private static byte[] capture(int fill, int... lengths) {
        ByteBuffer out = ByteBuffer.allocate(10_000).order(ByteOrder.LITTLE_ENDIAN);
        out.position(24);
        for (int length : lengths) {
            out.putInt(0).putInt(0).putInt(length).putInt(length);
            for (int i = 0; i < length; i++) {
                out.put((byte) (i < 100 ? i : fill));
            }
        }
        byte[] pcap = new byte[out.position()];
        out.flip().get(pcap);
        return pcap;
    }
}
