// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FragmenterTest {
    private static final byte[] SOURCE = {10, 10, 1, 5};
    private static final byte[] DESTINATION = {10, 10, 2, 6};

    private final MemorySegment slot = Arena.ofAuto().allocate(70_000);
    private final ParsedFrame parsed = new ParsedFrame();
    private final Fragmenter fragmenter = new Fragmenter();

    /** The fragments as IP packets; each is held against the MTU and its own header. */
    private List<byte[]> fragment(byte[] packet, int mtuBytes) {
        byte[] frame = SlowPacket.ethernet(EtherType.IPV4, packet);
        MemorySegment s = Samples.exactly(frame);
        assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
        assertThat(fragmenter.begin(s, parsed, mtuBytes)).isTrue();
        List<byte[]> out = new ArrayList<>();
        for (int n = fragmenter.next(slot, 4); n > 0; n = fragmenter.next(slot, 4)) {
            assertThat(new ParsedFrame().parse(slot, 4, n)).isEqualTo(DropReason.NONE);
            byte[] fragment = Samples.octets(slot, 4 + 14, SlowPacket.u16(Samples.octets(slot, 4 + 16, 2), 0));
            assertThat(fragment.length).isLessThanOrEqualTo(mtuBytes);
            out.add(fragment);
        }
        return out;
    }

    /** RFC 815 without its cleverness: sort by offset, no holes, no overlaps. */
    private static byte[] reassemble(List<byte[]> fragments) {
        List<byte[]> sorted = new ArrayList<>(fragments);
        sorted.sort((a, b) -> Integer.compare(offset(a), offset(b)));
        ByteArrayOutputStream payload = new ByteArrayOutputStream();
        int start = offset(sorted.getFirst());
        for (byte[] fragment : sorted) {
            assertThat(offset(fragment)).isEqualTo(start + payload.size());
            boolean last = fragment == sorted.getLast();
            if (!last) {
                assertThat(SlowPacket.u16(fragment, 6) & Ipv4.MORE_FRAGMENTS).isNotZero();
            }
            int header = (fragment[0] & 0xF) * 4;
            payload.write(fragment, header, fragment.length - header);
        }
        byte[] first = sorted.getFirst();
        byte[] header = SlowPacket.slice(first, 0, (first[0] & 0xF) * 4);
        int more = SlowPacket.u16(sorted.getLast(), 6) & Ipv4.MORE_FRAGMENTS;
        SlowPacket.put16(header, 2, header.length + payload.size());
        SlowPacket.put16(header, 6, more | start / 8);
        SlowPacket.put16(header, 10, 0);
        SlowPacket.put16(header, 10, SlowPacket.checksum(header));
        return SlowPacket.join(header, payload.toByteArray());
    }

    private static int offset(byte[] fragment) {
        return (SlowPacket.u16(fragment, 6) & Ipv4.FRAGMENT_OFFSET_MASK) * 8;
    }

    @Test
    void reassembledFragmentsAreTheOriginal() {
        Samples.forAll(3_000, random -> {
            byte[] options = Samples.random(random, 4 * random.nextInt(11));
            byte[] payload = Samples.random(random, 1 + random.nextInt(5_000));
            byte[] packet = SlowPacket.ipv4(0, 200, SOURCE, DESTINATION, options, payload);
            List<byte[]> fragments = fragment(packet, 68 + random.nextInt(1_500));
            Collections.shuffle(fragments, new Random(random.nextLong()));
            assertThat(reassemble(fragments)).isEqualTo(packet);
        });
    }

    @Test
    void fragmentsOfFragmentsReassembleToo() {
        Samples.forAll(1_000, random -> {
            byte[] payload = Samples.random(random, 500 + random.nextInt(3_000));
            byte[] packet = SlowPacket.ipv4(0, 17, SOURCE, DESTINATION, new byte[0], payload);
            List<byte[]> all = new ArrayList<>();
            for (byte[] coarse : fragment(packet, 600 + random.nextInt(900))) {
                List<byte[]> fine = fragment(coarse, 68 + random.nextInt(400));
                assertThat(reassemble(fine)).isEqualTo(coarse);
                all.addAll(fine);
            }
            assertThat(reassemble(all)).isEqualTo(packet);
        });
    }

    @Test
    void aPacketThatFitsComesOutAsItIs() {
        byte[] packet = SlowPacket.ipv4(0, 17, SOURCE, DESTINATION, new byte[0], new byte[1480]);
        assertThat(fragment(packet, 1500)).containsExactly(packet);
    }

    /** Record route (7) stays in the first fragment only; loose source route (131) is in all (RFC 791 section 3.1). */
    @Test
    void laterFragmentsCarryOnlyCopiedOptions() {
        byte[] options = Samples.hex("01 07 07 04 00000000 83 07 04 0a0a0101 00");
        byte[] packet = SlowPacket.ipv4(0, 17, SOURCE, DESTINATION, options, new byte[200]);
        List<byte[]> fragments = fragment(packet, 120);
        assertThat(SlowPacket.slice(fragments.get(0), 20, 36)).isEqualTo(options);
        byte[] later = fragments.get(1);
        assertThat((later[0] & 0xF) * 4).isEqualTo(28);
        assertThat(SlowPacket.slice(later, 20, 28)).isEqualTo(Samples.hex("83 07 04 0a0a0101 00"));
    }

    @Test
    void honoursDontFragment() {
        byte[] packet = SlowPacket.ipv4(Ipv4.DONT_FRAGMENT, 17, SOURCE, DESTINATION, new byte[0], new byte[2000]);
        byte[] frame = SlowPacket.ethernet(EtherType.IPV4, packet);
        MemorySegment s = Samples.exactly(frame);
        assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
        assertThat(fragmenter.begin(s, parsed, 1400)).isFalse();
        assertThat(fragmenter.next(slot, 0)).isZero();
    }
}
