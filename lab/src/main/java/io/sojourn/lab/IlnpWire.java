// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Watches every site's end of the WAN while VMs move by ILNP. tshark is the judge: it decodes each Locator Update and each nonce, finds every checksum right, and never sees the address that a
 * member has inside. A visible move is told and confirmed; of an invisible one nothing is said, and nobody sees a VM by another locator than before.
 */
final class IlnpWire {
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int ADVERTISEMENT = 1;
    private static final int ACKNOWLEDGEMENT = 2;

    /** A Locator Update, or its answer, as tshark reads it. */
    record Update(double atS, String source, String destination, int operation, String nonce, List<String> locators) {
        boolean isAnswer() {
            return operation == ACKNOWLEDGEMENT;
        }
    }

    private final Lab lab;
    private final List<String> ends;

    private IlnpWire(Lab lab, List<String> ends) {
        this.lab = lab;
        this.ends = ends;
    }

    /** From now on, at every site. */
    static IlnpWire begin(Lab lab) {
        List<String> ends = new ArrayList<>();
        lab.topology().sites().forEach(site -> ends.add(site.name()));
        ends.addAll(lab.scenario().outsiders().keySet());
        lab.scenario().uplinks().forEach(uplink -> ends.add(uplink.name()));
        IlnpWire wire = new IlnpWire(lab, ends);
        try (WanControl wan = lab.wan()) {
            ends.forEach(end -> wan.capture(end, wire.file(end), Configs.GATEWAY_PORT));
        }
        return wire;
    }

    private Path file(String end) {
        return lab.run().folder().resolve("wan-" + end + ".pcap");
    }

    /** Ends the captures and says what is in them. */
    void judge(Stage stage, Findings findings) {
        try (WanControl wan = lab.wan()) {
            ends.forEach(wan::endCapture);
        }
        ends.forEach(end -> keepIpv6(file(end)));
        boolean visible = lab.transparency().equals(ScenarioOptions.VISIBLE);
        long updates = 0;
        long answers = 0;
        long nonces = 0;
        long packets = 0;
        Set<String> sources = new TreeSet<>();
        for (String end : ends) {
            List<Update> seen = updates(file(end));
            updates += seen.stream()
                    .filter(update -> update.operation() == ADVERTISEMENT)
                    .count();
            answers += seen.stream().filter(Update::isAnswer).count();
            nonces += count(end, "ipv6.opt.ilnp_nonce");
            packets += count(end, "ipv6.addr==fd66::/16 && !icmpv6.type==156");
            refuse(count(end, members()), "packets on the WAN have a member's own address", findings);
            refuse(
                    count(end, "_ws.malformed && !(" + lab.scenario().malformedByUs() + ")"),
                    "packets on the WAN are malformed to tshark",
                    findings);
            refuse(
                    Checksums.bad(file(end), List.of(), "", findings),
                    "packets on the WAN have a bad checksum",
                    findings);
            sources.addAll(sourcesOf(end, stage.mover().plan()));
            if (!visible) {
                judgeUnchanged(end, stage, findings);
            }
        }
        stage.say(String.format(
                Locale.ROOT,
                "on the WAN, all ends: %d packets by locators, %d Locator Updates, %d acknowledgements, %d nonces; the VM came from %s",
                packets,
                updates,
                answers,
                nonces,
                sources));
        if (packets == 0) {
            findings.problems.add("no packet by locators was seen on the WAN");
        }
        lab.scenario().judgeWire(this, stage, findings);
        if (visible && (updates == 0 || answers == 0)) {
            findings.problems.add("a visible VM moved, and " + updates + " Locator Updates and " + answers
                    + " acknowledgements were seen");
        }
        if (!visible && updates > 0) {
            findings.problems.add(updates + " Locator Updates were seen, and nobody was to notice");
        }
    }

    /** Whoever is at that end sees the VM by one address throughout. */
    private void judgeUnchanged(String end, Stage stage, Findings findings) {
        String node = node(stage.mover().plan());
        Map<String, Set<String>> seen = new TreeMap<>();
        for (String line : tshark(file(end), "ipv6.src==fd66::/16", "f", new String[] {"ipv6.src", "ipv6.dst"})) {
            String[] fields = line.split("\t", -1);
            if (fields[0].endsWith("::" + node) && fields[1].startsWith(mine(end))) {
                seen.computeIfAbsent(fields[1], to -> new TreeSet<>()).add(fields[0]);
            }
        }
        seen.forEach((to, from) -> {
            stage.say(end + ": " + to + " knows the VM as " + from);
            if (from.size() > 1) {
                findings.problems.add("at " + end + ", " + to + " was to see one address of the VM, and saw " + from);
            }
        });
    }

