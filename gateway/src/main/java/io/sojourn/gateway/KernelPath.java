// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.BpfAssembler;
import io.sojourn.linux.BpfMap;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.TrafficProgram;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The packets of a long TCP stream that goes natively, by a program in the kernel: what was done to one of them is done to those that follow it, and their payload is
 * never copied. Such a stream costs this process one packet a second; all else, and each stream's beginning and end, comes here as ever.
 *
 * <pre>
 *   LAN's tap, on its way to us:  (MAC, source, destination) known ──▶ addresses of the page, one hop less ──▶ as if we had written it to the page's device
 *   page's device, likewise:      (source, destination)      known ──▶ members' own addresses              ──▶ as if we had written it to the LAN's tap
 * </pre>
 *
 * <p>What is known is good for a second, and until {@link #changed}: whatever changes how packets go takes all of it back in one store, and a VM that moves has none of its
 * own. It is told to the kernel only when nothing waits here that could be overtaken.
 *
 * <p>Locking: forwarder's thread. The kernel reads at any time.
 */
final class KernelPath implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(KernelPath.class);
    private static final int FLOWS = 16_384;
    /** Offered since the last {@link #settle}; more than these wait for their next packet. */
    private static final int OFFERED = 64;

    private static final long GOOD_NS = TimeUnit.SECONDS.toNanos(1);
    private static final long SWEEP_NS = TimeUnit.SECONDS.toNanos(1);
    private static final int STREAMS = 1_024;
    /** Knuth, The Art of Computer Programming, volume 3, section 6.4. */
    private static final long GOLDEN = 0x9E37_79B9_7F4A_7C15L;

    /** As it comes. @param where its network, or {@link StreamProgram#INWARDS} */
    private record Flow(long mac, AddressPair addresses, int where) {}

    /** What has been done to a packet, until it is told. */
    private record Offer(Flow flow, int toInterface, AddressPair addresses, long to, long from, int mostIpBytes) {}

    private final LanDevice page;
    private final long pageMac;
    private final Counters counters;
    private final BpfMap flows =
            new BpfMap(BpfMap.Kind.HASH, StreamProgram.KEY_BYTES, StreamProgram.VALUE_BYTES, FLOWS);
    private final BpfMap generations = new BpfMap(BpfMap.Kind.ARRAY, 4, 4, 1);
    private final List<TrafficProgram> programs = new ArrayList<>();
    private final Map<Flow, Long> known = new LinkedHashMap<>();
    private final List<Offer> offers = new ArrayList<>();
    /** Hashes of source and destination of super-frames, each where it says itself, and when one came last. */
    private final long[] streams = new long[STREAMS];

    private final long[] streamNs = new long[STREAMS];
    private int generation = 1;
    private boolean used;
    private long sweptNs;

    private KernelPath(PagePort.Opened port, Counters counters) {
        this.page = port.device();
        this.pageMac = port.mac();
        this.counters = counters;
        tellGeneration();
        attach(page.ifindex(), StreamProgram.of(flows, generations, StreamProgram.INWARDS), "sojourn-in");
    }

    /** Null where the kernel does not allow it; then all packets come here. */
    static @Nullable KernelPath open(PagePort.Opened port, Counters counters) {
        try {
            return new KernelPath(port, counters);
        } catch (SyscallException e) {
            LOG.info("native streams go by this process, not by the kernel: {}", e.getMessage());
            return null;
        }
    }

    /** A network's port has come. */
    void lan(LanPort port) {
        try {
            attach(port.ifindex(), StreamProgram.of(flows, generations, port.network.vni), "sojourn-out");
        } catch (SyscallException e) {
            LOG.info(
                    "network {}: native streams go by this process, not by the kernel: {}",
                    port.network,
                    e.getMessage());
        }
    }

    private void attach(int ifindex, BpfAssembler code, String name) {
        TrafficProgram program = new TrafficProgram(code);
        program.attach(ifindex, name);
        programs.add(program);
    }

    /** How packets go has changed, or will now: what the kernel knows is void. */
    void changed() {
        offers.clear();
        if (used) {
            used = false;
            generation++;
            tellGeneration();
        }
    }

    private void tellGeneration() {
        generations.key().set(JAVA_INT, 0, 0);
        generations.value().set(JAVA_INT, 0, generation);
        generations.put();
    }

    // --- what has been done to a packet

    /**
     * A super-frame, or what answers them; in one piece, and TCP.
     *
     * @param stream {@link #hash} of its addresses of ours, not of the page
     * @param back the same the other way
     */
    private boolean isStream(FrameRun run, long stream, long back, long nowNs) {
        if (run.count() > 1) {
            int at = slot(stream);
            streams[at] = stream;
            streamNs[at] = nowNs;
            return true;
        }
        int at = slot(back);
        return streams[at] == back && nowNs - streamNs[at] < 2 * GOOD_NS;
    }

    private static long hash(long sourceHigh, long sourceLow, long destinationHigh, long destinationLow) {
        long source = (sourceHigh * GOLDEN + sourceLow) * GOLDEN;
        return (source + destinationHigh) * GOLDEN + destinationLow * GOLDEN;
    }

    private static int slot(long stream) {
        return (int) (stream >>> 32) & STREAMS - 1;
    }

    /** Nothing but its binding says how packets from and to it go. Null: hosts. */
    static boolean isPlain(@Nullable VmEntry vm, VirtualNetwork network) {
        return vm == null
                || vm.isPaged(network) // mappings change without a binding's
                        && !vm.onMove
                        && !vm.watched
                        && !vm.captured
                        && !vm.singly
                        && !vm.flushing
                        && !vm.guarded()
                        && vm.keeping == Whereabouts.Keeping.NOTHING
                        && vm.returnTo == null
                        && vm.holds.isEmpty()
                        && vm.outboundHolds.isEmpty()
                        && vm.direct.isEmpty();
    }

    /**
     * A packet of ours has gone to a peer; if natively, the kernel may do the same to what follows it.
     *
     * @param f it as it came; the run's memory holds it as it went
     */
    void sent(LanPort port, Peer peer, ParsedFrame f, FrameRun run, int mtuBytes, long nowNs) {
        if (f.protocol() == IpProtocol.TCP
                && run.isInOnePiece()
                && Ethernet.destination(run.memory(), run.frameAt()) == pageMac
                && isPlain(port.network, f, peer)) {
            left(port, f, run, PathFit.longestBytes(mtuBytes, f.isV6()), nowNs);
        }
    }

    private static boolean isPlain(VirtualNetwork network, ParsedFrame f, Peer peer) {
        VmEntry to = network.vmByAddress.get(f.isV6(), f.destinationHigh(), f.destinationLow());
        VmEntry from = network.vmByAddress.get(f.isV6(), f.sourceHigh(), f.sourceLow());
        return (from != null || to != null)
                && isPlain(from, network)
                && isPlain(to, network)
                && (from == null || from.local)
                && (to == null || to.route == peer && to.routeEpoch == to.boundEpoch);
    }

    /** A packet of ours, of TCP, has gone natively. @param f and @param run as for {@link #sent} */
    void left(LanPort port, ParsedFrame f, FrameRun run, int mostIpBytes, long nowNs) {
        long stream = hash(f.sourceHigh(), f.sourceLow(), f.destinationHigh(), f.destinationLow());
        long back = hash(f.destinationHigh(), f.destinationLow(), f.sourceHigh(), f.sourceLow());
        if (offers.size() < OFFERED && isStream(run, stream, back, nowNs)) {
            Flow flow = new Flow(f.sourceMac(), AddressPair.of(f), port.network.vni);
            offer(flow, page.ifindex(), run.memory(), run.frameAt(), mostIpBytes);
        }
    }

    /**
     * A native packet of TCP has gone to a station.
     *
     * @param f it as it came; the run's memory holds it as it went
     */
    void arrived(LanPort port, ParsedFrame f, FrameRun run, long nowNs) {
        MemorySegment s = run.memory();
        long ip = run.frameAt() + Ethernet.HEADER_BYTES;
        boolean v6 = f.isV6();
        long sourceHigh = v6 ? Ipv6.sourceHigh(s, ip) : 0;
        long sourceLow = v6 ? Ipv6.sourceLow(s, ip) : Ipv4.source(s, ip);
        long destinationHigh = v6 ? Ipv6.destinationHigh(s, ip) : 0;
        long destinationLow = v6 ? Ipv6.destinationLow(s, ip) : Ipv4.destination(s, ip);
        long stream = hash(sourceHigh, sourceLow, destinationHigh, destinationLow);
        long back = hash(destinationHigh, destinationLow, sourceHigh, sourceLow);
        if (offers.size() < OFFERED && isStream(run, stream, back, nowNs)) {
            Flow flow = new Flow(0, AddressPair.of(f), StreamProgram.INWARDS);
            offer(flow, port.ifindex(), s, run.frameAt(), 0xFFFF);
        }
    }

    private void offer(Flow flow, int toInterface, MemorySegment s, long at, int mostIpBytes) {
        offers.add(new Offer(
                flow,
                toInterface,
                AddressPair.read(s, at + Ethernet.HEADER_BYTES),
                Ethernet.destination(s, at),
                Ethernet.source(s, at),
                mostIpBytes));
    }

    /** Nothing waits here: what comes from now on overtakes nothing. */
    void settle(long nowNs) {
        for (Offer offer : offers) {
            tell(offer, nowNs);
        }
        offers.clear();
        if (nowNs - sweptNs > SWEEP_NS) {
            sweptNs = nowNs;
            sweep(nowNs);
        }
    }

    private void tell(Offer offer, long nowNs) {
        account(offer.flow);
        MemorySegment value = flows.value().fill((byte) 0);
        value.set(JAVA_INT, StreamProgram.GENERATION, generation);
        value.set(JAVA_INT, StreamProgram.TO_INTERFACE, offer.toInterface);
        value.set(JAVA_LONG, StreamProgram.GOOD_UNTIL, nowNs + GOOD_NS);
        offer.addresses.put(value, StreamProgram.NEW_ADDRESSES);
        Ethernet.putDestination(value, StreamProgram.NEW_MACS, offer.to);
        Ethernet.putSource(value, StreamProgram.NEW_MACS, offer.from);
        value.set(JAVA_INT, StreamProgram.MOST_IP_BYTES, offer.mostIpBytes);
        if (flows.put()) {
            used = true;
            known.put(offer.flow, nowNs + GOOD_NS);
        }
    }

    private boolean find(Flow flow) {
        MemorySegment key = flows.key().fill((byte) 0);
        BigEndian.putU48(key, 0, flow.mac);
        BigEndian.putU16(key, StreamProgram.KEY_TYPE, flow.addresses.v6() ? EtherType.IPV6 : EtherType.IPV4);
        flow.addresses.put(key, StreamProgram.KEY_ADDRESSES);
        key.set(JAVA_INT, StreamProgram.KEY_WHERE, flow.where);
        return flows.get();
    }

    /** What the kernel has carried of it is counted as ours. Its key stands in the table's then, for a {@code put} or {@code remove}. */
    private void account(Flow flow) {
        if (find(flow)) {
            long packets = flows.value().get(JAVA_LONG, StreamProgram.PACKETS);
            boolean out = flow.where != StreamProgram.INWARDS;
            counters.add(out ? Kind.LAN_IN : Kind.NATIVE_IN, packets);
            counters.add(out ? Kind.NATIVE_OUT : Kind.LAN_OUT, packets);
        }
    }

    private void sweep(long nowNs) {
        for (Iterator<Map.Entry<Flow, Long>> i = known.entrySet().iterator(); i.hasNext(); ) {
            Map.Entry<Flow, Long> entry = i.next();
            if (nowNs - entry.getValue() > GOOD_NS) {
                account(entry.getKey());
                flows.remove();
                i.remove();
            }
        }
    }

    @Override
    public void close() {
        programs.forEach(TrafficProgram::close);
        flows.close();
        generations.close();
    }
}
