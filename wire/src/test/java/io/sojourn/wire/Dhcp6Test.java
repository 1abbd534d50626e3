// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Dhcp6Test {
    private static final byte[] SERVER = Dhcp6.duid(0x0253_4A00_0001L);
    private static final String CLIENT_ID = "0001000a" + "00030001525400000010";
    private static final String SERVER_ID = "0002000a" + "0003000102534a000001";
    private static final String ADDRESS = "fd100010000200000000000000000010";
    private static final Dhcp6.Said NOTHING_MORE = new Dhcp6.Said(-1, 0, 0);

    private static MemorySegment message(String hex) {
        byte[] octets = HexFormat.of().parseHex(hex);
        MemorySegment s = Arena.ofAuto().allocate(octets.length);
        MemorySegment.copy(octets, 0, s, ValueLayout.JAVA_BYTE, 0, octets.length);
        return s;
    }

    private static String association(String options) {
        return String.format("0003%04x", 12 + options.length() / 2) + "0a0b0c0d" + "00000000" + "00000000" + options;
    }

    private static Dhcp6 read(String hex) {
        Dhcp6 dhcp = new Dhcp6();
        assertThat(dhcp.read(message(hex), 0, hex.length() / 2)).isTrue();
        return dhcp;
    }

    private static String written(Dhcp6 dhcp, int answer, List<List<Dhcp6.Lease>> granted, Dhcp6.Said said) {
        MemorySegment s = Arena.ofAuto().allocate(Dhcp6.ANSWER_BYTES);
        int length = dhcp.write(s, 0, answer, SERVER, granted, said);
        return HexFormat.of().formatHex(s.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
    }

    private static List<List<Dhcp6.Lease>> granted(int preferredS, int validS) {
        return List.of(List.of(new Dhcp6.Lease(0xfd10_0010_0002_0000L, 0x10, preferredS, validS)));
    }

    @Test
    void aSolicitIsUnderstoodAndAnswered() {
        // With an option request and an elapsed time, as clients send them (RFC 8415 section 18.2.1).
        Dhcp6 dhcp = read("01aabbcc" + CLIENT_ID + "000600040017" + "0018" + "000800020000" + association(""));
        assertThat(dhcp.type()).isEqualTo(Dhcp6.SOLICIT);
        assertThat(dhcp.isFor(SERVER)).isTrue();
        assertThat(dhcp.associations()).isEqualTo(1);
        assertThat(dhcp.wanted(0)).isZero();
        assertThat(written(dhcp, Dhcp6.ADVERTISE, granted(3600, 7200), NOTHING_MORE))
                .isEqualTo("02aabbcc" + CLIENT_ID + SERVER_ID + "00070001ff" + "00030028" + "0a0b0c0d" + "00000708"
                        + "00000b40" + "00050018" + ADDRESS + "00000e10" + "00001c20");
    }

    @Test
    void aRenewNamesItsAddresses() {
        Dhcp6 dhcp =
                read("05000001" + CLIENT_ID + SERVER_ID + association("00050018" + ADDRESS + "00000000".repeat(2)));
        assertThat(dhcp.isFor(SERVER)).isTrue();
        assertThat(dhcp.isFor(Dhcp6.duid(7))).isFalse();
        assertThat(dhcp.wantedHigh(0, 0)).isEqualTo(0xfd10_0010_0002_0000L);
        assertThat(dhcp.wantedLow(0, 0)).isEqualTo(0x10);
    }

    @Test
    void whoAsksForNoAddressIsToldTheRest() {
        Dhcp6 dhcp = read("0b000001" + "000600020017");
        assertThat(dhcp.isFor(SERVER)).as("without a name of its own").isTrue();
        assertThat(written(dhcp, Dhcp6.REPLY, List.of(), new Dhcp6.Said(-1, 0xfd10_0010_0002_0000L, 1)))
                .isEqualTo("07000001" + SERVER_ID + "00170010" + "fd100010000200000000000000000001");
    }

    @Test
    void anAssociationThatGetsNothingIsToldSo() {
        Dhcp6 dhcp = read("01000001" + CLIENT_ID + "000e0000" + association(""));
        assertThat(dhcp.wantsRapidCommit()).isTrue();
        assertThat(written(dhcp, Dhcp6.REPLY, List.of(List.of()), new Dhcp6.Said(Dhcp6.SUCCESS, 0, 0)))
                .isEqualTo("07000001" + CLIENT_ID + SERVER_ID + "000e0000" + "000d00020000" + "00030012" + "0a0b0c0d"
                        + "00000000".repeat(2) + "000d00020002");
    }

    @Test
    void whatItsTypeForbidsIsForNobody() {
        assertThat(read("01000001" + CLIENT_ID + SERVER_ID).isFor(SERVER)).isFalse();
        assertThat(read("03000001" + CLIENT_ID).isFor(SERVER)).isFalse();
        assertThat(read("06000001").isFor(SERVER)).isFalse();
        assertThat(read("0b000001" + association("")).isFor(SERVER)).isFalse();
        assertThat(new Dhcp6().read(message("07000001" + CLIENT_ID), 0, 18)).isFalse();
    }

    @Test
    void hostileOctetsNeverThrow() {
        SplittableRandom random = new SplittableRandom(1);
        String good = "03000001" + CLIENT_ID + SERVER_ID + association("00050018" + ADDRESS + "00000000".repeat(2));
        Dhcp6 dhcp = new Dhcp6();
        for (int i = 0; i < 20_000; i++) {
            MemorySegment s = message(good);
            for (int n = random.nextInt(6); n >= 0; n--) {
                s.set(ValueLayout.JAVA_BYTE, random.nextInt((int) s.byteSize()), (byte) random.nextInt());
            }
            if (dhcp.read(s, 0, random.nextInt((int) s.byteSize() + 1)) && dhcp.isFor(SERVER)) {
                List<List<Dhcp6.Lease>> all = java.util.stream.IntStream.range(0, dhcp.associations())
                        .mapToObj(n -> java.util.Collections.nCopies(Dhcp6.LEASES_MOST, new Dhcp6.Lease(1, 2, 3, 4)))
                        .toList();
                assertThat(written(dhcp, Dhcp6.REPLY, all, NOTHING_MORE)).startsWith("07");
            }
        }
    }
}
