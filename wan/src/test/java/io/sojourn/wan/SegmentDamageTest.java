// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SegmentDamageTest {
    private static final int BYTES = 1_428;
    private static final long SOURCE = 0xC000_0201L;
    private static final long DESTINATION = 0xC000_0202L;

    private final MemorySegment packet = Arena.ofAuto().allocate(BYTES);

    private byte[] write(int identification) {
        Ipv4.write(packet, 0, 0, BYTES, Ipv4.DONT_FRAGMENT, 64, IpProtocol.UDP, SOURCE, DESTINATION);
        BigEndian.putU16(packet, Ipv4.IDENTIFICATION_OFFSET, identification);
        BigEndian.putU16(packet, 20 + Udp.LENGTH_OFFSET, BYTES - 20);
        BigEndian.putU16(packet, 20 + Udp.CHECKSUM_OFFSET, 0);
        BigEndian.putU16(packet, 20 + Udp.CHECKSUM_OFFSET, Checksum.finish(sum()));
        return packet.toArray(ValueLayout.JAVA_BYTE);
    }

    private long sum() {
        return Checksum.pseudoHeader4(SOURCE, DESTINATION, IpProtocol.UDP, BYTES - 20)
                + Checksum.sum(packet, 20, BYTES - 20);
    }

    @Test
    void aLaterSegmentIsDamagedAndItsChecksumFitsAllTheSame() {
        for (double where : new double[] {0, 0.5, 0.999_999}) {
            byte[] before = write(7);
            assertThat(SegmentDamage.inflict(packet, 0, 20, BYTES, where)).isTrue();
            byte[] after = packet.toArray(ValueLayout.JAVA_BYTE);
            assertThat(Arrays.copyOf(after, 26)).isEqualTo(Arrays.copyOf(before, 26));
            assertThat(Arrays.copyOfRange(after, 28, BYTES)).isNotEqualTo(Arrays.copyOfRange(before, 28, BYTES));
            assertThat(Checksum.isIntact(sum())).isTrue();
        }
    }

    @Test
    void aDatagramThatWasNeverPartOfASuperFrameIsSpared() {
        byte[] before = write(0);
        assertThat(SegmentDamage.inflict(packet, 0, 20, BYTES, 0.5)).isFalse();
        assertThat(packet.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
    }
}
