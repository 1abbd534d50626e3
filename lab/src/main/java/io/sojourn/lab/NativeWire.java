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

/**
 * Watches every site's end of the WAN while paged VMs move: an address of theirs, or of those they talk to, must never be seen there, and tshark must find every checksum
 * right. The gateways' own datagrams are kept without most of what they carry.
 */
final class NativeWire {
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int UDP = 17;

    private final Lab lab;
    private final List<Topology.Site> sites;
    private final List<IpPrefix> inTheOpen;
    private long packets;
    private long paged;
    private long encapsulated;
    private long members;
    private long probes;
    private long addedBytes;

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
            wire.ends().forEach(end -> wan.capture(end, wire.file(end), Configs.GATEWAY_PORT));
        }
        return wire;
    }

    /** Where a site touches the WAN. */
    private List<String> ends() {
        List<String> ends =
                new ArrayList<>(sites.stream().map(Topology.Site::name).toList());
        lab.scenario().uplinks().forEach(uplink -> ends.add(uplink.name()));
        return ends;
    }

    private Path file(String end) {
        return lab.run().folder().resolve("wan-" + end + ".pcap");
    }

    /** Ends the captures and says what is in them. */
    void judge(Stage stage, Findings findings) {
        try (WanControl wan = lab.wan()) {
            ends().forEach(wan::endCapture);
        }
        long bad = 0;
        for (String end : ends()) {
            read(file(end));
            bad += Checksums.bad(file(end), List.of(), "", findings);
        }
        stage.say(
                "on the WAN, all sites: " + packets + " packets, of which " + paged + " between pages, " + encapsulated
                        + " of the gateways; members' own addresses in " + members + ", bad checksums in " + bad
                        + "; " + probes + " datagrams of probes, octets added to them " + addedBytes);
        if (paged == 0) {
            findings.problems.add("no packet between pages was seen on the WAN");
        }
        if (addedBytes > 0) {
            findings.problems.add(addedBytes + " octets were added to probes' datagrams on the WAN");
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
        for (Uplink uplink : lab.scenario().uplinks()) {
            pages.add(IpPrefix.parse(uplink.page4()));
            pages.add(IpPrefix.parse(uplink.page6()));
        }
        try (FileChannel channel = FileChannel.open(pcap)) {
            ByteBuffer file = channel.map(FileChannel.MapMode.READ_ONLY, 0, Files.size(pcap))
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.limit(); ) {
                int captured = file.getInt(at + 8);
                int length = file.getInt(at + 12);
                at += RECORD_HEADER_BYTES;
                if (captured >= 20 && at + captured <= file.limit()) {
                    packet(file, at, captured, length, pages, inside);
                }
                at += captured;
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + pcap + ": " + e.getMessage(), e);
        }
    }

    /** A datagram of a probe, known by what is in it, is as long as its sender made it. */
    private void probe(ByteBuffer file, int at, int captured, int length, boolean v6) {
        int headers = (v6 ? 40 : 20) + 8;
        if (file.get(at + (v6 ? 6 : 9)) == UDP && captured >= headers + 16) {
            long number = Long.reverseBytes(file.getLong(at + headers));
            if (number == ~Long.reverseBytes(file.getLong(at + headers + 8))) {
                probes++;
                addedBytes += Math.abs(length - headers - UdpProbe.PAYLOAD_BYTES);
            }
        }
    }

    private void packet(
            ByteBuffer file, int at, int captured, int length, List<IpPrefix> pages, List<IpPrefix> inside) {
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
            probe(file, at, captured, length, v6);
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
}
