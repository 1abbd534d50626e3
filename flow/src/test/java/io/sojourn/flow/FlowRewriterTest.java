// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.flow.FlowKey.Found;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whatever is rewritten, every checksum afterwards is what one computes from nothing. */
class FlowRewriterTest {
    private static final long VM_HIGH = 0x2001_0db8_0000_0001L;
    private static final long OUT_HIGH = 0x2001_0db8_ffff_0002L;
    private static final long FAR_HIGH = 0x2001_0db8_aaaa_0003L;
    private static final long VM = 0x0A0A_0164L;
    private static final long OUT = 0xC633_6407L;
    private static final long FAR = 0xC000_0209L;
    private static final int ETHERNET = Ethernet.HEADER_BYTES;

    private final MemorySegment s = Arena.ofAuto().allocate(2_048, 8);
    private final ParsedFrame f = new ParsedFrame();
    private final SplittableRandom random = new SplittableRandom(3);

    private int ip(long at, boolean v6, int protocol, long fromHigh, long from, long toHigh, long to, int payload) {
        if (v6) {
            Ipv6.write(s, at, 0, payload, protocol, 64, fromHigh, from, toHigh, to);
            return Ipv6.HEADER_BYTES;
        }
        Ipv4.write(s, at, 0, Ipv4.HEADER_BYTES + payload, 0, 64, protocol, from, to);
        return Ipv4.HEADER_BYTES;
    }

    private void transport(long l4, int protocol, int length, int source, int destination, boolean reply) {
        for (int i = 0; i < length; i++) {
            BigEndian.putU8(s, l4 + i, random.nextInt(256));
        }
        if (protocol == IpProtocol.ICMP || protocol == IpProtocol.ICMPV6) {
            boolean v6 = protocol == IpProtocol.ICMPV6;
            BigEndian.putU16(s, l4, (v6 ? reply ? 129 : 128 : reply ? 0 : 8) << 8);
            BigEndian.putU16(s, l4 + 4, reply ? destination : source);
        } else {
            BigEndian.putU16(s, l4, source);
            BigEndian.putU16(s, l4 + 2, destination);
        }
        if (protocol == IpProtocol.TCP) {
            BigEndian.putU8(s, l4 + 12, 0x50);
        } else if (protocol == IpProtocol.UDP) {
            BigEndian.putU16(s, l4 + 4, length);
        }
    }

    private static int field(int protocol) {
        return protocol == IpProtocol.TCP ? 16 : protocol == IpProtocol.UDP ? 6 : 2;
    }

