// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Whatever arrives, nothing throws and nothing is read outside the frame: each frame ends where its memory slice ends,
 * so that a read too far is an IndexOutOfBoundsException.
 */
class HostileFrameTest {
    private static final int FRAMES = Integer.getInteger("sojourn.hostile.frames", 2_000_000);
    private static final int LONGEST = 700;

    private final MemorySegment memory = Arena.ofAuto().allocate(LONGEST);
    private final MemorySegment out = Arena.ofAuto().allocate(4096);
    private final ParsedFrame parsed = new ParsedFrame();
    private final Fragmenter fragmenter = new Fragmenter();
    private final AddressRewriter rewriter = new AddressRewriter(new EveryOther());
    private final PathProbe probe = new PathProbe(new byte[32]);

    @Test
    void randomAndMutatedFramesNeverThrow() {
        List<byte[]> seeds = List.copyOf(Samples.FRAMES.values());
        int accepted = 0;
        byte[] frame = new byte[LONGEST];
        for (int i = 0; i < FRAMES; i++) {
            SplittableRandom random = new SplittableRandom(i);
            int length = compose(random, seeds, frame);
            MemorySegment s = memory.asSlice(0, length);
            MemorySegment.copy(frame, 0, s, ValueLayout.JAVA_BYTE, 0, length);
            try {
                accepted += handle(s, length, random) ? 1 : 0;
            } catch (RuntimeException e) {
                throw new AssertionError("frame of seed " + i + ": " + Samples.hex(s, 0, length), e);
            }
        }
        assertThat(accepted).as("frames that got past the parser").isGreaterThan(FRAMES / 20);
    }

    /** Mutates octets, cuts, and half the time repairs the IPv4 header checksum so that hostility gets further in. */
    private static int compose(SplittableRandom random, List<byte[]> seeds, byte[] frame) {
        byte[] seed = seeds.get(random.nextInt(seeds.size()));
        int length = seed.length;
        System.arraycopy(seed, 0, frame, 0, length);
        if (random.nextInt(10) == 0) {
            length = random.nextInt(LONGEST);
            byte[] noise = Samples.random(random, length);
            System.arraycopy(noise, 0, frame, 0, length);
            if (length > 14) {
                SlowPacket.put16(frame, 12, random.nextBoolean() ? EtherType.IPV4 : EtherType.IPV6);
                frame[14] = (byte) (random.nextBoolean() ? 0x45 + random.nextInt(11) : 0x60);
                frame[6] &= (byte) 0xFE;
            }
        }
        for (int n = random.nextInt(6); n > 0; n--) {
            int at = random.nextInt(Math.min(length + 1, 100));
            frame[at] = (byte) (random.nextInt(3) == 0 ? random.nextInt(8) : random.nextInt());
        }
        if (random.nextInt(4) == 0) {
            length = random.nextInt(length + 1);
        }
        if (random.nextBoolean() && length >= 74 && SlowPacket.u16(frame, 12) == EtherType.IPV4) {
            if (random.nextBoolean()) {
                SlowPacket.put16(frame, 16, length - 14);
            }
            SlowPacket.put16(frame, 24, 0);
            int header = Math.max(20, (frame[14] & 0xF) * 4);
            SlowPacket.put16(frame, 24, SlowPacket.checksum(SlowPacket.slice(frame, 14, 14 + header)));
        }
        return length;
    }

    private boolean handle(MemorySegment s, int length, SplittableRandom random) {
        probe.check(s, 0, Math.min(length, PathProbe.BYTES - 1));
        if (parsed.parse(s, 0, length).isDrop()) {
            return false;
        }
        IcmpErrors.timeExceeded4(out, 0, s, parsed, 1, 1);
        IcmpErrors.packetTooBig6(out, 0, s, parsed, 1, 1, 1, 1400);
        IcmpEcho.reply(out, 0, s, parsed, 1);
        if (fragmenter.begin(s, parsed, 68 + random.nextInt(500))) {
            int fragments = 0;
            while (fragmenter.next(out, 0) > 0) {
                assertThat(++fragments).isLessThan(LONGEST / 8);
            }
        }
        MssClamp.clamp(s, parsed, 500);
        rewriter.rewrite(s, parsed, random.nextBoolean());
        if (parsed.isIp()) {
            boolean ignored = parsed.isV6() ? TtlDecrement.ipv6(s, parsed.l3At()) : TtlDecrement.ipv4(s, parsed.l3At());
        }
        return true;
    }
}
