// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** ILNP's formats against golden octets. */
class IlnpTest {
    private static final int IP = Ethernet.HEADER_BYTES;
    private static final long LOCATOR_A = 0x2001_0DB8_000A_0000L;
    private static final long LOCATOR_B = 0x2001_0DB8_000B_0000L;
    private static final long LOCATOR_C = 0x2001_0DB8_000C_0000L;
    private static final long NID = 0x1234_56FF_FE78_9ABCL;
    private static final long PEER_NID = 0x0214_4FFF_FEFF_EE64L;

    private final IlnpHeaders headers = new IlnpHeaders();
    private final MemorySegment out = Arena.ofAuto().allocate(4096);

    @Test
    void aLocatorUpdateOfTwoLocatorsIsWrittenAsTheReferenceHasIt() {
        int update = LocatorUpdate.V6.bytes(2);
        int nonce = NonceOption.headerBytes(NonceOption.SHORT_BYTES);
        Ipv6.write(out, 0, 0, nonce + update, IpProtocol.DESTINATION_OPTIONS, 64, LOCATOR_B, NID, LOCATOR_C, PEER_NID);
        NonceOption.write(out, Ipv6.HEADER_BYTES, IpProtocol.ICMPV6, NonceOption.SHORT_BYTES, 0, 0xDEAD_BEEFL);
        long at = Ipv6.HEADER_BYTES + nonce;
        LocatorUpdate.V6.writeHeader(out, at, LocatorUpdate.ADVERTISEMENT, 2);
        LocatorUpdate.V6.writeLocator(out, at, 0, LOCATOR_B, 10, 300);
        LocatorUpdate.V6.writeLocator(out, at, 1, LOCATOR_A, 20, 300);
        LocatorUpdate.V6.putChecksum(out, 0, at, update);

        byte[] golden = Samples.ilnp("locator-update-nonce-32");
        assertThat(Samples.hex(out, 0, golden.length - IP))
                .isEqualTo(Samples.hex(Samples.exactly(golden), IP, golden.length - IP));
        assertThat(Samples.hex(out, at, update))
                .isEqualTo("9c00663c0201000020010db8000b0000000a012c20010db8000a00000014012c");
    }

    @Test
    void aLocatorUpdateIsReadBack() {
        byte[] golden = Samples.ilnp("locator-update-nonce-96");
        MemorySegment s = Samples.exactly(golden);
        assertThat(headers.read(s, IP, golden.length - IP)).isEqualTo(DropReason.NONE);
        assertThat(headers.nonceBytes()).isEqualTo(12);
        assertThat(headers.nonceHigh()).isEqualTo(0x0011_2233);
        assertThat(headers.nonceLow()).isEqualTo(0x4455_6677_8899_AABBL);
        assertThat(headers.isNonceAlone()).isTrue();
        assertThat(headers.optionsHeaderOffset()).isEqualTo(40);
        assertThat(headers.nextHeaderOffset()).isEqualTo(Ipv6.NEXT_HEADER_OFFSET);
        assertThat(headers.isLocatorUpdate(s, IP)).isTrue();
        long at = IP + headers.upperOffset();
        int length = headers.upperLength();
        assertThat(LocatorUpdate.V6.check(s, at, length)).isEqualTo(DropReason.NONE);
        assertThat(LocatorUpdate.V6.isIntact(s, IP, at, length)).isTrue();
        assertThat(LocatorUpdate.operation(s, at)).isEqualTo(LocatorUpdate.ADVERTISEMENT);
        assertThat(LocatorUpdate.count(s, at)).isEqualTo(2);
        assertThat(LocatorUpdate.V6.locator(s, at, 1)).isEqualTo(LOCATOR_A);
        assertThat(LocatorUpdate.V6.preference(s, at, 1)).isEqualTo(20);
        assertThat(LocatorUpdate.V6.lifetimeS(s, at, 1)).isEqualTo(300);
    }

    @Test
    void theAcknowledgementIsTheSameWithOperationTwo() {
        byte[] golden = Samples.ilnp("acknowledgement-nonce-32");
        MemorySegment s = Samples.exactly(golden);
        assertThat(headers.read(s, IP, golden.length - IP)).isEqualTo(DropReason.NONE);
        long at = IP + headers.upperOffset();
        assertThat(LocatorUpdate.operation(s, at)).isEqualTo(LocatorUpdate.ACKNOWLEDGEMENT);
        assertThat(LocatorUpdate.V6.isIntact(s, IP, at, headers.upperLength())).isTrue();
    }

