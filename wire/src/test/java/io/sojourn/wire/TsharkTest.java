// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What we build, judged by somebody else's dissector: no bad checksum, nothing malformed. */
@Tag("system")
class TsharkTest {
    private static final Path TSHARK = Path.of("/usr/bin/tshark");
    private static final long PREFIX = 0xFD10_0010_0001_0000L;

    private final MemorySegment out = Arena.ofAuto().allocate(4096);
    private final ParsedFrame parsed = new ParsedFrame();
    private final List<byte[]> built = new ArrayList<>();

    @Test
    void findsNoFaultInWhatWeBuild() throws IOException, InterruptedException {
        assumeThat(TSHARK).isExecutable();
        buildFrames();
        Path capture = Path.of("target", "built.pcap");
        writeCapture(capture);
        assertThat(tshark(capture, "")).hasSize(built.size());
        String bad = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0"
                + " || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || _ws.malformed";
        assertThat(tshark(capture, bad)).isEmpty();
        assertThat(tshark(capture, "icmp.type == 3 && icmp.code == 4 && icmp.mtu == 1400"))
                .isNotEmpty();
        assertThat(tshark(capture, "icmpv6.type == 2 && icmpv6.mtu == 1400")).isNotEmpty();
        assertThat(tshark(capture, "tcp.options.mss_val == 1300")).hasSize(2);
        assertThat(tshark(capture, "icmpv6.nd.na.flag.o == 1 && icmpv6.nd.na.flag.s == 0"))
                .hasSize(1);
        assertThat(tshark(capture, "arp.isannouncement == 1")).hasSize(1);
    }

    @Test
    void readsLocatorUpdatesAndNoncesAsWeDo() throws IOException, InterruptedException {
        assumeThat(TSHARK).isExecutable();
        built.addAll(Samples.ILNP.values());
        Path capture = Path.of("target", "ilnp.pcap");
        writeCapture(capture);
        assertThat(tshark(capture, "_ws.malformed || _ws.expert.severity >= \"Warning\" && icmpv6"))
                .isEmpty();
        assertThat(tshark(capture, "icmpv6.checksum.status == \"Good\" && icmpv6.type == 156"))
                .hasSize(3);
        assertThat(tshark(capture, "icmpv6.ilnp.nb_locs == 2 && icmpv6.ilnp.nb_lifetime == 300"))
                .hasSize(3);
        assertThat(tshark(capture, "ipv6.opt.ilnp_nonce")).hasSize(5);
        assertThat(tshark(capture, "ipv6.opt.ilnp_nonce == de:ad:be:ef && icmpv6.ilnp.nb_locator"))
                .hasSize(2);
    }

    private void buildFrames() {
        add(ArpFrames.gratuitous(out, 0, 0x5254_0000_000AL, 0x0A0A_0105));
        add(ArpFrames.reply(out, 0, 0x5254_0000_000AL, 0x0A0A_0105, 0x5254_0000_000BL, 0x0A0A_0106));
        add(NdFrames.unsolicited(out, 0, 0x5254_0000_000AL, PREFIX, 5, NeighborDiscovery.OVERRIDE));
        add(NdFrames.solicitation(out, 0, 0x5254_0000_000AL, PREFIX, 5, PREFIX, 6));
        Fragmenter fragmenter = new Fragmenter();
        for (byte[] frame : Samples.FRAMES.values()) {
            MemorySegment s = Samples.exactly(frame);
            assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
            add(IcmpErrors.timeExceeded4(out, 0, s, parsed, 1L << 41, 0x0A0A_0101));
            add(IcmpErrors.fragmentationNeeded4(out, 0, s, parsed, 1L << 41, 0x0A0A_0101, 1400));
            add(IcmpErrors.packetTooBig6(out, 0, s, parsed, 1L << 41, PREFIX, 1, 1400));
            add(IcmpErrors.destinationUnreachable6(out, 0, s, parsed, 1L << 41, PREFIX, 1, 3));
            add(IcmpEcho.reply(out, 0, s, parsed, 1L << 41));
            if (fragmenter.begin(s, parsed, 68)) {
                for (int n = fragmenter.next(out, 0); n > 0; n = fragmenter.next(out, 0)) {
                    add(n);
                }
            }
            boolean forwarded = parsed.isV6()
                    ? TtlDecrement.ipv6(s, parsed.l3At())
                    : parsed.isIp() && TtlDecrement.ipv4(s, parsed.l3At());
            if (MssClamp.clamp(s, parsed, 1300) || forwarded && parsed.ndKind() == NeighborDiscovery.Kind.NONE) {
                built.add(Samples.octets(s, 0, frame.length));
            }
        }
    }

    private void add(int length) {
        if (length > 0) {
            built.add(Samples.octets(out, 0, length));
        }
    }

    /** Classic pcap, LINKTYPE_ETHERNET. */
    private void writeCapture(Path path) throws IOException {
        int size = 24 + built.stream().mapToInt(frame -> 16 + frame.length).sum();
        ByteBuffer pcap = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        pcap.putInt(0xA1B2_C3D4).putShort((short) 2).putShort((short) 4);
        pcap.putInt(0).putInt(0).putInt(65_535).putInt(1);
        for (byte[] frame : built) {
            pcap.putInt(0).putInt(0).putInt(frame.length).putInt(frame.length).put(frame);
        }
        Files.createDirectories(path.toAbsolutePath().getParent());
        Files.write(path, pcap.array());
    }

    private static List<String> tshark(Path capture, String filter) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(TSHARK.toString(), "-n", "-r", capture.toString()));
        for (String protocol : List.of("ip", "tcp", "udp")) {
            command.addAll(List.of("-o", protocol + ".check_checksum:TRUE"));
        }
        command.addAll(List.of("-o", "ip.defragment:FALSE", "-Y", filter));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(filter).isZero();
        return output.lines().toList();
    }
}
