// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class ChecksumTest {
    /** RFC 1071 section 3. */
    @Test
    void addsTheExampleOfRfc1071() {
        MemorySegment s = Samples.exactly(Samples.hex("00 01 f2 03 f4 f5 f6 f7"));
        assertThat(Checksum.sum(s, 0, 8)).isEqualTo(0xDDF2);
        assertThat(Checksum.finish(0xDDF2)).isEqualTo(0x220D);
    }

    /** RFC 1624 section 4: the case that equation 2 gets wrong. */
    @Test
    void updatesTheExampleOfRfc1624() {
        assertThat(Checksum.update(0xDD2F, 0x5555, 0x3285)).isEqualTo(0x0000);
    }

    @Test
    void agreesWithTheSlowSumAtEveryLengthAndAlignment() {
        Samples.forAll(20_000, random -> {
            int at = random.nextInt(9);
            byte[] data = Samples.random(random, random.nextInt(100));
            MemorySegment s = Samples.exactly(SlowPacket.join(new byte[at], data));
            assertThat(Checksum.finish(Checksum.sum(s, at, data.length))).isEqualTo(SlowPacket.checksum(data));
        });
    }

    @Test
    void sumsLargeDataOfAllOnes() {
        byte[] data = new byte[65_535];
        java.util.Arrays.fill(data, (byte) 0xFF);
        int sum = Checksum.sum(Samples.exactly(data), 0, data.length);
        assertThat(Checksum.finish(sum)).isEqualTo(SlowPacket.checksum(data));
    }

    @Test
    void updatesAsIfComputedAnew() {
        Samples.forAll(50_000, random -> {
            byte[] data = Samples.random(random, 40);
            data[0] |= 1; // never all zero: RFC 1624 section 3 excludes that
            int before = SlowPacket.checksum(data);
            int word = 2 + 2 * random.nextInt(10);
            int oldWord = SlowPacket.u16(data, word);
            int newWord = random.nextInt(4) == 0 ? (random.nextBoolean() ? 0 : 0xFFFF) : random.nextInt(0x10000);
            SlowPacket.put16(data, word, newWord);
            assertThat(Checksum.update(before, oldWord, newWord)).isEqualTo(SlowPacket.checksum(data));
            assertThat(Checksum.update(before, Checksum.change(oldWord, newWord)))
                    .isEqualTo(SlowPacket.checksum(data));
        });
    }

    @Test
    void updatesForWholeAddresses() {
        Samples.forAll(20_000, random -> {
            byte[] data = Samples.random(random, 40);
            data[0] |= 1;
            int before = SlowPacket.checksum(data);
            MemorySegment s = Samples.exactly(data);
            long oldHigh = BigEndian.u64(s, 8);
            long newHigh = random.nextLong();
            System.arraycopy(SlowPacket.number(newHigh, 8), 0, data, 8, 8);
            assertThat(Checksum.update(before, Checksum.change(oldHigh, newHigh)))
                    .isEqualTo(SlowPacket.checksum(data));
        });
    }

    @Test
    void aChangeThatIsUndoneLeavesTheChecksum() {
        Samples.forAll(20_000, random -> {
            int checksum = random.nextInt(0xFFFF);
            long a = random.nextLong();
            long b = random.nextLong();
            int there = Checksum.update(checksum, Checksum.change(a, b));
            assertThat(Checksum.update(there, Checksum.change(b, a))).isEqualTo(checksum);
        });
    }
}
