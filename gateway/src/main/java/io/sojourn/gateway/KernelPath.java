// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.BpfAssembler;
import io.sojourn.linux.BpfAssembler.If;
import io.sojourn.linux.BpfAssembler.Size;
import io.sojourn.linux.BpfMap;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.TrafficProgram;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
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
 *   LAN's tap, on its way to us:  (MAC, IPv4 source, destination) known ──▶ addresses of the page, one hop less ──▶ as if we had written it to the page's device
 *   page's device, likewise:      (IPv4 source, destination)      known ──▶ members' own addresses              ──▶ as if we had written it to the LAN's tap
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
    private static final int INWARDS = -1;
    private static final int STREAMS = 1_024;

    // The key: u8 MAC[6] | u16 0 | u8 source[4] | u8 destination[4] | u32 network, or INWARDS
    private static final int KEY_BYTES = 20;
    private static final int KEY_SOURCE = 8;
    private static final int KEY_DESTINATION = 12;
    private static final int KEY_WHERE = 16;

    // The value.
    private static final int VALUE_BYTES = 64;
    private static final int GENERATION = 0;
    private static final int TO_INTERFACE = 4;
    private static final int GOOD_UNTIL = 8;
    private static final int NEW_SOURCE = 16;
    private static final int NEW_DESTINATION = 20;
    private static final int NEW_MACS = 24;
    private static final int MOST_IP_BYTES = 36;
    private static final int PACKETS = 40;
    private static final int BYTES = 48;

    // struct __sk_buff
    private static final int SKB_LENGTH = 0;
    private static final int SKB_VLAN = 20;
    private static final int SKB_DATA = 76;
    private static final int SKB_DATA_END = 80;
    private static final int SKB_SEGMENTS = 164;
    private static final int SKB_SEGMENT_BYTES = 176;

    // linux/bpf.h, BPF_FUNC_*
    private static final int LOOKUP = 1;
    private static final int CLOCK = 5;
    private static final int STORE_BYTES = 9;
    private static final int L3_CHECKSUM = 10;
    private static final int L4_CHECKSUM = 11;
    private static final int REDIRECT = 23;
    private static final int INGRESS = 1;
    private static final int PSEUDO_HEADER = 0x10;

    // Ethernet, IPv4 without options, TCP.
    private static final int AT_TTL = 22;
    private static final int AT_PROTOCOL = 23;
    private static final int AT_IP_CHECKSUM = 24;
    private static final int AT_SOURCE = 26;
    private static final int AT_DESTINATION = 30;
    private static final int AT_TCP_LENGTH = 46;
    private static final int AT_TCP_FLAGS = 47;
    private static final int AT_TCP_CHECKSUM = 50;
    private static final int HEADERS = 54;
    /** FIN, SYN, RST, URG. */
    private static final int NOT_FLOWING = 0x27;

    private static final ValueLayout.OfInt BIG = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);

    private record Flow(long mac, int source, int destination, int where) {}

    /** What has been done to a packet, until it is told. */
    private record Offer(
            Flow flow, int toInterface, int newSource, int newDestination, long to, long from, int mostIpBytes) {}

    private final LanDevice page;
    private final long pageMac;
    private final Counters counters;
    private final BpfMap flows = new BpfMap(BpfMap.Kind.HASH, KEY_BYTES, VALUE_BYTES, FLOWS);
    private final BpfMap generations = new BpfMap(BpfMap.Kind.ARRAY, 4, 4, 1);
    private final List<TrafficProgram> programs = new ArrayList<>();
    private final Map<Flow, Long> known = new LinkedHashMap<>();
    private final List<Offer> offers = new ArrayList<>();
    /** Source and destination of super-frames, each where its hash says, and when one came last. */
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
        attach(page.ifindex(), program(flows, generations, INWARDS), "sojourn-in");
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
            attach(port.ifindex(), program(flows, generations, port.network.vni), "sojourn-out");
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

    /** A super-frame, or what answers them; in one piece, and TCP by IPv4. */
    private boolean isStream(FrameRun run, long source, long destination, long nowNs) {
        if (run.count() > 1) {
            long stream = source << 32 | destination;
            int at = slot(stream);
            streams[at] = stream;
            streamNs[at] = nowNs;
            return true;
        }
        long answered = destination << 32 | source;
        int at = slot(answered);
        return streams[at] == answered && nowNs - streamNs[at] < 2 * GOOD_NS;
    }

    private static int slot(long stream) {
        return (int) ((stream * 0x9E37_79B9_7F4A_7C15L) >>> 32) & STREAMS - 1;
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
        if (f.isV6() || f.protocol() != IpProtocol.TCP) {
            return;
        }
        VmEntry to = port.network.vmByAddress.get(false, 0, f.destinationLow());
        VmEntry from = port.network.vmByAddress.get(false, 0, f.sourceLow());
        if ((from != null || to != null)
                && isPlain(from, port.network)
                && isPlain(to, port.network)
                && (from == null || from.local)
                && (to == null || to.route == peer && to.routeEpoch == to.boundEpoch)) {
            left(port, f, run, PathFit.longestBytes(mtuBytes, false), nowNs);
        }
    }

    /**
     * A packet of ours has gone natively.
     *
     * @param f it as it came; its memory holds it as it went
     */
    void left(LanPort port, ParsedFrame f, FrameRun run, int mostIpBytes, long nowNs) {
        MemorySegment s = run.memory();
        long at = run.frameAt();
        if (offers.size() < OFFERED
                && !f.isV6()
                && f.protocol() == IpProtocol.TCP
                && run.isInOnePiece()
                && Ethernet.destination(s, at) == pageMac
                && isStream(run, f.sourceLow(), f.destinationLow(), nowNs)) {
            Flow flow = new Flow(f.sourceMac(), (int) f.sourceLow(), (int) f.destinationLow(), port.network.vni);
            offer(flow, page.ifindex(), s, at, mostIpBytes);
        }
    }

    /** A native packet of TCP by IPv4 has gone to a station. @param source and @param destination as it came */
    void arrived(LanPort port, long source, long destination, FrameRun run, long nowNs) {
        MemorySegment s = run.memory();
        long at = run.frameAt();
        long ip = at + Ethernet.HEADER_BYTES;
        if (offers.size() < OFFERED && isStream(run, Ipv4.source(s, ip), Ipv4.destination(s, ip), nowNs)) {
            offer(new Flow(0, (int) source, (int) destination, INWARDS), port.ifindex(), s, at, 0xFFFF);
        }
    }

    private void offer(Flow flow, int toInterface, MemorySegment s, long at, int mostIpBytes) {
        long ip = at + Ethernet.HEADER_BYTES;
        offers.add(new Offer(
                flow,
                toInterface,
                (int) Ipv4.source(s, ip),
                (int) Ipv4.destination(s, ip),
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
        value.set(JAVA_INT, GENERATION, generation);
        value.set(JAVA_INT, TO_INTERFACE, offer.toInterface);
        value.set(JAVA_LONG, GOOD_UNTIL, nowNs + GOOD_NS);
        value.set(BIG, NEW_SOURCE, offer.newSource);
        value.set(BIG, NEW_DESTINATION, offer.newDestination);
        putMac(value, NEW_MACS, offer.to);
        putMac(value, NEW_MACS + 6, offer.from);
        value.set(JAVA_INT, MOST_IP_BYTES, offer.mostIpBytes);
        if (flows.put()) {
            used = true;
            known.put(offer.flow, nowNs + GOOD_NS);
        }
    }

    private static void putMac(MemorySegment to, int at, long mac) {
        for (int i = 0; i < 6; i++) {
            to.set(JAVA_BYTE, at + i, (byte) (mac >> 40 - 8 * i));
        }
    }

    private boolean find(Flow flow) {
        MemorySegment key = flows.key().fill((byte) 0);
        if (flow.where != INWARDS) {
            putMac(key, 0, flow.mac);
        }
        key.set(BIG, KEY_SOURCE, flow.source);
        key.set(BIG, KEY_DESTINATION, flow.destination);
        key.set(JAVA_INT, KEY_WHERE, flow.where);
        return flows.get();
    }

    /** What the kernel has carried of it is counted as ours. */
    private void account(Flow flow) {
        if (find(flow)) {
            long packets = flows.value().get(JAVA_LONG, PACKETS);
            boolean out = flow.where != INWARDS;
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

    // --- the program

    /** The same for both ways; out of a LAN it also asks whose a packet is, whether it is for the gateway, and takes one from its hops. */
    private static BpfAssembler program(BpfMap flows, BpfMap generations, int where) {
        boolean out = where != INWARDS;
        int key = -24;
        int slot = -28;
        int ttl = -32;
        int lessTtl = -34;
        BpfAssembler p = new BpfAssembler()
                .move(6, 1)
                .load(Size.WORD, 2, 6, SKB_DATA)
                .load(Size.WORD, 3, 6, SKB_DATA_END)
                .move(4, 2)
                .add(4, HEADERS)
                .jumpIfRegister(If.GREATER, 4, 3, "pass")
                .load(Size.WORD, 5, 6, SKB_VLAN)
                .jumpIf(If.NOT_EQUAL, 5, 0, "pass")
                .load(Size.HALF, 5, 2, 12)
                .jumpIf(If.NOT_EQUAL, 5, 0x0008, "pass")
                .load(Size.BYTE, 5, 2, 14)
                .jumpIf(If.NOT_EQUAL, 5, 0x45, "pass")
                .load(Size.HALF, 5, 2, 20)
                .and(5, 0xFF3F)
                .jumpIf(If.NOT_EQUAL, 5, 0, "pass") // a fragment
                .load(Size.BYTE, 5, 2, AT_PROTOCOL)
                .jumpIf(If.NOT_EQUAL, 5, IpProtocol.TCP, "pass")
                .load(Size.BYTE, 5, 2, AT_TCP_FLAGS)
                .jumpIf(If.ANY_BIT, 5, NOT_FLOWING, "pass")
                .load(Size.BYTE, 5, 2, AT_TTL)
                .jumpIf(If.LESS, 5, 2, "pass");
        if (out) {
            byte[] mac = new byte[6];
            for (int i = 0; i < 6; i++) {
                mac[i] = (byte) (LanPort.ANYCAST_MAC >> 40 - 8 * i);
            }
            p.load(Size.WORD, 5, 2, 0)
                    .jumpIfWord(
                            If.NOT_EQUAL,
                            5,
                            mac[0] & 0xFF | (mac[1] & 0xFF) << 8 | (mac[2] & 0xFF) << 16 | (mac[3] & 0xFF) << 24,
                            "pass")
                    .load(Size.HALF, 5, 2, 4)
                    .jumpIf(If.NOT_EQUAL, 5, mac[4] & 0xFF | (mac[5] & 0xFF) << 8, "pass")
                    .load(Size.WORD, 5, 2, 6)
                    .store(Size.WORD, 10, key, 5)
                    .load(Size.HALF, 5, 2, 10)
                    .store(Size.HALF, 10, key + 4, 5)
                    .storeValue(Size.HALF, 10, key + 6, 0);
        } else {
            p.storeValue(Size.DOUBLE, 10, key, 0);
        }
        // The longest packet of it: its headers and a segment, or all of it.
        p.load(Size.BYTE, 7, 2, AT_TCP_LENGTH)
                .and(7, 0xF0)
                .shiftRight(7, 2)
                .add(7, 20)
                .load(Size.WORD, 8, 6, SKB_SEGMENT_BYTES)
                .jumpIf(If.NOT_EQUAL, 8, 0, "super")
                .load(Size.WORD, 8, 6, SKB_LENGTH)
                .add(8, -Ethernet.HEADER_BYTES)
                .jump("sized")
                .label("super")
                .addRegister(8, 7)
                .label("sized")
                .load(Size.HALF, 5, 2, AT_TTL)
                .store(Size.HALF, 10, ttl, 5)
                .add(5, -1)
                .store(Size.HALF, 10, lessTtl, 5)
                .load(Size.WORD, 5, 2, AT_SOURCE)
                .store(Size.WORD, 10, key + KEY_SOURCE, 5)
                .load(Size.WORD, 5, 2, AT_DESTINATION)
                .store(Size.WORD, 10, key + KEY_DESTINATION, 5)
                .storeValue(Size.WORD, 10, key + KEY_WHERE, where)
                .loadMap(1, flows)
                .move(2, 10)
                .add(2, key)
                .call(LOOKUP)
                .jumpIf(If.EQUAL, 0, 0, "pass")
                .move(9, 0)
                .storeValue(Size.WORD, 10, slot, 0)
                .loadMap(1, generations)
                .move(2, 10)
                .add(2, slot)
                .call(LOOKUP)
                .jumpIf(If.EQUAL, 0, 0, "pass")
                .load(Size.WORD, 1, 0, 0)
                .load(Size.WORD, 2, 9, GENERATION)
                .jumpIfWordRegister(If.NOT_EQUAL, 1, 2, "pass")
                .call(CLOCK)
                .load(Size.DOUBLE, 1, 9, GOOD_UNTIL)
                .jumpIfRegister(If.GREATER, 0, 1, "pass")
                .load(Size.WORD, 1, 9, MOST_IP_BYTES)
                .jumpIfRegister(If.GREATER, 8, 1, "pass")
                .load(Size.WORD, 1, 6, SKB_SEGMENTS)
                .jumpIf(If.NOT_EQUAL, 1, 0, "several")
                .set(1, 1)
                .label("several")
                .addAtomically(9, PACKETS, 1)
                .load(Size.WORD, 1, 6, SKB_LENGTH)
                .addAtomically(9, BYTES, 1);
        checksum(p, L4_CHECKSUM, AT_TCP_CHECKSUM, key + KEY_SOURCE, NEW_SOURCE, PSEUDO_HEADER | 4);
        checksum(p, L4_CHECKSUM, AT_TCP_CHECKSUM, key + KEY_DESTINATION, NEW_DESTINATION, PSEUDO_HEADER | 4);
        checksum(p, L3_CHECKSUM, AT_IP_CHECKSUM, key + KEY_SOURCE, NEW_SOURCE, 4);
        checksum(p, L3_CHECKSUM, AT_IP_CHECKSUM, key + KEY_DESTINATION, NEW_DESTINATION, 4);
        store(p, AT_SOURCE, 9, NEW_SOURCE, 8);
        if (out) {
            p.move(1, 6)
                    .set(2, AT_IP_CHECKSUM)
                    .load(Size.HALF, 3, 10, ttl)
                    .load(Size.HALF, 4, 10, lessTtl)
                    .set(5, 2)
                    .call(L3_CHECKSUM)
                    .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
            store(p, AT_TTL, 10, lessTtl, 1);
        }
        store(p, 0, 9, NEW_MACS, 12);
        return p.load(Size.WORD, 1, 9, TO_INTERFACE)
                .set(2, INGRESS)
                .call(REDIRECT)
                .exit()
                .label("shot") // half rewritten
                .set(0, TrafficProgram.SHOT)
                .exit()
                .label("pass")
                .set(0, TrafficProgram.OK)
                .exit();
    }

    private static void checksum(BpfAssembler p, int helper, int at, int oldAt, int newAt, int flags) {
        p.move(1, 6)
                .set(2, at)
                .load(Size.WORD, 3, 10, oldAt)
                .load(Size.WORD, 4, 9, newAt)
                .set(5, flags)
                .call(helper)
                .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
    }

    private static void store(BpfAssembler p, int at, int base, int from, int bytes) {
        p.move(1, 6)
                .set(2, at)
                .move(3, base)
                .add(3, from)
                .set(4, bytes)
                .set(5, 0)
                .call(STORE_BYTES)
                .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
    }

    @Override
    public void close() {
        programs.forEach(TrafficProgram::close);
        flows.close();
        generations.close();
    }
}
