// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Watches every site's end of the WAN while paged VMs move: an address of theirs, or of those they talk to, must never be seen there, and tshark must find every checksum
 * right. The gateways' own datagrams are kept without most of what they carry.
 */
final class NativeWire {
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int UDP = 17;
    private static final int SHOWN = 3;

    /**
     * Linux writes 0xFFFF for a sum of zero in TCP, too, where it has to compute one in software (skb_checksum_help); to a ones' complement sum both are the same number, and
     * any receiver takes it, but tshark does not like it.
     */
    private static final String BAD_CHECKSUM =
            "ip.checksum.status==0 || (tcp.checksum.status==0 && tcp.checksum!=0xffff) || udp.checksum.status==0"
                    + " || icmp.checksum.status==0 || icmpv6.checksum.status==0";

    private final Lab lab;
    private final List<Topology.Site> sites;
    private final List<IpPrefix> inTheOpen;
    private long packets;
    private long paged;
    private long encapsulated;
    private long members;

    private NativeWire(Lab lab) {
        this.lab = lab;
        this.sites = lab.topology().sites();
        this.inTheOpen =
                lab.scenario().inTheOpen().stream().map(IpPrefix::parse).toList();
    }

    /** From now on, at every site. */
    static NativeWire begin(Lab lab) {
        NativeWire wire = new NativeWire(lab);
        try (WanControl wan = lab.wan()) {
            wire.sites.forEach(site -> wan.capture(site.name(), wire.file(site), Configs.GATEWAY_PORT));
        }
        return wire;
    }

    private Path file(Topology.Site site) {
        return lab.run().folder().resolve("wan-" + site.name() + ".pcap");
    }

    /** Ends the captures and says what is in them. */
    void judge(Stage stage, Findings findings) {
        try (WanControl wan = lab.wan()) {
            sites.forEach(site -> wan.endCapture(site.name()));
        }
        long bad = 0;
        for (Topology.Site site : sites) {
            read(file(site));
            bad += badChecksums(file(site), findings);
        }
        stage.say(
                "on the WAN, all sites: " + packets + " packets, of which " + paged + " between pages, " + encapsulated
                        + " of the gateways; members' own addresses in " + members + ", bad checksums in " + bad);
        if (paged == 0) {
            findings.problems.add("no packet between pages was seen on the WAN");
        }
        if (members > 0) {
            findings.problems.add(members + " packets on the WAN have a member's own address");
        }
        if (bad > 0) {
            findings.problems.add("tshark finds a bad checksum in " + bad + " packets on the WAN");
        }
    }

    private void read(Path pcap) {
        List<IpPrefix> pages = new ArrayList<>();
        List<IpPrefix> inside = new ArrayList<>();
        for (Topology.Site site : sites) {
            pages.add(IpPrefix.parse(site.page4()));
            pages.add(IpPrefix.parse(site.page6()));
            inside.add(IpPrefix.parse(site.prefix4()));
            inside.add(IpPrefix.parse(site.prefix6()));
        }
        try (FileChannel channel = FileChannel.open(pcap)) {
            ByteBuffer file = channel.map(FileChannel.MapMode.READ_ONLY, 0, Files.size(pcap))
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.limit(); ) {
                int captured = file.getInt(at + 8);
                at += RECORD_HEADER_BYTES;
                if (captured >= 20 && at + captured <= file.limit()) {
                    packet(file, at, pages, inside);
                }
                at += captured;
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + pcap + ": " + e.getMessage(), e);
        }
    }

    private void packet(ByteBuffer file, int at, List<IpPrefix> pages, List<IpPrefix> inside) {
        packets++;
        boolean v6 = (file.get(at) & 0xF0) == 0x60;
        int bytes = v6 ? 16 : 4;
        IpAddress source = address(file, at + (v6 ? 8 : 12), bytes);
        IpAddress destination = address(file, at + (v6 ? 24 : 16), bytes);
        boolean open = isIn(inTheOpen, source) || isIn(inTheOpen, destination);
        if (!open && (isIn(inside, source) || isIn(inside, destination))) {
            members++;
        }
        if (isIn(pages, source) && isIn(pages, destination)) {
            paged++;
        } else if (file.get(at + (v6 ? 6 : 9)) == UDP) {
            encapsulated++;
        }
    }

    private static boolean isIn(List<IpPrefix> prefixes, IpAddress address) {
        for (IpPrefix prefix : prefixes) {
            if (prefix.contains(address)) {
                return true;
            }
        }
        return false;
    }

    private static IpAddress address(ByteBuffer file, int at, int bytes) {
        byte[] octets = new byte[bytes];
        file.get(at, octets);
        return IpAddress.of(octets);
    }

    /** How many packets tshark has something to say against; those that were cut short it leaves alone. */
    static long badChecksums(Path pcap, Findings findings) {
        Command.Outcome found = Command.attempt(
                List.of(
                        "tshark",
                        "-n",
                        "-r",
                        pcap.toString(),
                        "-o",
                        "ip.check_checksum:TRUE",
                        "-o",
                        "tcp.check_checksum:TRUE",
                        "-o",
                        "udp.check_checksum:TRUE",
                        "-Y",
                        BAD_CHECKSUM,
                        "-T",
                        "fields",
                        "-e",
                        "_ws.col.Source",
                        "-e",
                        "_ws.col.Destination",
                        "-e",
                        "_ws.col.Protocol",
                        "-e",
                        "_ws.col.Info",
                        "-e",
                        "tcp.checksum",
                        "-e",
                        "udp.checksum"),
                Map.of(),
                null);
        if (found.status() != 0) {
            findings.problems.add(
                    "tshark does not read " + pcap + ": " + found.err().strip());
        }
        found.out().lines().limit(SHOWN).forEach(line -> findings.problems.add("bad checksum: " + line));
        return found.out().lines().count();
    }
}
