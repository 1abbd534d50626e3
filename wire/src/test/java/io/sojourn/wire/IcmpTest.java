// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class IcmpTest {
    private static final long GATEWAY_MAC = 0x0200_5E00_0001L;
    private static final long GATEWAY_IP = 0x0A0A_0101;
    private static final long PREFIX = 0xFD10_0010_0001_0000L;
    private static final byte[] SOURCE = {10, 10, 1, 5};
    private static final byte[] DESTINATION = {10, 10, 2, 6};
    private static final byte[] SOURCE6 = SlowPacket.join(SlowPacket.number(PREFIX, 8), SlowPacket.number(5, 8));
    private static final byte[] DESTINATION6 = SlowPacket.join(SlowPacket.number(PREFIX, 8), SlowPacket.number(6, 8));

    private final MemorySegment out = Arena.ofAuto().allocate(70_000);
    private final ParsedFrame parsed = new ParsedFrame();
    private final ParsedFrame answer = new ParsedFrame();

    private MemorySegment parse(byte[] frame) {
        MemorySegment s = Samples.exactly(frame);
        assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
        return s;
    }

    private MemorySegment parse4(int fragmentField, int protocol, byte[] source, byte[] destination, byte[] payload) {
        return parse(SlowPacket.ethernet(
                EtherType.IPV4, SlowPacket.ipv4(fragmentField, protocol, source, destination, new byte[0], payload)));
    }

    private MemorySegment parse6(int nextHeader, byte[] source, byte[] destination, byte[] payload) {
        return parse(SlowPacket.ethernet(EtherType.IPV6, SlowPacket.ipv6(nextHeader, source, destination, payload)));
    }

    private int timeExceeded4(MemorySegment s) {
        return IcmpErrors.timeExceeded4(out, 0, s, parsed, GATEWAY_MAC, GATEWAY_IP);
    }

    private int timeExceeded6(MemorySegment s) {
        return IcmpErrors.timeExceeded6(out, 0, s, parsed, GATEWAY_MAC, PREFIX, 1);
    }

    private byte[] message(int length) {
        assertThat(answer.parse(out, 0, length)).isEqualTo(DropReason.NONE);
        assertThat(answer.sourceMac()).isEqualTo(GATEWAY_MAC);
        assertThat(answer.destinationMac()).isEqualTo(parsed.sourceMac());
        assertThat(answer.destinationLow()).isEqualTo(parsed.sourceLow());
        byte[] message = Samples.octets(out, answer.l4At(), answer.l4Length());
        if (answer.isV6()) {
            byte[] source = Samples.octets(out, answer.l3At() + 8, 16);
            byte[] destination = Samples.octets(out, answer.l3At() + 24, 16);
            assertThat(SlowPacket.isIntact(source, destination, IpProtocol.ICMPV6, message))
                    .isTrue();
        } else {
            assertThat(SlowPacket.checksum(message)).isZero();
        }
        return message;
    }

    @Test
    void timeExceededQuotesThePacket() {
        MemorySegment s = parse(Samples.frame("udp4"));
        byte[] message = message(timeExceeded4(s));
        assertThat(message).startsWith(11, 0).hasSize(8 + 31);
        assertThat(SlowPacket.slice(message, 8, 39)).isEqualTo(SlowPacket.slice(Samples.frame("udp4"), 14, 45));
        assertThat(answer.sourceLow()).isEqualTo(GATEWAY_IP);

        s = parse(Samples.frame("tcp6-data"));
        message = message(timeExceeded6(s));
        assertThat(message).startsWith(3, 0).hasSize(8 + 75);
    }

    @Test
    void tooBigTellsTheMtuAndQuotesAsMuchAsAllowed() {
        MemorySegment s = parse4(0x4000, 17, SOURCE, DESTINATION, new byte[1400]);
        int length = IcmpErrors.fragmentationNeeded4(out, 0, s, parsed, GATEWAY_MAC, GATEWAY_IP, 1400);
        assertThat(length).isEqualTo(14 + 576);
        byte[] message = message(length);
        assertThat(message).startsWith(3, 4);
        assertThat(SlowPacket.u16(message, 6)).isEqualTo(1400);

        s = parse6(17, SOURCE6, DESTINATION6, new byte[1400]);
        length = IcmpErrors.packetTooBig6(out, 0, s, parsed, GATEWAY_MAC, PREFIX, 1, 1400);
        assertThat(length).isEqualTo(14 + 1280);
        message = message(length);
        assertThat(message).startsWith(2, 0);
        assertThat(SlowPacket.u16(message, 6)).isEqualTo(1400);
    }

    @Test
    void unreachableCarriesItsCode() {
        MemorySegment s = parse(Samples.frame("udp4"));
        byte[] message = message(IcmpErrors.destinationUnreachable4(
                out, 0, s, parsed, GATEWAY_MAC, GATEWAY_IP, Icmp4.CODE_HOST_UNREACHABLE));
        assertThat(message).startsWith(3, 1);
        s = parse(Samples.frame("tcp6-data"));
        message = message(IcmpErrors.destinationUnreachable6(
                out, 0, s, parsed, GATEWAY_MAC, PREFIX, 1, Icmp6.CODE_ADDRESS_UNREACHABLE));
        assertThat(message).startsWith(1, 3);
    }

    /** RFC 1122 section 3.2.2. */
    @Test
    void noErrorAboutWhatMustNotCauseOne4() {
        assertThat(timeExceeded4(parse(Samples.frame("port-unreachable4"))))
                .as("an error")
                .isZero();
        assertThat(timeExceeded4(parse(Samples.frame("fragment4-last"))))
                .as("a later fragment")
                .isZero();
        assertThat(timeExceeded4(parse4(0x2000, 17, SOURCE, DESTINATION, new byte[64])))
                .as("the first one")
                .isPositive();
        for (String source : new String[] {"00000000", "7f000001", "e0000001", "ffffffff", "f0000001"}) {
            assertThat(timeExceeded4(parse4(0, 17, Samples.hex(source), DESTINATION, new byte[64])))
                    .isZero();
        }
        for (String destination : new String[] {"e0000001", "ffffffff"}) {
            assertThat(timeExceeded4(parse4(0, 17, SOURCE, Samples.hex(destination), new byte[64])))
                    .isZero();
        }
        byte[] broadcast = Samples.frame("udp4");
        broadcast[0] = (byte) 0xFF;
        assertThat(timeExceeded4(parse(broadcast))).as("a link-layer broadcast").isZero();
        assertThat(timeExceeded4(parse(Samples.frame("arp-request")))).isZero();
        assertThat(timeExceeded4(parse(Samples.frame("tcp6-data")))).isZero();
    }

    /** RFC 4443 section 2.4 e. */
    @Test
    void noErrorAboutWhatMustNotCauseOne6() {
        byte[] error = {1, 0, 0, 0, 0, 0, 0, 0};
        byte[] redirected = new byte[64];
        byte[] group = Samples.hex("ff05 0000000000000000 0000 00000101");
        assertThat(timeExceeded6(parse6(58, SOURCE6, DESTINATION6, error)))
                .as("an error")
                .isZero();
        assertThat(timeExceeded6(parse(Samples.frame("fragment6-last"))))
                .as("a later fragment")
                .isZero();
        assertThat(timeExceeded6(parse6(17, new byte[16], DESTINATION6, redirected)))
                .as("from ::")
                .isZero();
        assertThat(timeExceeded6(parse6(17, group, DESTINATION6, redirected)))
                .as("from a group")
                .isZero();
        MemorySegment s = parse6(17, SOURCE6, group, redirected);
        assertThat(timeExceeded6(s)).as("to a group").isZero();
        assertThat(IcmpErrors.packetTooBig6(out, 0, s, parsed, GATEWAY_MAC, PREFIX, 1, 1400))
                .as("but too big is told (e.3)")
                .isPositive();
    }

    @Test
    void answersPing() {
        MemorySegment s = parse(Samples.frame("echo4-request"));
        byte[] message = message(IcmpEcho.reply(out, 0, s, parsed, GATEWAY_MAC));
        byte[] linux = Samples.frame("echo4-reply");
        assertThat(message).isEqualTo(SlowPacket.slice(linux, 34, linux.length));
        assertThat(answer.sourceLow()).isEqualTo(0x0A0A_0106);

        s = parse(Samples.frame("echo6-request"));
        message = message(IcmpEcho.reply(out, 0, s, parsed, GATEWAY_MAC));
        linux = Samples.frame("echo6-reply");
        assertThat(message).isEqualTo(SlowPacket.slice(linux, 54, linux.length));
        assertThat(answer.sourceLow()).isEqualTo(6);

        assertThat(IcmpEcho.reply(out, 0, parse(Samples.frame("echo4-reply")), parsed, GATEWAY_MAC))
                .isZero();
        assertThat(IcmpEcho.reply(out, 0, parse(Samples.frame("udp4")), parsed, GATEWAY_MAC))
                .isZero();
    }

    @Test
    void aDamagedPingStaysDamaged() {
        byte[] frame = Samples.frame("echo4-request");
        frame[60] ^= 1;
        int length = IcmpEcho.reply(out, 0, parse(frame), parsed, GATEWAY_MAC);
        assertThat(answer.parse(out, 0, length)).isEqualTo(DropReason.NONE);
        assertThat(SlowPacket.checksum(Samples.octets(out, answer.l4At(), answer.l4Length())))
                .isNotZero();
    }
}
