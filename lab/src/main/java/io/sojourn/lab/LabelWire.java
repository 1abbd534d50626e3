// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.label.ControlMessage;
import io.sojourn.label.LabelOption;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wan.WanControl;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Watches every site's end of the WAN while VMs move by labels: segments of TCP must be native, with nothing in them that a stock host would not have sent, but for the option in a SYN, and those of
 * connections that have moved must be there under an address of the new site. The gateways' own datagrams are kept without most of what they carry.
 */
final class LabelWire {
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final ValueLayout.OfInt LITTLE = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int SACK = 5;
    private static final int TIMESTAMPS = 8;
    /** Of a site's subnet: no host's, so that whatever comes from it comes from a connection that has moved. */
    private static final int STAND_IN = 1;

    private final Lab lab;
    private final List<String> ends = new ArrayList<>();
    private final List<IpPrefix> members = new ArrayList<>();
    private final long tunnelledBefore;
    private long segments;
    private long moved;
    private long offers;
    private long strange;
    private long messages;
    private long encapsulated;

    private LabelWire(Lab lab) {
        this.lab = lab;
        for (Topology.Site site : lab.topology().sites()) {
            ends.add(site.name());
            members.add(IpPrefix.parse(site.prefix4()));
            members.add(IpPrefix.parse(site.prefix6()));
        }
        ends.addAll(lab.scenario().outsiders().keySet());
        this.tunnelledBefore = lab.counted("label-tunnelled");
    }

    /** From now on, at every site. */
    static LabelWire begin(Lab lab) {
        LabelWire wire = new LabelWire(lab);
        try (WanControl wan = lab.wan()) {
            wire.ends.forEach(end -> wan.capture(end, wire.file(end), Configs.GATEWAY_PORT));
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
        long bad = 0;
        for (String end : ends) {
            read(file(end));
            bad += Checksums.bad(file(end), List.of(), "", findings);
        }
        long tunnelled = lab.counted("label-tunnelled") - tunnelledBefore;
        stage.say(String.format(
                Locale.ROOT,
                "on the WAN, all ends: %d native segments of TCP, %d of them of connections that had moved, %d with an option that no host sent; %d offers and echoes, %d control messages, %d datagrams of the gateways; bad checksums in %d",
                segments,
                moved,
                strange,
                offers,
                messages,
                encapsulated,
                bad));
        stage.say(
                "segments of TCP that went by the overlay, as their VM was on its way or their connection had no label: "
                        + tunnelled);
        boolean stripped = lab.scenario().stripsLabels();
        if (segments == 0 || offers == 0 && !stripped) {
            findings.problems.add("no native TCP was seen on the WAN, or nobody offered a label");
        }
        if (offers > 0 && stripped) {
            findings.problems.add(offers + " offers of labels were seen, and all were to be taken out on the way");
        }
        if (!findings.moves.isEmpty() && !stripped && (moved == 0 || messages == 0)) {
            findings.problems.add("a VM moved, and no segment was seen under an address of its new site");
        }
        if (strange > 0) {
            findings.problems.add(strange + " segments on the WAN have options that no stock host sends");
        }
        if (bad > 0) {
            findings.problems.add("tshark finds a bad checksum in " + bad + " packets on the WAN");
        }
    }

    private void read(Path pcap) {
        try (FileChannel channel = FileChannel.open(pcap);
                Arena arena = Arena.ofConfined()) {
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            for (long at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.byteSize(); ) {
                int captured = file.get(LITTLE, at + 8);
                at += RECORD_HEADER_BYTES;
                if (captured >= Ipv4.HEADER_BYTES + Tcp.HEADER_BYTES && at + captured <= file.byteSize()) {
                    packet(file, at, captured);
                }
                at += captured;
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + pcap + ": " + e.getMessage(), e);
        }
    }

    private void packet(MemorySegment s, long ip, int captured) {
        boolean v6 = Ipv4.version(s, ip) == 6;
        int protocol = v6 ? Ipv6.nextHeader(s, ip) : Ipv4.protocol(s, ip);
        long l4 = ip + (v6 ? Ipv6.HEADER_BYTES : Ipv4.headerLength(s, ip));
        if (l4 + Tcp.HEADER_BYTES > ip + captured) {
            return;
        }
        if (protocol == IpProtocol.UDP) {
            messages += Tcp.destinationPort(s, l4) == ControlMessage.PORT ? 1 : 0;
            encapsulated += Tcp.destinationPort(s, l4) == Configs.GATEWAY_PORT ? 1 : 0;
        } else if (protocol == IpProtocol.TCP && isMember(s, ip, v6)) {
            segments++;
            moved += isStandIn(s, ip, v6) ? 1 : 0;
            int bytes = (int) (ip + captured - l4);
            if ((Tcp.flags(s, l4) & Tcp.SYN) != 0) {
                offers += LabelOption.find(s, l4, bytes) == LabelOption.ABSENT ? 0 : 1;
            } else {
                strange += isStock(s, l4, bytes) ? 0 : 1;
            }
        }
    }

    private boolean isMember(MemorySegment s, long ip, boolean v6) {
        long high = v6 ? Ipv6.sourceHigh(s, ip) : 0;
        long low = v6 ? Ipv6.sourceLow(s, ip) : Ipv4.source(s, ip);
        for (IpPrefix prefix : members) {
            boolean in = prefix.address().isV6() == v6
                    && (v6 ? prefix.address().high() == high : prefix.address().low() == (low & ~0xFFL));
            if (in) {
                return true;
            }
        }
        return false;
    }

    private static boolean isStandIn(MemorySegment s, long ip, boolean v6) {
        long source = v6 ? Ipv6.sourceLow(s, ip) : Ipv4.source(s, ip) & 0xFF;
        long destination = v6 ? Ipv6.destinationLow(s, ip) : Ipv4.destination(s, ip) & 0xFF;
        return source == STAND_IN || destination == STAND_IN;
    }

    /** What stock Linux puts into a segment that is no SYN: padding, timestamps, SACK. */
    private static boolean isStock(MemorySegment s, long tcp, int bytes) {
        int end = Math.min(Tcp.headerLength(s, tcp), bytes);
        for (int i = Tcp.HEADER_BYTES; i < end; ) {
            int kind = BigEndian.u8(s, tcp + i);
            if (kind == Tcp.OPTION_END) {
                return true;
            }
            if (kind == Tcp.OPTION_NOP) {
                i++;
                continue;
            }
            int length = i + 1 < end ? BigEndian.u8(s, tcp + i + 1) : 0;
            if (kind != SACK && kind != TIMESTAMPS || length < 2) {
                return false;
            }
            i += length;
        }
        return true;
    }
}