    /** What locators of that end of the WAN begin with. */
    private String mine(String end) {
        Integer outsider = lab.scenario().outsiders().get(end);
        int number = outsider == null ? lab.topology().site(end).number() : outsider;
        return "fd66:" + number + ":";
    }

    private static String node(GuestPlan plan) {
        return plan.address6().substring(plan.address6().lastIndexOf(':') + 1);
    }

    private static void refuse(long n, String what, Findings findings) {
        if (n > 0) {
            findings.problems.add(n + " " + what);
        }
    }

    private String members() {
        return String.join(
                " || ",
                lab.topology().sites().stream()
                        .map(site -> "ipv6.addr==" + site.prefix6())
                        .toList());
    }

    /** The gateways' own datagrams are IPv4 here, and most of what is captured: tshark would take a minute over them. */
    private static void keepIpv6(Path pcap) {
        Path kept = pcap.resolveSibling("ipv6-" + pcap.getFileName());
        try (FileChannel in = FileChannel.open(pcap);
                FileChannel out = FileChannel.open(
                        kept,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer file =
                    in.map(FileChannel.MapMode.READ_ONLY, 0, in.size()).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer six = ByteBuffer.allocate((int) in.size());
            six.put(file.slice(0, FILE_HEADER_BYTES));
            for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES < file.limit(); ) {
                int length = RECORD_HEADER_BYTES + file.getInt(at + 8);
                if (at + length <= file.limit() && (file.get(at + RECORD_HEADER_BYTES) & 0xF0) == 0x60) {
                    six.put(file.slice(at, length));
                }
                at += length;
            }
            out.write(six.flip());
            Files.move(kept, pcap, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new LabException("cannot read " + pcap + ": " + e.getMessage(), e);
        }
    }

    /** Locators that a VM was seen by. */
    Set<String> sourcesOf(String end, GuestPlan plan) {
        String node = node(plan);
        Set<String> found = new HashSet<>();
        for (String line : tshark(file(end), "ipv6.src==fd66::/16", "f", new String[] {"ipv6.src"})) {
            if (line.endsWith("::" + node)) {
                found.add(line.substring(0, line.length() - node.length()));
            }
        }
        return found;
    }

    /** Packets with a nonce that come from a prefix. */
    long nonces(String end, String prefix) {
        return count(end, "ipv6.opt.ilnp_nonce && ipv6.src==" + prefix);
    }

    private long count(String end, String filter) {
        return tshark(file(end), filter, "frame.number").size();
    }

    /** Locator Updates and acknowledgements at an end of the WAN, in order. */
    List<Update> updates(String end) {
        return updates(file(end));
    }

    private static List<Update> updates(Path pcap) {
        List<Update> found = new ArrayList<>();
        for (String line : tshark(
                pcap,
                "icmpv6.type==156 && icmpv6.checksum.status!=0",
                "frame.time_epoch",
                "ipv6.src",
                "ipv6.dst",
                "icmpv6.ilnp.nb_locs",
                "ipv6.opt.ilnp_nonce",
                "icmpv6.ilnp.nb_locator",
                "icmpv6.reserved")) {
            found.add(update(line.split("\t", -1)));
        }
        return found;
    }

    private static Update update(String[] fields) {
        return new Update(
                Double.parseDouble(fields[0]),
                fields[1],
                fields[2],
                fields[6].startsWith("01") ? ADVERTISEMENT : ACKNOWLEDGEMENT,
                fields[4],
                Arrays.stream(fields[5].split(",")).filter(l -> !l.isEmpty()).toList());
    }

    private static List<String> tshark(Path pcap, String filter, String... fields) {
        return tshark(pcap, filter, "a", fields);
    }

    /** @param occurrence f: of a field that is there several times, as in a quoted packet, the first */
    private static List<String> tshark(Path pcap, String filter, String occurrence, String[] fields) {
        List<String> command = new ArrayList<>(List.of(
                "tshark", "-n", "-r", pcap.toString(), "-Y", filter, "-T", "fields", "-E", "occurrence=" + occurrence));
        for (String field : fields) {
            command.add("-e");
            command.add(field);
        }
        Command.Outcome found = Command.attempt(command, Map.of(), null);
        if (found.status() != 0) {
            throw new LabException(
                    "tshark does not read " + pcap + ": " + found.err().strip());
        }
        return found.out().lines().filter(line -> !line.isEmpty()).toList();
    }
}
