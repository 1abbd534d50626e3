// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.location.Locator64;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.LocatorUpdate;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class IlnpMessagesTest {
    private static final long A = 0x2001_0DB8_000A_0000L;
    private static final long B = 0x2001_0DB8_000B_0000L;
    private static final long C = 0x2001_0DB8_000C_0000L;
    private static final List<Advertised> LISTED =
            List.of(new Advertised(new Locator64(B), 10, 300), new Advertised(new Locator64(A), 20, 300));

    private final MemorySegment s = Arena.ofAuto().allocate(512);
    private final IlnpHeaders headers = new IlnpHeaders();

    /** The packet of the reference document. */
    @Test
    void writesTheGoldenUpdateAndReadsItBack() {
        Nonce nonce = Nonce.ofShort(0xDEAD_BEEF);
        int n = IlnpMessages.writeUpdate(
                s, 0, B, 0x1234_56FF_FE78_9ABCL, C, 0x0214_4FFF_FEFF_EE64L, nonce, LocatorUpdate.ADVERTISEMENT, LISTED);
        assertThat(n).isEqualTo(IlnpMessages.updateBytes(nonce, 2)).isEqualTo(80);
        assertThat(HexFormat.of().formatHex(s.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE)))
                .isEqualTo("6000000000283c40" + "20010db8000b0000123456fffe789abc" + "20010db8000c000002144ffffeffee64"
                        + "3a008b04deadbeef" + "9c00663c02010000" + "20010db8000b0000000a012c"
                        + "20010db8000a00000014012c");
        assertThat(headers.read(s, 0, n)).isEqualTo(DropReason.NONE);
        assertThat(headers.isLocatorUpdate(s, 0)).isTrue();
        assertThat(IlnpMessages.checkUpdate(s, 0, headers)).isEqualTo(DropReason.NONE);
        assertThat(IlnpMessages.listed(s, 0, headers)).isEqualTo(LISTED);
        s.set(ValueLayout.JAVA_BYTE, 60, (byte) 1);
        assertThat(IlnpMessages.checkUpdate(s, 0, headers)).isEqualTo(DropReason.BAD_TRANSPORT_CHECKSUM);
    }

    @Test
    void aNonceMayTravelAlone() {
        int n = IlnpMessages.writeNonce(s, 0, A, 1, B, 2, Nonce.ofLong(1, 2));
        assertThat(n).isEqualTo(56);
        assertThat(headers.read(s, 0, n)).isEqualTo(DropReason.NONE);
        assertThat(headers.protocol()).isEqualTo(IpProtocol.NO_NEXT_HEADER);
        assertThat(headers.nonceBytes()).isEqualTo(12);
        assertThat(headers.isNonceAlone()).isTrue();
    }
}