    private long sum(long ip, boolean v6, int protocol, int length) {
        long l4 = ip + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES);
        long pseudo = v6
                ? Checksum.pseudoHeader6(
                        Ipv6.sourceHigh(s, ip),
                        Ipv6.sourceLow(s, ip),
                        Ipv6.destinationHigh(s, ip),
                        Ipv6.destinationLow(s, ip),
                        protocol,
                        length)
                : protocol == IpProtocol.ICMP
                        ? 0
                        : Checksum.pseudoHeader4(Ipv4.source(s, ip), Ipv4.destination(s, ip), protocol, length);
        return pseudo + Checksum.sum(s, l4, length);
    }

    private void complete(long ip, boolean v6, int protocol, int length) {
        long at = ip + (v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES) + field(protocol);
        BigEndian.putU16(s, at, 0);
        BigEndian.putU16(s, at, Checksum.finish(sum(ip, v6, protocol, length)));
    }

    private void ethernet(boolean v6) {
        Ethernet.write(s, 0, 0x0253_4a00_0001L, 0x0200_0000_0001L, v6 ? EtherType.IPV6 : EtherType.IPV4);
    }

    @ParameterizedTest
    @CsvSource({"false,6", "false,17", "false,1", "true,6", "true,17", "true,58"})
    void outAndInAgain(boolean v6, int protocol) {
        FlowRewriter rewriter = new FlowRewriter();
        FlowKey key = new FlowKey();
        boolean query = protocol == IpProtocol.ICMP || protocol == IpProtocol.ICMPV6;
        for (int round = 0; round < 200; round++) {
            int length = 40 + random.nextInt(200);
            ethernet(v6);
            int header = ip(ETHERNET, v6, protocol, VM_HIGH, VM, FAR_HIGH, FAR, length);
            transport(ETHERNET + header, protocol, length, 4321, 80, false);
            complete(ETHERNET, v6, protocol, length);
            assertThat(f.parse(s, 0, ETHERNET + header + length).isDrop()).isFalse();
            Found found = key.of(s, f, 9, true);
            assertThat(found).isEqualTo(Found.FLOW);
            assertThat(key.localPort()).isEqualTo(4321);
            assertThat(key.remotePort()).isEqualTo(query ? 0 : 80);
            long vmHigh = v6 ? VM_HIGH : 0;
            long outHigh = v6 ? OUT_HIGH : 0;
            rewriter.rewrite(s, f, found, true, false, vmHigh, VM, 4321, outHigh, OUT, 50_000 + round);
            assertThat(Checksum.isIntact(sum(ETHERNET, v6, protocol, length))).isTrue();
            assertThat(f.parse(s, 0, ETHERNET + header + length).isDrop()).isFalse();
            assertThat(f.sourceLow()).isEqualTo(OUT);
            key.of(s, f, FlowKey.OUTSIDE, true);
            assertThat(key.localPort()).isEqualTo(50_000 + round);
            assertThat(key.remoteLow()).isEqualTo(FAR);

            header = ip(ETHERNET, v6, protocol, FAR_HIGH, FAR, OUT_HIGH, OUT, length);
            transport(ETHERNET + header, protocol, length, 80, 50_000, true);
            complete(ETHERNET, v6, protocol, length);
            assertThat(f.parse(s, 0, ETHERNET + header + length).isDrop()).isFalse();
            found = key.of(s, f, FlowKey.OUTSIDE, false);
            assertThat(key.localPort()).isEqualTo(50_000);
            rewriter.rewrite(s, f, found, false, false, outHigh, OUT, 50_000, vmHigh, VM, 4321);
            assertThat(Checksum.isIntact(sum(ETHERNET, v6, protocol, length))).isTrue();
            assertThat(f.parse(s, 0, ETHERNET + header + length).isDrop()).isFalse();
            key.of(s, f, 9, false);
            assertThat(key.localLow()).isEqualTo(VM);
            assertThat(key.localPort()).isEqualTo(4321);
        }
    }

    /** A router says that the far end of a flow is not reached, and quotes what left; or the VM says so of what came in. */
    @ParameterizedTest
    @CsvSource({
        "false,6,true",
        "false,17,true",
        "false,1,true",
        "true,6,true",
        "true,17,true",
        "true,58,true",
        "false,6,false",
        "false,17,false",
        "true,6,false",
        "true,17,false"
    })
    void errorsAreTranslatedWithWhatTheyQuote(boolean v6, int protocol, boolean fromOutside) {
        FlowRewriter rewriter = new FlowRewriter();
        FlowKey key = new FlowKey();
        int icmp = v6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP;
        long vmHigh = v6 ? VM_HIGH : 0;
        long outHigh = v6 ? OUT_HIGH : 0;
        for (int round = 0; round < 200; round++) {
            int length = round % 2 == 0 ? 8 : 60;
            ethernet(v6);
            int inner = v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
            int total = 8 + inner + length;
            int header;
            long quote;
            if (fromOutside) {
                header = ip(ETHERNET, v6, icmp, FAR_HIGH, FAR + 5, OUT_HIGH, OUT, total);
                quote = ETHERNET + header + 8;
                ip(quote, v6, protocol, OUT_HIGH, OUT, FAR_HIGH, FAR, length);
                transport(quote + inner, protocol, length, 50_000, 80, false);
            } else {
                header = ip(ETHERNET, v6, icmp, VM_HIGH, VM, FAR_HIGH, FAR, total);
                quote = ETHERNET + header + 8;
                ip(quote, v6, protocol, FAR_HIGH, FAR, VM_HIGH, VM, length);
                transport(quote + inner, protocol, length, 80, 4321, false);
            }
            if (length >= 20) {
                complete(quote, v6, protocol, length);
            }
            long error = ETHERNET + header;
            BigEndian.putU16(s, error, (v6 ? 1 : 3) << 8 | 1);
            BigEndian.putU32(s, error + 4, 0);
            complete(ETHERNET, v6, icmp, total);
            assertThat(f.parse(s, 0, ETHERNET + header + total).isDrop()).isFalse();
            Found found = key.of(s, f, fromOutside ? FlowKey.OUTSIDE : 9, !fromOutside);
            assertThat(found).isEqualTo(Found.QUOTED);
            assertThat(key.protocol()).isEqualTo(protocol);
            assertThat(key.localLow()).isEqualTo(fromOutside ? OUT : VM);
            assertThat(key.localPort()).isEqualTo(fromOutside ? 50_000 : 4321);
            assertThat(key.remoteLow()).isEqualTo(FAR);
            if (fromOutside) {
                rewriter.rewrite(s, f, found, false, false, outHigh, OUT, 50_000, vmHigh, VM, 4321);
            } else {
                rewriter.rewrite(s, f, found, true, false, vmHigh, VM, 4321, outHigh, OUT, 50_000);
            }
            assertThat(Checksum.isIntact(sum(ETHERNET, v6, icmp, total))).isTrue();
            if (length >= 20) {
                assertThat(Checksum.isIntact(sum(quote, v6, protocol, length))).isTrue();
            }
            assertThat(f.parse(s, 0, ETHERNET + header + total).isDrop()).isFalse();
            key.of(s, f, 9, !fromOutside);
            assertThat(key.localLow()).isEqualTo(fromOutside ? VM : OUT);
            assertThat(key.localPort()).isEqualTo(fromOutside ? 4321 : 50_000);
        }
    }
}
