// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Dhcp4Test {
    private static final Dhcp4.Lease LEASE = new Dhcp4.Lease(0x0A0A_020AL, 24, 0x0A0A_0201L, 0, 1400, 3600);

    /** A DISCOVER as RFC 2131 figure 1 has it, options as busybox's udhcpc sends them. */
    private static MemorySegment discover() {
        MemorySegment s = Arena.ofAuto().allocate(300);
        byte[] head = HexFormat.of()
                .parseHex(
                        "01010600" + "3903f326" + "0000" + "0000" + "00".repeat(16) + "000b8201fc42" + "00".repeat(10));
        MemorySegment.copy(head, 0, s, ValueLayout.JAVA_BYTE, 0, head.length);
        byte[] options = HexFormat.of()
                .parseHex("63825363" + "350101" + "3d0701000b8201fc42" + "3204c0a80102" + "37040103062a" + "ff");
        MemorySegment.copy(options, 0, s, ValueLayout.JAVA_BYTE, 236, options.length);
        return s;
    }

    @Test
    void aDiscoverIsUnderstood() {
        Dhcp4 dhcp = new Dhcp4();
        assertThat(dhcp.read(discover(), 0, 300)).isTrue();
        assertThat(dhcp.type()).isEqualTo(Dhcp4.DISCOVER);
        assertThat(dhcp.mac()).isEqualTo(0x000b_8201_fc42L);
        assertThat(dhcp.wantedAddress()).isEqualTo(0xC0A8_0102L);
        assertThat(dhcp.server()).isZero();
        assertThat(dhcp.wantsBroadcast()).isFalse();
    }

    @Test
    void anOfferHasWhatAClientNeeds() {
        Dhcp4 dhcp = new Dhcp4();
        dhcp.read(discover(), 0, 300);
        MemorySegment s = Arena.ofAuto().allocate(400);
        assertThat(dhcp.write(s, 10, Dhcp4.OFFER, 0x0A0A_0201L, LEASE)).isEqualTo(Dhcp4.ANSWER_BYTES);
        byte[] out = s.asSlice(10, Dhcp4.ANSWER_BYTES).toArray(ValueLayout.JAVA_BYTE);
        assertThat(HexFormat.of().formatHex(out, 0, 8)).isEqualTo("02010600" + "3903f326");
        assertThat(HexFormat.of().formatHex(out, 16, 20)).isEqualTo("0a0a020a");
        assertThat(HexFormat.of().formatHex(out, 28, 34)).isEqualTo("000b8201fc42");
        assertThat(HexFormat.of().formatHex(out, 236, 274))
                .isEqualTo("63825363" + "350102" + "36040a0a0201" + "330400000e10" + "0104ffffff00" + "03040a0a0201"
                        + "1a020578" + "ff" + "00".repeat(2));
    }

    @Test
    void hostileOctetsNeverThrow() {
        SplittableRandom random = new SplittableRandom(1);
        Dhcp4 dhcp = new Dhcp4();
        for (int i = 0; i < 20_000; i++) {
            MemorySegment s = discover();
            for (int n = random.nextInt(6); n >= 0; n--) {
                s.set(ValueLayout.JAVA_BYTE, 230 + random.nextInt(70), (byte) random.nextInt());
            }
            dhcp.read(s, 0, random.nextInt(301));
        }
        assertThat(dhcp.read(discover(), 0, 239)).isFalse();
    }
}