    @Test
    void updatesThatCannotBeReadAreRefused() {
        byte[] golden = Samples.ilnp("locator-update-nonce-32");
        MemorySegment s = Samples.exactly(golden);
        long at = IP + 48;
        int length = 32;
        assertThat(LocatorUpdate.V6.check(s, at, 7)).isEqualTo(DropReason.TOO_SHORT);
        assertThat(LocatorUpdate.V6.check(s, at, length - 1)).isEqualTo(DropReason.BAD_LOCATOR_UPDATE);
        assertThat(LocatorUpdate.V4.check(s, at, length)).isEqualTo(DropReason.BAD_LOCATOR_UPDATE);
        BigEndian.putU16(s, at + LocatorUpdate.RESERVED_OFFSET, 0xFFFF);
        assertThat(LocatorUpdate.V6.check(s, at, length))
                .as("reserved is ignored")
                .isEqualTo(DropReason.NONE);
        for (int operation : List.of(0, 3, 255)) {
            BigEndian.putU8(s, at + LocatorUpdate.OPERATION_OFFSET, operation);
            assertThat(LocatorUpdate.V6.check(s, at, length)).isEqualTo(DropReason.BAD_LOCATOR_UPDATE);
        }
        LocatorUpdate.V6.writeHeader(s, at, LocatorUpdate.ADVERTISEMENT, 2);
        BigEndian.putU8(s, at + LocatorUpdate.COUNT_OFFSET, 0);
        assertThat(LocatorUpdate.V6.check(s, at, length)).isEqualTo(DropReason.BAD_LOCATOR_UPDATE);
        assertThatThrownBy(() -> LocatorUpdate.V6.writeHeader(s, at, LocatorUpdate.ADVERTISEMENT, 0))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theNonceOfEitherSizeFillsItsHeader() {
        NonceOption.write(out, 0, IpProtocol.ICMPV6, NonceOption.SHORT_BYTES, 0, 0xDEAD_BEEFL);
        assertThat(Samples.hex(out, 0, 8)).isEqualTo("3a008b04deadbeef");
        NonceOption.write(out, 0, IpProtocol.ICMPV6, NonceOption.LONG_BYTES, 0x0011_2233, 0x4455_6677_8899_AABBL);
        assertThat(Samples.hex(out, 0, 16)).isEqualTo("3a018b0c00112233445566778899aabb");
        assertThatThrownBy(() -> NonceOption.write(out, 0, IpProtocol.ICMPV6, 8, 0, 0))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aSecondNonceOrOneOfAnotherSizeIsRefused() {
        // 3 octets of padding, a nonce, 5 octets of padding; then the same header again
        String options = "3b01" + "0103000000" + "8b04deadbeef" + "0101" + "00";
        byte[] one = packet(options);
        assertThat(headers.read(Samples.exactly(one), 0, one.length)).isEqualTo(DropReason.NONE);
        assertThat(headers.nonceLow()).isEqualTo(0xDEAD_BEEFL);
        assertThat(headers.isNonceAlone()).isFalse();
        byte[] two = packet("3c" + options.substring(2) + options);
        assertThat(headers.read(Samples.exactly(two), 0, two.length)).isEqualTo(DropReason.BAD_NONCE_OPTION);
        byte[] odd = packet("3b01" + "8b08" + "0011223344556677" + "01020000");
        assertThat(headers.read(Samples.exactly(odd), 0, odd.length)).isEqualTo(DropReason.BAD_NONCE_OPTION);
        byte[] cut = packet("3b00" + "8b0cdeadbeef");
        assertThat(headers.read(Samples.exactly(cut), 0, cut.length)).isEqualTo(DropReason.BAD_EXTENSION_HEADERS);
    }

    private static byte[] packet(String destinationOptions) {
        byte[] options = Samples.hex(destinationOptions);
        byte[] packet = new byte[Ipv6.HEADER_BYTES + options.length];
        Ipv6.write(MemorySegment.ofArray(packet), 0, 0, options.length, IpProtocol.DESTINATION_OPTIONS, 64, 1, 2, 3, 4);
        System.arraycopy(options, 0, packet, Ipv6.HEADER_BYTES, options.length);
        return packet;
    }

    @Test
    void aParameterProblemThatPointsAtTheNonceIsRecognized() {
        byte[] golden = Samples.ilnp("nonce-unknown");
        MemorySegment s = Samples.exactly(golden);
        int length = golden.length - IP;
        assertThat(headers.read(s, IP, length)).isEqualTo(DropReason.NONE);
        assertThat(headers.isNonceUnknown(s, IP)).isTrue();

        BigEndian.putU32(s, IP + 40 + 4, 40);
        assertThat(headers.read(s, IP, length)).isEqualTo(DropReason.NONE);
        assertThat(headers.isNonceUnknown(s, IP)).as("points at another octet").isFalse();
        BigEndian.putU32(s, IP + 40 + 4, 42);
        BigEndian.putU8(s, IP + 41, 1);
        assertThat(headers.read(s, IP, length)).isEqualTo(DropReason.NONE);
        assertThat(headers.isNonceUnknown(s, IP)).as("is of another code").isFalse();
    }

    @Test
    void anUpdateForIpv4HasLocatorsOf32Bits() {
        int length = LocatorUpdate.V4.bytes(2);
        assertThat(length).isEqualTo(24);
        LocatorUpdate.V4.writeHeader(out, 0, LocatorUpdate.ADVERTISEMENT, 2);
        LocatorUpdate.V4.writeLocator(out, 0, 0, 0x0A01_0200L, 10, 300);
        LocatorUpdate.V4.writeLocator(out, 0, 1, 0x0A01_0300L, 20, 60);
        LocatorUpdate.V4.putChecksum(out, 0, 0, length);
        assertThat(Samples.hex(out, 0, length)).isEqualTo("fd00e67502010000" + "0a010200000a012c" + "0a0103000014003c");
        assertThat(LocatorUpdate.V4.check(out, 0, length)).isEqualTo(DropReason.NONE);
        assertThat(LocatorUpdate.V4.isIntact(out, 0, 0, length)).isTrue();
        assertThat(LocatorUpdate.V4.locator(out, 0, 1)).isEqualTo(0x0A01_0300L);
        assertThat(LocatorUpdate.V4.preference(out, 0, 1)).isEqualTo(20);
    }

    @Test
    void theOptionsForIpv4AreToldApart() {
        IlnpOptions4.writeNonce(out, 20, 0x0011_2233_4455_6677L);
        IlnpOptions4.writeIdentifier(out, 32, NID, PEER_NID);
        assertThat(Samples.hex(out, 20, 32))
                .isEqualTo("9e0c0002" + "0011223344556677" + "9e140001" + "123456fffe789abc" + "02144ffffeffee64");
        assertThat(IlnpOptions4.find(out, 0, 52, IlnpOptions4.NONCE)).isEqualTo(20);
        assertThat(IlnpOptions4.nonce(out, 20)).isEqualTo(0x0011_2233_4455_6677L);
        assertThat(IlnpOptions4.find(out, 0, 52, IlnpOptions4.IDENTIFIER)).isEqualTo(32);
        assertThat(IlnpOptions4.sourceIdentifier(out, 32)).isEqualTo(NID);
        assertThat(IlnpOptions4.destinationIdentifier(out, 32)).isEqualTo(PEER_NID);
        assertThat(IlnpOptions4.find(out, 0, 32, IlnpOptions4.IDENTIFIER)).isZero();
        IlnpOptions4.writeNonce(out, 52 - 12, 1);
        assertThat(IlnpOptions4.find(out, 0, 52, IlnpOptions4.IDENTIFIER))
                .as("cut off by the header's end")
                .isEqualTo(32);
    }

    @Test
    void arpNamesLocatorAndIdentifier() {
        IlnpArp.writeHeader(out, 0, IlnpArp.REQUEST);
        IlnpArp.writeSender(out, 0, 0x5254_0000_000AL, 0x0A01_0200L, NID);
        IlnpArp.writeTarget(out, 0, 0, 0x0A01_0200L, PEER_NID);
        assertThat(Samples.hex(out, 0, IlnpArp.BYTES))
                .isEqualTo("00010800060c0018" + "52540000000a" + "0a010200" + "123456fffe789abc" + "000000000000"
                        + "0a010200" + "02144ffffeffee64");
        assertThat(IlnpArp.check(out, 0, IlnpArp.BYTES)).isEqualTo(DropReason.NONE);
        assertThat(IlnpArp.check(out, 0, IlnpArp.BYTES - 1)).isEqualTo(DropReason.TOO_SHORT);
        assertThat(IlnpArp.senderIdentifier(out, 0)).isEqualTo(NID);
        assertThat(IlnpArp.targetLocator(out, 0)).isEqualTo(0x0A01_0200L);
        assertThat(IlnpArp.targetIdentifier(out, 0)).isEqualTo(PEER_NID);
        BigEndian.putU16(out, 6, Arp.REQUEST);
        assertThat(IlnpArp.check(out, 0, IlnpArp.BYTES)).isEqualTo(DropReason.BAD_ARP);
    }

    @Test
    void theChecksumOverIdentifiersIsTheReferences() {
        byte[] frame = Samples.ilnp("udp-nid-only-nonce-32");
        MemorySegment s = Samples.exactly(frame);
        assertThat(headers.read(s, IP, frame.length - IP)).isEqualTo(DropReason.NONE);
        long udp = IP + headers.upperOffset();
        int length = headers.upperLength();
        BigEndian.putU16(s, udp + Udp.CHECKSUM_OFFSET, 0);
        long octets = Checksum.sum(s, udp, length);
        for (long locator : List.of(LOCATOR_A, LOCATOR_B)) {
            assertThat(Checksum.finish(octets
                            + ChecksumMode.NID_ONLY.pseudoHeader(
                                    locator, NID, LOCATOR_C, PEER_NID, IpProtocol.UDP, length)))
                    .isEqualTo(0x4F29);
            assertThat(Checksum.finish(octets
                            + ChecksumMode.IPV6_PLAIN.pseudoHeader(
                                    locator, NID, LOCATOR_C, PEER_NID, IpProtocol.UDP, length)))
                    .isEqualTo(locator == LOCATOR_A ? 0xF3A0 : 0xF39F);
        }
    }

    @Test
    void hostileOctetsNeverThrowAndAreNeverReadOutside() {
        List<byte[]> seeds = List.copyOf(Samples.ILNP.values());
        int[] readable = new int[1];
        Samples.forAll(60_000, random -> readable[0] += look(mutate(random, seeds)) ? 1 : 0);
        assertThat(readable[0]).isGreaterThan(10_000);
    }

    private static byte[] mutate(SplittableRandom random, List<byte[]> seeds) {
        byte[] frame = seeds.get(random.nextInt(seeds.size())).clone();
        for (int n = random.nextInt(5); n > 0; n--) {
            frame[random.nextInt(frame.length)] = (byte) (random.nextBoolean() ? random.nextInt(16) : random.nextInt());
        }
        int from = random.nextInt(6) == 0 ? 0 : IP;
        int to = random.nextInt(4) == 0 ? from + random.nextInt(frame.length - from + 1) : frame.length;
        return SlowPacket.slice(frame, from, to);
    }

    /** Whatever a receiver of such a packet looks at. */
    static boolean look(byte[] packet) {
        MemorySegment s = Samples.exactly(packet);
        IlnpHeaders headers = new IlnpHeaders();
        IlnpArp.check(s, 0, packet.length);
        if (packet.length >= Ipv4.HEADER_BYTES) {
            int header = Math.min(packet.length, Math.max(Ipv4.HEADER_BYTES, Ipv4.headerLength(s, 0)));
            int at = IlnpOptions4.find(s, 0, header, IlnpOptions4.IDENTIFIER);
            if (at != 0) {
                IlnpOptions4.destinationIdentifier(s, at);
            }
            IlnpOptions4.find(s, 0, header, IlnpOptions4.NONCE);
        }
        if (headers.read(s, 0, packet.length).isDrop()) {
            return false;
        }
        long at = headers.upperOffset();
        int length = headers.upperLength();
        for (LocatorUpdate family : LocatorUpdate.values()) {
            if (!family.check(s, at, length).isDrop()) {
                family.isIntact(s, 0, at, length);
                for (int i = 0; i < LocatorUpdate.count(s, at); i++) {
                    family.locator(s, at, i);
                    family.preference(s, at, i);
                    family.lifetimeS(s, at, i);
                }
            }
        }
        headers.isLocatorUpdate(s, 0);
        headers.isNonceUnknown(s, 0);
        return true;
    }
}
