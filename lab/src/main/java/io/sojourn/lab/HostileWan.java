// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.linux.PacketSocket;
import io.sojourn.wan.WanControl;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * Somebody on the way between the sites reads all of a move and what goes on around it, then sends what was caught again, with one bit
 * changed, and back to where it came from. Nothing is readable; what is sent is dropped and counted; nobody notices.
 */
final class HostileWan extends Scenario {
    private static final int EACH = 200;
    /** What such datagrams are counted as. */
    private static final List<String> REASONS =
            List.of("drop-replayed", "drop-unauthenticated", "drop-unknown-session", "drop-unknown-datagram");

    private static final Path TSHARK = Path.of("/usr/bin/tshark");

    HostileWan() {
        super("hostile-wan", "a move is captured, and what was caught sent again, tampered with and reflected", 1, 1);
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        Topology.Site a = topology.sites().get(0);
        Topology.Site b = topology.sites().get(1);
        return (stage, findings) -> {
            Path file = stage.lab().run().folder().resolve("move.pcap");
            try (WanControl wan = stage.lab().wan()) {
                wan.capture(a.name(), file);
                stage.tour(List.of(b.name()), findings);
                long packets = wan.endCapture(a.name());
                read(stage, file, packets, findings);
            }
            Deque<byte[]> caught = new ArrayDeque<>();
            Capture.forEach(file, packet -> {
                if (Capture.isUdp(packet) && packet[14] == a.number() && packet[18] == b.number()) {
                    caught.addLast(packet);
                    if (caught.size() > EACH) {
                        caught.removeFirst();
                    }
                }
            });
            if (caught.size() < EACH) {
                findings.problems.add(
                        "only " + caught.size() + " datagrams were caught from " + a.name() + " to " + b.name());
            }
            stage.mover().traffic().begin();
            List<byte[]> packets = List.copyOf(caught);
            send(stage, "sent again", a, b, packets, findings);
            send(
                    stage,
                    "with one bit changed",
                    a,
                    b,
                    packets.stream().map(HostileWan::tampered).toList(),
                    findings);
            send(
                    stage,
                    "reflected",
                    b,
                    a,
                    packets.stream().map(HostileWan::reflected).toList(),
                    findings);
            Traffic.Window window = stage.mover().traffic().end();
            if (window.lost() + window.duplicated() + window.reordered() + window.tcpBroken() + window.bytesMismatched()
                    > 0) {
                findings.problems.addAll(window.faults());
            }
            stage.say("meanwhile " + window.lost() + " probes lost, " + window.duplicated() + " duplicated, "
                    + window.tcpOpen() + " sessions open " + window.tcpBroken() + " broken");
            return false;
        };
    }

    private static void read(Stage stage, Path file, long packets, Findings findings) {
        Map<String, Integer> leaks = Capture.leaks(file);
        leaks.forEach((what, times) -> findings.problems.add("on the WAN: " + what + ", " + times + " times"));
        String judge = "";
        if (Files.isExecutable(TSHARK)) {
            // What another program takes it for: UDP that it knows no protocol in, and TLS to the controller.
            String protocols = Command.run(
                    TSHARK.toString(),
                    "-n",
                    "-c",
                    "20000",
                    "-r",
                    file.toString(),
                    "-d",
                    "tcp.port==7401,tls",
                    "-T",
                    "fields",
                    "-e",
                    "_ws.col.Protocol");
            Map<String, Integer> seen = new TreeMap<>();
            protocols.lines().forEach(line -> seen.merge(line.strip(), 1, Integer::sum));
            judge = "; tshark sees " + seen;
            seen.keySet().stream()
                    .filter(protocol ->
                            !protocol.equals("UDP") && !protocol.equals("TCP") && !protocol.startsWith("TLS"))
                    .forEach(protocol -> findings.problems.add("tshark recognises " + protocol + " on the WAN"));
        }
        stage.say(packets + " packets were read on the WAN, " + leaks.size() + " kinds of leaks" + judge);
    }

    /** Datagrams enter the WAN where {@code from} does; they must be counted as dropped by the gateway of {@code to}. */
    private static void send(
            Stage stage, String what, Topology.Site from, Topology.Site to, List<byte[]> packets, Findings findings) {
        long before = dropped(stage, to);
        stage.lab().place(from.name()).call(() -> {
            int device = NetworkInterface.getByName(Lab.WAN_DEVICE).getIndex();
            try (PacketSocket socket = PacketSocket.open(device, 64, java.util.Set.of());
                    Arena arena = Arena.ofConfined()) {
                MemorySegment memory = arena.allocate(1 << 16);
                for (byte[] packet : packets) {
                    MemorySegment.copy(packet, 0, memory, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, packet.length);
                    socket.send(memory, 0, packet.length);
                    LockSupport.parkNanos(1_000_000);
                }
            }
            return true;
        });
        long deadlineNs = System.nanoTime() + Duration.ofSeconds(8).toNanos(); // heartbeats bring the counters
        while (dropped(stage, to) - before < packets.size() && System.nanoTime() < deadlineNs) {
            LockSupport.parkNanos(100_000_000);
        }
        long counted = dropped(stage, to) - before;
        stage.say(
                what + ": " + packets.size() + " datagrams to " + to.name() + ", " + counted + " dropped and counted");
        if (counted < packets.size()) {
            findings.problems.add(
                    what + ": of " + packets.size() + " datagrams only " + counted + " were dropped and counted");
        }
    }

    private static long dropped(Stage stage, Topology.Site site) {
        long sum = 0;
        for (JsonNode gateway : stage.lab().rest().get("/v1/gateways").path("items")) {
            if (gateway.path("name").asString("").equals(site.name())) {
                for (String reason : REASONS) {
                    sum += gateway.path("counters").path(reason).asLong(0);
                }
            }
        }
        return sum;
    }

    /** One bit of the last octets, and no UDP checksum that would tell before we do (RFC 768: 0 is none). */
    private static byte[] tampered(byte[] packet) {
        byte[] other = packet.clone();
        other[other.length - 20] ^= 0x10;
        other[26] = 0;
        other[27] = 0;
        return other;
    }

    /** Source and destination change places, which no checksum minds. */
    private static byte[] reflected(byte[] packet) {
        byte[] other = packet.clone();
        System.arraycopy(packet, 12, other, 16, 4);
        System.arraycopy(packet, 16, other, 12, 4);
        System.arraycopy(packet, 20, other, 22, 2);
        System.arraycopy(packet, 22, other, 20, 2);
        other[8] = 64;
        other[10] = 0;
        other[11] = 0;
        int sum = 0;
        for (int at = 0; at < 20; at += 2) {
            sum += Capture.port(other, at);
        }
        int folded = (sum & 0xFFFF) + (sum >>> 16);
        int checksum = ~(folded + (folded >>> 16)) & 0xFFFF;
        other[10] = (byte) (checksum >>> 8);
        other[11] = (byte) checksum;
        return other;
    }
}
