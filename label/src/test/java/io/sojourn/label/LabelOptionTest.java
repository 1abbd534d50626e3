// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.label.Packets.Packet;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Tcp;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class LabelOptionTest {
    private static final Token TOKEN = new Token(0x0011223344556677L, 0x8899aabb);
    private static final Place A = Packets.place("10.10.1.10", 40000);
    private static final Place B = Packets.place("10.10.2.20", 22);
    private static final Place A6 = Packets.place("fd10:10:1::10", 40000);
    private static final Place B6 = Packets.place("fd10:10:2::20", 22);

    @Test
    void isTwentyOctetsBehindWhatStockLinuxOffers() {
        Packet syn = Packets.syn(A, B, 1);
        Segment s = syn.segment();
        assertThat(LabelOption.fits(s.memory, s.tcp, s.tcpBytes)).isTrue();
        LabelOption.append(s.memory, s.ip, s.v6, s.tcp, 0xabcdef, TOKEN, false);
        Packet longer = syn.longer(LabelOption.BYTES);
        assertThat(longer.isIntact()).isTrue();
        assertThat(HexFormat.of().formatHex(longer.octets(), 60, 80))
                .isEqualTo("fd14534a10abcdef" + "00112233445566778899aabb");
        assertThat(LabelOption.fits(s.memory, s.tcp, longer.segment().tcpBytes)).isFalse();
    }

    @Test
    void isReadAsItWasWritten() {
        for (Packet syn : new Packet[] {Packets.syn(A, B, 7), Packets.synAck(A6, B6, 8, 9)}) {
            Segment s = syn.segment();
            LabelOption.append(s.memory, s.ip, s.v6, s.tcp, 5, TOKEN, true);
            Packet longer = syn.longer(LabelOption.BYTES);
            Segment t = longer.segment();
            int at = LabelOption.find(t.memory, t.tcp, t.tcpBytes);
            assertThat(at).isEqualTo(40);
            assertThat(LabelOption.isEcho(t.memory, t.tcp + at)).isTrue();
            assertThat(LabelOption.key(t.memory, t.tcp + at)).isEqualTo(5);
            assertThat(LabelOption.token(t.memory, t.tcp + at)).isEqualTo(TOKEN);
            assertThat(longer.isIntact()).isTrue();
            LabelOption.blank(t.memory, t.tcp, at, false);
            assertThat(longer.isIntact()).isTrue();
            assertThat(LabelOption.find(t.memory, t.tcp, t.tcpBytes)).isEqualTo(LabelOption.ABSENT);
        }
    }

    @Test
    void damageStaysDamage() {
        Packet syn = Packets.syn(A, B, 1);
        Segment s = syn.segment();
        BigEndian.putU16(s.memory, s.tcp + Tcp.WINDOW_OFFSET, 12345);
        LabelOption.append(s.memory, s.ip, s.v6, s.tcp, 0, TOKEN, false);
        Packet longer = syn.longer(LabelOption.BYTES);
        assertThat(longer.isIntact()).isFalse();
        LabelOption.blank(s.memory, s.tcp, 40, false);
        assertThat(longer.isIntact()).isFalse();
    }

    @Test
    void aSynWithPayloadOrNoRoomTakesNone() {
        Packet fast = Packets.tcp(A, B, Tcp.SYN, 1, 0, new byte[0], "GET".getBytes());
        assertThat(LabelOption.fits(fast.memory(), fast.segment().tcp, fast.segment().tcpBytes))
                .isFalse();
        Packet full = Packets.tcp(A, B, Tcp.SYN, 1, 0, new byte[24], new byte[0]);
        assertThat(LabelOption.fits(full.memory(), full.segment().tcp, full.segment().tcpBytes))
                .isFalse();
    }

    @Test
    void anotherExperimentOrVersionIsNone() {
        byte[] other = HexFormat.of().parseHex("fd14534b10abcdef00112233445566778899aabb");
        byte[] later = HexFormat.of().parseHex("fd14534a20abcdef00112233445566778899aabb");
        byte[] cut = HexFormat.of().parseHex("fd10534a10abcdef0011223344556677");
        for (byte[] options : new byte[][] {other, later, cut}) {
            Segment s = Packets.tcp(A, B, Tcp.SYN, 1, 0, options, new byte[0]).segment();
            assertThat(LabelOption.find(s.memory, s.tcp, s.tcpBytes)).isEqualTo(LabelOption.ABSENT);
        }
    }

    @Test
    void everyOctetOfAnOptionMayBeAnything() {
        for (int at = 20; at < 60; at++) {
            for (int value = 0; value < 256; value++) {
                Packet syn = Packets.syn(A, B, 1);
                Segment s = syn.segment();
                LabelOption.append(s.memory, s.ip, s.v6, s.tcp, 1, TOKEN, false);
                BigEndian.putU8(s.memory, s.tcp + at, value);
                Segment t = syn.longer(LabelOption.BYTES).segment();
                int found = LabelOption.find(t.memory, t.tcp, t.tcpBytes);
                assertThat(found).isBetween(-1, 40);
            }
        }
    }
}
