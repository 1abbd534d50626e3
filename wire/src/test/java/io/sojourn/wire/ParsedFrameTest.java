// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.NeighborDiscovery.Kind;
import io.sojourn.wire.ParsedFrame.Family;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class ParsedFrameTest {
    private static final long A = 0x5254_0000_000AL;
    private static final long B = 0x5254_0000_000BL;
    private static final long PREFIX = 0xFD10_0010_0001_0000L;

    private final ParsedFrame parsed = new ParsedFrame();

    private DropReason parse(byte[] frame) {
        // In the middle of a segment, so that a forgotten "at" shows.
        MemorySegment s = Samples.exactly(SlowPacket.join(new byte[24], frame));
        return parsed.parse(s, 24, frame.length);
    }

    private void accept(String name) {
        assertThat(parse(Samples.frame(name))).isEqualTo(DropReason.NONE);
    }

    @Test
    void acceptsEveryGoldenFrame() {
        for (String name : Samples.FRAMES.keySet()) {
            assertThat(parse(Samples.frame(name))).as(name).isEqualTo(DropReason.NONE);
        }
    }

    @Test
    void readsAnArpRequest() {
        accept("arp-request");
        assertThat(parsed.isArpRequest()).isTrue();
        assertThat(parsed.isGratuitous()).isFalse();
        assertThat(parsed.destinationMac()).isEqualTo(Ethernet.BROADCAST);
        assertThat(parsed.arpSenderMac()).isEqualTo(A);
        assertThat(parsed.arpSenderIp()).isEqualTo(0x0A0A_0105);
        assertThat(parsed.arpTargetIp()).isEqualTo(0x0A0A_0106);
    }

    @Test
    void readsAnArpReply() {
        accept("arp-reply");
        assertThat(parsed.isArpReply()).isTrue();
        assertThat(parsed.arpTargetMac()).isEqualTo(A);
    }

    @Test
    void readsTheAnnouncementOfQemu() {
        accept("rarp-announce");
        assertThat(parsed.family()).isEqualTo(Family.RARP);
        assertThat(parsed.isRarpRequest()).isTrue();
        assertThat(parsed.arpSenderMac()).isEqualTo(0x5254_0012_3456L);
    }

    @Test
    void readsTcpOverIpv4() {
        accept("tcp4-syn");
        assertThat(parsed.family()).isEqualTo(Family.IPV4);
        assertThat(parsed.sourceLow()).isEqualTo(0x0A0A_0105);
        assertThat(parsed.destinationLow()).isEqualTo(0x0A0A_0106);
        assertThat(parsed.protocol()).isEqualTo(IpProtocol.TCP);
        assertThat(parsed.destinationPort()).isEqualTo(7000);
        assertThat(parsed.isTcpSyn()).isTrue();
        assertThat(parsed.dontFragment()).isTrue();
        assertThat(parsed.ttl()).isEqualTo(64);
        assertThat(parsed.l3At()).isEqualTo(24 + 14);
        assertThat(parsed.l4At()).isEqualTo(24 + 34);
        assertThat(parsed.l3Length()).isEqualTo(60);
        assertThat(parsed.l4Length()).isEqualTo(40);
    }

    @Test
    void readsTcpOverIpv6() {
        accept("tcp6-syn");
        assertThat(parsed.isV6()).isTrue();
        assertThat(parsed.sourceHigh()).isEqualTo(PREFIX);
        assertThat(parsed.sourceLow()).isEqualTo(5);
        assertThat(parsed.destinationPort()).isEqualTo(7001);
        assertThat(parsed.isTcpSyn()).isTrue();
    }

    @Test
    void readsFragmentsWithoutPorts() {
        accept("fragment4-last");
        assertThat(parsed.fragmentOffset()).isEqualTo(1480);
        assertThat(parsed.moreFragments()).isFalse();
        assertThat(parsed.isFragment()).isTrue();
        assertThat(parsed.sourcePort()).isZero();
        accept("fragment6-last");
        assertThat(parsed.fragmentOffset()).isEqualTo(1448);
        assertThat(parsed.protocol()).isEqualTo(IpProtocol.ICMPV6);
        assertThat(parsed.icmpType()).isEqualTo(-1);
    }

    @Test
    void readsNeighborDiscovery() {
        accept("neighbor-solicitation");
        assertThat(parsed.ndKind()).isEqualTo(Kind.NEIGHBOR_SOLICITATION);
        assertThat(parsed.ndTargetHigh()).isEqualTo(PREFIX);
        assertThat(parsed.ndTargetLow()).isEqualTo(6);
        assertThat(parsed.ndLinkLayer()).isEqualTo(A);
        assertThat(parsed.isDuplicateAddressProbe()).isFalse();

        accept("neighbor-advertisement");
        assertThat(parsed.ndKind()).isEqualTo(Kind.NEIGHBOR_ADVERTISEMENT);
        assertThat(parsed.ndFlags()).isEqualTo(NeighborDiscovery.SOLICITED | NeighborDiscovery.OVERRIDE);
        assertThat(parsed.ndLinkLayer()).isEqualTo(B);
        assertThat(parsed.isGratuitous()).isFalse();

        accept("ns-duplicate-address-probe");
        assertThat(parsed.isDuplicateAddressProbe()).isTrue();
        assertThat(parsed.ndLinkLayer()).isEqualTo(ParsedFrame.NO_MAC);

        accept("router-solicitation");
        assertThat(parsed.ndKind()).isEqualTo(Kind.ROUTER_SOLICITATION);
    }

    @Test
    void walksExtensionHeaders() {
        accept("mld-report-with-hop-by-hop");
        assertThat(parsed.protocol()).isEqualTo(IpProtocol.ICMPV6);
        assertThat(parsed.l3HeaderLength()).isEqualTo(48);
        assertThat(parsed.icmpType()).isEqualTo(143);
        assertThat(parsed.ndKind()).isEqualTo(Kind.NONE);
    }

    @Test
    void ignoresPaddingBehindThePacket() {
        byte[] frame = SlowPacket.join(Samples.frame("udp4"), new byte[15]);
        assertThat(parse(frame)).isEqualTo(DropReason.NONE);
        assertThat(parsed.l4Length()).isEqualTo(11);
        assertThat(parsed.frameLength()).isEqualTo(60);
        assertThat(parsed.unpaddedLength()).isEqualTo(45);
    }

    @Test
    void forgetsThePreviousFrame() {
        accept("tcp4-syn");
        accept("arp-request");
        assertThat(parsed.tcpFlags()).isZero();
        assertThat(parsed.protocol()).isZero();
        accept("neighbor-solicitation");
        assertThat(parsed.isArpRequest()).isFalse();
        accept("udp4");
        assertThat(parsed.ndKind()).isEqualTo(Kind.NONE);
        assertThat(parsed.sourceHigh()).isZero();
    }

    @Test
    void dropsWithAReason() {
        assertThat(parse(new byte[13])).isEqualTo(DropReason.TOO_SHORT);
        assertThat(parse(changed("udp4", 12, 0x81, 0x00))).isEqualTo(DropReason.VLAN_TAGGED);
        assertThat(parse(changed("udp4", 6, 0x01))).isEqualTo(DropReason.GROUP_SOURCE);
        assertThat(parse(changed("udp4", 14, 0x65))).isEqualTo(DropReason.BAD_IP_VERSION);
        assertThat(parse(changed("udp4", 14, 0x44))).isEqualTo(DropReason.BAD_IP_HEADER_LENGTH);
        assertThat(parse(changed("udp4", 17, 200))).isEqualTo(DropReason.BAD_IP_LENGTH);
        assertThat(parse(changed("udp4", 22, 63))).isEqualTo(DropReason.BAD_IP_CHECKSUM);
        assertThat(parse(changed("tcp6-syn", 14, 0x40))).isEqualTo(DropReason.BAD_IP_VERSION);
        assertThat(parse(changed("tcp6-syn", 19, 41))).isEqualTo(DropReason.BAD_IP_LENGTH);
        assertThat(parse(changed("arp-request", 18, 8))).isEqualTo(DropReason.BAD_ARP);
        assertThat(parse(changed("arp-request", 21, 3))).isEqualTo(DropReason.BAD_ARP);
        assertThat(parse(changed("neighbor-solicitation", 21, 254))).isEqualTo(DropReason.BAD_NEIGHBOR_DISCOVERY);
        assertThat(parse(changed("neighbor-solicitation", 70, 0xAA))).isEqualTo(DropReason.BAD_NEIGHBOR_DISCOVERY);
        assertThat(parse(changed("mld-report-with-hop-by-hop", 55, 99))).isEqualTo(DropReason.BAD_EXTENSION_HEADERS);
    }

    @Test
    void boundsTheChainOfExtensionHeaders() {
        byte[] option = {(byte) IpProtocol.DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0};
        byte[] chain = new byte[0];
        for (int i = 0; i < 9; i++) {
            chain = SlowPacket.join(chain, option);
        }
        byte[] address = SlowPacket.number(1, 16);
        byte[] packet = SlowPacket.ipv6(IpProtocol.DESTINATION_OPTIONS, address, address, chain);
        assertThat(parse(SlowPacket.ethernet(EtherType.IPV6, packet))).isEqualTo(DropReason.BAD_EXTENSION_HEADERS);
    }

    @Test
    void leavesUnknownProtocolsAlone() {
        byte[] frame = SlowPacket.ethernet(0x88CC, new byte[46]);
        assertThat(parse(frame)).isEqualTo(DropReason.NONE);
        assertThat(parsed.family()).isEqualTo(Family.OTHER);
    }

    private static byte[] changed(String name, int at, int... values) {
        byte[] frame = Samples.frame(name);
        for (int i = 0; i < values.length; i++) {
            frame[at + i] = (byte) values[i];
        }
        return frame;
    }
}
