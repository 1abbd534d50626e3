// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.PageTable.Member;
import io.sojourn.mechanism.Page;
import io.sojourn.wire.AddressRewriter;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Packets of paged VMs between gateways: as they are, but for their addresses. Out: 1 who are they from and to, and is the one in question paged; 2 put both addresses, and
 * those of a quoted packet, into the pages of this gateway and of the peer; 3 give it to the underlay's own routing. In: the same backwards, and on into
 * {@link Outside} as if it had come from the peer whose page the source is in. What the page addresses of one packet cannot say goes by the overlay.
 *
 * <p>Super-frames pass whole: nothing is cut, and no payload is touched. Order: as called, and nothing waits here; what came before a signal is seen to before the signal
 * ({@link UnderlayPort#drain}). Ownership: frames are rewritten where they stand. Locking: forwarder's thread.
 */
final class PagePath implements Bypass {
    private final ForwardingTable table;
    private final PageTable pages;
    private final UnderlayPort underlay;
    private final Outside outside;
    private final Counters counters;
    private final PageTable.Outwards outwards;
    private final PageTable.Inwards inwards;
    private final AddressRewriter rewriteOut;
    private final AddressRewriter rewriteIn;
    private final ParsedFrame f = new ParsedFrame();
    private final FrameRun one = new FrameRun();
    private final FrameRun arriving = new FrameRun();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes(), 64);
    private Witness witness = new Witness();
    private @Nullable Mappings mappings;
    private @Nullable KernelPath kernelPath;

    /** The last packet that was asked about: bulk has the same addresses many times over. */
    private @Nullable VirtualNetwork lastNetwork;

    private boolean lastV6;
    private long lastSourceHigh;
    private long lastSourceLow;
    private long lastDestinationHigh;
    private long lastDestinationLow;
    private @Nullable Member lastSource;
    private @Nullable Member lastDestination;

    PagePath(ForwardingTable table, PageTable pages, PagePort.Opened port, Outside outside, Counters counters) {
        this.table = table;
        this.pages = pages;
        this.underlay = new UnderlayPort(port, f, counters, this::take);
        this.outside = outside;
        this.counters = counters;
        this.outwards = pages.new Outwards();
        this.inwards = pages.new Inwards();
        this.rewriteOut = new AddressRewriter(outwards);
        this.rewriteIn = new AddressRewriter(inwards);
    }

    void watchedBy(Witness w) {
        witness = w;
    }

    /** Streams may go by the kernel. */
    void offersTo(KernelPath kernel) {
        kernelPath = kernel;
    }

    UnderlayPort underlay() {
        return underlay;
    }

    /** The forwarding table has changed. */
    void tableChanged() {
        lastNetwork = null;
        pages.rebuild(table);
        Mappings known = mappings;
        if (known != null) {
            known.tableChanged();
        }
    }

    /** MAT's control, from now on. */
    void mappedBy(Mappings known) {
        mappings = known;
        pages.mappedBy(known);
    }

    // --- out

    @Override
    public boolean carries(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt) {
        int type = Ethernet.type(s, frameAt);
        long ip = frameAt + Ethernet.HEADER_BYTES;
        boolean v6 = type == EtherType.IPV6;
        if (!v6 && type != EtherType.IPV4 || !bothHaveAPage(peer, v6)) {
            return false;
        }
        find(
                network,
                v6,
                v6 ? Ipv6.sourceHigh(s, ip) : 0,
                v6 ? Ipv6.sourceLow(s, ip) : Ipv4.source(s, ip),
                v6 ? Ipv6.destinationHigh(s, ip) : 0,
                v6 ? Ipv6.destinationLow(s, ip) : Ipv4.destination(s, ip));
        Member source = lastSource;
        Member destination = lastDestination;
        if (source == null || destination == null) {
            return false;
        }
        VmEntry vm = destination.vm() == null ? source.vm() : destination.vm();
        return vm == null
                ? network.isMat() && isMapped(destination, peer)
                : vm.isPaged(network) || vm.isMat(network) && isMapped(destination, peer);
    }

    private static boolean isMapped(Member destination, Peer peer) {
        Mappings.Mapping mapping = destination.mapping();
        return mapping != null && mapping.leadsTo(peer);
    }

    /** Of the peer's uplinks the one that its mapping prefers. */
    private static Page pageTo(Peer peer, Member destination) {
        Mappings.Mapping mapping = destination.mapping();
        Page mapped = mapping == null ? null : mapping.page(peer);
        return mapped == null ? peer.page : mapped;
    }

    private boolean bothHaveAPage(Peer peer, boolean v6) {
        return v6
                ? peer.page.v6().isPresent() && pages.own().v6().isPresent()
                : peer.page.v4().isPresent() && pages.own().v4().isPresent();
    }

    private void find(
            VirtualNetwork network,
            boolean v6,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow) {
        if (network == lastNetwork
                && v6 == lastV6
                && sourceLow == lastSourceLow
                && destinationLow == lastDestinationLow
                && sourceHigh == lastSourceHigh
                && destinationHigh == lastDestinationHigh) {
            return;
        }
        lastNetwork = network;
        lastV6 = v6;
        lastSourceHigh = sourceHigh;
        lastSourceLow = sourceLow;
        lastDestinationHigh = destinationHigh;
        lastDestinationLow = destinationLow;
        lastSource = pages.member(network, v6, sourceHigh, sourceLow);
        lastDestination = pages.member(network, v6, destinationHigh, destinationLow);
    }

    @Override
    public String explain(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt, long epoch) {
        if (!carries(peer, network, s, frameAt) || lastSource == null || lastDestination == null) {
            return "";
        }
        Member source = lastSource;
        Member destination = lastDestination;
        outwards.set(
                source, destination, lastDestinationHigh, lastDestinationLow, pageTo(peer, destination), epoch, false);
        Mappings.Mapping mapping = destination.mapping();
        VmEntry vm = destination.vm() == null ? source.vm() : destination.vm();
        String by = mapping != null && (vm == null ? network.isMat() : vm.isMat(network))
                ? "mat: " + mapping.shown() + "; "
                : "paging: ";
        return by + "natively, rewritten in place to "
                + outwards.shown(lastV6, lastSourceHigh, lastSourceLow) + " > "
                + outwards.shown(lastV6, lastDestinationHigh, lastDestinationLow) + ", by the host's own routing";
    }

    @Override
    public int mtuBytes(Peer peer) {
        return peer.underlayMtuBytes;
    }

    /** It is rewritten where it stands. */
    @Override
    public boolean send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn) {
        VirtualNetwork network = table.network(vni);
        if (network == null || !carries(peer, network, run.memory(), run.frameAt())) {
            return false;
        }
        Member source = lastSource;
        Member destination = lastDestination;
        if (source == null || destination == null) {
            return false;
        }
        witness.toWanBeside(peer, vni, epoch, run.memory(), run.frameAt(), run.frameLength(), run.count());
        outwards.set(
                source,
                destination,
                lastDestinationHigh,
                lastDestinationLow,
                pageTo(peer, destination),
                epoch,
                passedOn);
        if (run.isInOnePiece()) {
            write(run);
        } else {
            for (int i = 0; i < run.count(); i++) {
                write(one.frame(scratch, 0, run.copySegment(i, scratch, 0), false));
            }
        }
        counters.add(Kind.NATIVE_OUT, run.count());
        return true;
    }

    @Override
    public boolean sendUnderlay(FrameRun run) {
        underlay.sendEach(run, scratch);
        return true;
    }

    private void write(FrameRun run) {
        MemorySegment s = run.memory();
        long at = run.frameAt();
        rewriteOut.rewrite(s, at + Ethernet.HEADER_BYTES, run.frameLength() - Ethernet.HEADER_BYTES, run.isPartial());
        underlay.send(run);
    }

    // --- in

    private DropReason take() {
        if (!f.isIp() || f.isMulticastDestination()) {
            return f.isIp() ? DropReason.MULTICAST : DropReason.UNKNOWN_ETHER_TYPE;
        }
        if (!inwards.find(f.isV6(), f.destinationHigh(), f.destinationLow()) || inwards.peer() != null) {
            return fromUnderlay();
        }
        Member destination = inwards.member();
        int epoch = inwards.epoch();
        boolean known = inwards.find(f.isV6(), f.sourceHigh(), f.sourceLow());
        Peer peer = known ? inwards.peer() : null;
        Member source = known ? inwards.member() : null;
        boolean passedOn = inwards.isPassedOn();
        if (destination == null
                || peer == null && !f.isIcmpError() // routers on the way speak from addresses of their own
                || source != null && source.network() != destination.network()) {
            return DropReason.UNKNOWN_PEER;
        }
        rewriteIn.rewrite(underlay.memory(), f, underlay.isPartial());
        DropReason result = arrived(peer, destination.network(), destination.mac(), epoch, passedOn);
        KernelPath kernel = kernelPath;
        if (kernel != null && f.protocol() == IpProtocol.TCP && peer != null && !passedOn && !result.isDrop()) {
            offer(kernel, destination, source);
        }
        return result;
    }

    /** It stands as it went to its station, if it did. */
    private void offer(KernelPath kernel, Member destination, @Nullable Member source) {
        VirtualNetwork network = destination.network();
        LanPort port = network.port;
        VmEntry to = destination.vm();
        VmEntry from = source == null ? null : source.vm();
        if (port == null
                || to == null && from == null
                || !KernelPath.isPlain(to, network)
                || !KernelPath.isPlain(from, network)
                || outside.isWorldUsed()) {
            return;
        }
        MemorySegment s = arriving.memory();
        long at = arriving.frameAt();
        long mac = Ethernet.destination(s, at);
        if (Ethernet.source(s, at) == LanPort.ANYCAST_MAC
                && (to != null ? to.local && mac == destination.mac() : isHost(port, s, at, mac))) {
            kernel.arrived(port, f, arriving, System.nanoTime());
        }
    }

    private static boolean isHost(LanPort port, MemorySegment s, long at, long mac) {
        long ip = at + Ethernet.HEADER_BYTES;
        return Ipv4.version(s, ip) == 4
                ? port.neighbours.isAt(false, 0, Ipv4.destination(s, ip), mac)
                : port.neighbours.isAt(true, Ipv6.destinationHigh(s, ip), Ipv6.destinationLow(s, ip), mac);
    }

    /** Plain IP for a member's home address, from somebody who has no gateway: taken if ours is the way in for him. */
    private DropReason fromUnderlay() {
        for (VirtualNetwork network : table.networks()) {
            VirtualNetwork.Subnet from = network.subnetOf(f.isV6(), f.sourceHigh(), f.sourceLow());
            Member member = from == null || !from.onUnderlay()
                    ? null
                    : pages.member(network, f.isV6(), f.destinationHigh(), f.destinationLow());
            if (member != null && member.vm() != null) {
                return arrived(null, network, member.mac(), 0, false);
            }
        }
        return DropReason.NO_PAGE;
    }

    private DropReason arrived(@Nullable Peer peer, VirtualNetwork network, long mac, int epoch, boolean passedOn) {
        if (!underlay.describe(arriving)) {
            return DropReason.BAD_TRANSPORT_LENGTH;
        }
        Ethernet.putDestination(underlay.memory(), underlay.frameAt(), mac);
        Ethernet.putSource(underlay.memory(), underlay.frameAt(), LanPort.ANYCAST_MAC);
        counters.add(Kind.NATIVE_IN, arriving.count());
        outside.arrived(peer, network, epoch, passedOn, arriving);
        return DropReason.NONE;
    }
}
