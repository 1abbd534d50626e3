// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MssClampTest {
    private final ParsedFrame parsed = new ParsedFrame();

    @Test
    void boundsFitTheMtu() {
        assertThat(MssClamp.bound(1450, false)).isEqualTo(1410);
        assertThat(MssClamp.bound(1450, true)).isEqualTo(1390);
    }

    @Test
    void clampsTheSynOfLinux() {
        for (String name : new String[] {"tcp4-syn", "tcp6-syn"}) {
            byte[] frame = Samples.frame(name);
            MemorySegment s = Samples.exactly(frame);
            parsed.parse(s, 0, frame.length);
            assertThat(MssClamp.clamp(s, parsed, 1300)).isTrue();
            int option = (int) parsed.l4At() + 20;
            SlowPacket.put16(frame, option + 2, 1300);
            assertThat(Samples.octets(s, 0, option + 40 - 20)).startsWith(SlowPacket.slice(frame, 0, option - 4));
            assertThat(BigEndian.u16(s, option + 2)).isEqualTo(1300);
            assertThat(isIntact(s, frame.length)).isTrue();
            assertThat(MssClamp.clamp(s, parsed, 1300)).as("again").isFalse();
        }
    }

    @Test
    void leavesSmallerOnesAndOtherSegmentsAlone() {
        for (String name : new String[] {"tcp4-data", "udp4", "echo4-request", "fragment4-last", "arp-reply"}) {
            byte[] frame = Samples.frame(name);
            MemorySegment s = Samples.exactly(frame);
            parsed.parse(s, 0, frame.length);
            assertThat(MssClamp.clamp(s, parsed, 10)).isFalse();
            assertThat(Samples.octets(s, 0, frame.length)).isEqualTo(frame);
        }
    }

    @Test
    void isTheSameAsRecomputingFromScratch() {
        Samples.forAll(30_000, random -> {
            boolean v6 = random.nextBoolean();
            byte[] source = Samples.random(random, v6 ? 16 : 4);
            byte[] destination = Samples.random(random, v6 ? 16 : 4);
            byte[] tcp = SlowPacket.tcp(random, Tcp.SYN, options(random), Samples.random(random, random.nextInt(20)));
            tcp = SlowPacket.sealed(source, destination, IpProtocol.TCP, 16, tcp);
            int max = random.nextInt(0x10000);

            byte[] frame = frame(v6, source, destination, tcp);
            MemorySegment s = Samples.exactly(frame);
            assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
            boolean changed = MssClamp.clamp(s, parsed, max);

            byte[] expected = tcp.clone();
            assertThat(changed).isEqualTo(slowClamp(expected, max));
            expected = SlowPacket.sealed(source, destination, IpProtocol.TCP, 16, expected);
            assertThat(Samples.octets(s, 0, frame.length)).isEqualTo(frame(v6, source, destination, expected));
        });
    }

    private static byte[] frame(boolean v6, byte[] source, byte[] destination, byte[] tcp) {
        return v6
                ? SlowPacket.ethernet(EtherType.IPV6, SlowPacket.ipv6(IpProtocol.TCP, source, destination, tcp))
                : SlowPacket.ethernet(
                        EtherType.IPV4, SlowPacket.ipv4(0x4000, IpProtocol.TCP, source, destination, new byte[0], tcp));
    }

    /** Options in random order with NOPs between (so that the MSS stands at odd offsets too), or plain noise. */
    private static byte[] options(SplittableRandom random) {
        byte[] area = Samples.random(random, 4 * random.nextInt(11));
        if (random.nextInt(4) == 0) {
            return area;
        }
        int at = 0;
        while (at < area.length) {
            int left = area.length - at;
            int choice = random.nextInt(4);
            if (choice == 0 && left >= 4) {
                area[at] = 2;
                area[at + 1] = 4;
                at += 4;
            } else if (choice == 1 && left >= 3) {
                area[at] = 3;
                area[at + 1] = 3;
                at += 3;
            } else {
                area[at++] = (byte) (random.nextInt(20) == 0 ? 0 : 1);
            }
        }
        return area;
    }

    private static boolean slowClamp(byte[] tcp, int max) {
        int end = Math.min(tcp.length, (tcp[12] >> 4 & 0xF) * 4);
        boolean changed = false;
        for (int i = 20; i < end && tcp[i] != 0; ) {
            if (tcp[i] == 1) {
                i++;
                continue;
            }
            int length = i + 1 < end ? tcp[i + 1] & 0xFF : 0;
            if (length < 2 || i + length > end) {
                break;
            }
            if (tcp[i] == 2 && length == 4 && SlowPacket.u16(tcp, i + 2) > max) {
                SlowPacket.put16(tcp, i + 2, max);
                changed = true;
            }
            i += length;
        }
        return changed;
    }

    private boolean isIntact(MemorySegment s, int length) {
        parsed.parse(s, 0, length);
        int address = parsed.isV6() ? 16 : 4;
        int at = (int) parsed.l3At() + (parsed.isV6() ? 8 : 12);
        return SlowPacket.isIntact(
                Samples.octets(s, at, address),
                Samples.octets(s, at + address, address),
                IpProtocol.TCP,
                Samples.octets(s, parsed.l4At(), parsed.l4Length()));
    }
}
