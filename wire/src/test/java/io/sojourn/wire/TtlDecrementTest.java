// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class TtlDecrementTest {
    @Test
    void isTheSameAsRecomputingTheHeader() {
        Samples.forAll(20_000, random -> {
            byte[] header = Samples.random(random, 20);
            header[0] = 0x45;
            SlowPacket.put16(header, 10, 0);
            SlowPacket.put16(header, 10, SlowPacket.checksum(header));
            MemorySegment s = Samples.exactly(header);
            int ttl = header[8] & 0xFF;
            assertThat(TtlDecrement.ipv4(s, 0)).isEqualTo(ttl > 1);
            if (ttl > 1) {
                header[8]--;
                SlowPacket.put16(header, 10, 0);
                SlowPacket.put16(header, 10, SlowPacket.checksum(header));
            }
            assertThat(Samples.octets(s, 0, 20)).isEqualTo(header);
        });
    }

    @Test
    void lowersTheHopLimitButNeverToZero() {
        byte[] header = SlowPacket.ipv6(17, new byte[16], new byte[16], new byte[0]);
        MemorySegment s = Samples.exactly(header);
        assertThat(TtlDecrement.ipv6(s, 0)).isTrue();
        assertThat(Ipv6.hopLimit(s, 0)).isEqualTo(63);
        BigEndian.putU8(s, Ipv6.HOP_LIMIT_OFFSET, 1);
        assertThat(TtlDecrement.ipv6(s, 0)).isFalse();
        assertThat(Ipv6.hopLimit(s, 0)).isEqualTo(1);
    }
}
