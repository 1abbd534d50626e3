// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What tshark thinks of checksums on the WAN, where they are final. */
final class Checksums {
    private static final int SHOWN = 3;
    private static final Duration WATCHED = Duration.ofSeconds(2);

    /**
     * Linux writes 0xFFFF for a sum of zero in TCP, too, where it has to compute one in software (skb_checksum_help); to a ones' complement sum both are the same number, and
     * any receiver takes it, but tshark does not like it.
     */
    private static final String BAD =
            "ip.checksum.status==0 || (tcp.checksum.status==0 && !tcp.checksum.ffff) || udp.checksum.status==0"
                    + " || icmp.checksum.status==0 || icmpv6.checksum.status==0";

    private Checksums() {}

    /** Looks at everything that passes for a moment, into the segments' VXLAN, too. */
    static void judge(Stage stage, Findings findings) {
        Lab lab = stage.lab();
        List<String> ends =
                lab.topology().sites().stream().map(Topology.Site::name).toList();
        try (WanControl wan = lab.wan()) {
            ends.forEach(end -> wan.capture(end, file(lab, end)));
            stage.calmDown(WATCHED);
            ends.forEach(wan::endCapture);
        }
        boolean segments = lab.mechanism().equals(Lab.SEGMENT);
        List<String> decode = segments ? List.of("-d", "udp.port==" + Configs.GATEWAY_PORT + ",vxlan") : List.of();
        // What is sealed and goes by the same port is no VXLAN, whatever it may look like.
        int firstVni = Configs.segmentVni(0, new Topology.Site("any", 0));
        String only = segments ? "vxlan.vni>=" + firstVni + " && vxlan.vni<" + (firstVni + 1_000) : "";
        long bad = 0;
        for (String end : ends) {
            bad += bad(file(lab, end), decode, only, findings);
        }
        stage.say("on the WAN, all sites, for " + WATCHED.toSeconds() + " s: bad checksums in " + bad);
        if (bad > 0) {
            findings.problems.add("tshark finds a bad checksum in " + bad + " packets on the WAN");
        }
    }

    private static Path file(Lab lab, String end) {
        return lab.run().folder().resolve("checksums-" + end + ".pcap");
    }

    /**
     * How many packets tshark has something to say against; those that were cut short it leaves alone.
     *
     * @param options beside those that have it compute checksums
     * @param only a display filter; empty: all
     */
    static long bad(Path pcap, List<String> options, String only, Findings findings) {
        List<String> command = new ArrayList<>(List.of("tshark", "-n", "-r", pcap.toString()));
        command.addAll(options);
        for (String protocol : List.of("ip", "tcp", "udp")) {
            command.addAll(List.of("-o", protocol + ".check_checksum:TRUE"));
        }
        command.addAll(List.of("-Y", only.isEmpty() ? BAD : "(" + only + ") && (" + BAD + ")", "-T", "fields"));
        for (String field : List.of(
                "_ws.col.Source",
                "_ws.col.Destination",
                "_ws.col.Protocol",
                "_ws.col.Info",
                "tcp.checksum",
                "udp.checksum")) {
            command.addAll(List.of("-e", field));
        }
        Command.Outcome found = Command.attempt(command, Map.of(), null);
        if (found.status() != 0) {
            findings.problems.add(
                    "tshark does not read " + pcap + ": " + found.err().strip());
        }
        found.out().lines().limit(SHOWN).forEach(line -> findings.problems.add("bad checksum: " + line));
        return found.out().lines().count();
    }
}
