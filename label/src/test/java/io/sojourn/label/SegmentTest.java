// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.label.Packets.Packet;
import io.sojourn.wire.Tcp;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SegmentTest {
    private final SplittableRandom random = new SplittableRandom(7);

    private Place any(boolean v6) {
        String address = v6
                ? "fd" + Integer.toHexString(16 + random.nextInt(200)) + "::"
                        + Integer.toHexString(random.nextInt(0xFFFF))
                : "10." + random.nextInt(256) + "." + random.nextInt(256) + "." + (1 + random.nextInt(250));
        return Packets.place(address, random.nextInt(0x1_0000));
    }

    /** The reference is the same segment built anew. */
    @Test
    void otherEndsMakeWhatThatEndWouldHaveSent() {
        for (int i = 0; i < 2_000; i++) {
            boolean v6 = i % 2 == 0;
            byte[] payload = new byte[random.nextInt(40)];
            random.nextBytes(payload);
            byte[] options = new byte[4 * random.nextInt(10)];
            int sequence = random.nextInt();
            Place from = any(v6);
            Place to = any(v6);
            Packet rewritten = Packets.tcp(any(v6), any(v6), Tcp.ACK, sequence, 1, options, payload);
            rewritten.segment().rewrite(from, to, false);
            byte[] wanted = Packets.tcp(from, to, Tcp.ACK, sequence, 1, options, payload)
                    .octets();
            if (rewritten.isIntact()) {
                // Of the two zeros of ones' complement either may come out (RFC 1624).
                byte[] found = rewritten.octets();
                int at = (v6 ? 40 : 20) + Tcp.CHECKSUM_OFFSET;
                found[at] = wanted[at];
                found[at + 1] = wanted[at + 1];
                assertThat(found).isEqualTo(wanted);
            } else {
                assertThat(rewritten.octets()).as("segment " + i).isEqualTo(wanted);
            }
        }
    }

    @Test
    void aPartialChecksumIsThatOfTheNewPseudoHeader() {
        Place from = Packets.place("10.1.1.1", 5);
        Place to = Packets.place("10.2.2.2", 6);
        Packet packet = Packets.data(Packets.place("10.3.3.3", 7), Packets.place("10.4.4.4", 8), 1, 2, "abc");
        Segment s = packet.segment();
        int partial = io.sojourn.wire.Checksum.fold(
                io.sojourn.wire.Checksum.pseudoHeader4(s.sourceLow, s.destinationLow, 6, s.tcpBytes));
        io.sojourn.wire.BigEndian.putU16(s.memory, s.tcp + Tcp.CHECKSUM_OFFSET, partial);
        s.rewrite(from, to, true);
        int wanted = io.sojourn.wire.Checksum.fold(io.sojourn.wire.Checksum.pseudoHeader4(
                from.address().low(), to.address().low(), 6, s.tcpBytes));
        assertThat(Tcp.checksum(s.memory, s.tcp)).isEqualTo(wanted);
    }
}
