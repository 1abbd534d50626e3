// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.DatagramBatch;
import io.sojourn.linux.PeerAddress;
import io.sojourn.linux.Poller;
import io.sojourn.linux.UdpSocket;
import io.sojourn.mechanism.Mechanism;
import io.sojourn.mechanism.Segment;
import io.sojourn.seal.SealFormat;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.RelayDatagram;
import io.sojourn.wire.SplitDatagram;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The underlay side: one UDP socket, a batch being received and a batch being filled.
 *
 * <p>A frame that is to leave is built, or read from a tap, straight into the memory it is sent from: its place is
 * {@link #frameAt}, with headroom for a mechanism's header before it. Of several segments the payload stays where it is, and each
 * gets headers behind it:
 *
 * <pre>
 *   slab  | sent at next flush ... | headroom | frame or whole, as read | headroom | headers 0 | headroom | headers 1 | ... free
 *                                             ^ frameAt                            '- tail: a piece of the payload
 * </pre>
 *
 * Several may be read before the first is sent, each behind the other's {@link #behind end}: while they are {@link #reserve reserved}, what is built
 * is built behind them.
 *
 * <p>Order: datagrams leave in the order of the calls. Ownership: the place belongs to the caller until it is sent or abandoned
 * by simply not sending it; a run's payload must stay until {@link #flush}. Locking: none, the forwarder's thread only.
 */
final class WanPort implements AutoCloseable {
    private static final int SLOTS = 16;
    private static final int DATAGRAMS = 512;
    /** Little enough to stay in a processor's cache between being read and being sent. */
    private static final int SLAB_BYTES = 512 << 10;
    /** The longest frame a tap hands over: an IP packet of 65,535 octets. */
    private static final int FRAME_BYTES = (1 << 16) + 64;

    static final int HEADROOM = 64;
    /** Free at {@link #frameAt} at least: a whole frame, and behind it its segments' headers, or its segments sealed. */
    private static final int ROOM = HEADROOM + FRAME_BYTES + (112 << 10);

    /** Frames that may be read before the first of them is sent, and how long all but the last may be. */
    static final int AHEAD = 16;

    static final int AHEAD_BYTES = 2048;
    private static final int AHEAD_ROOM = AHEAD * (AHEAD_BYTES + 3 * HEADROOM);

    private static final int DATAGRAMS_FREE = FrameRun.COLLECTED_MAX;
    private static final int HEADERS_FREE = 4 << 10;
    private static final int ALIGN = 64;
    /** How long a full socket is waited for before what is in the batch is given up, counted. */
    private static final long STALL_BOUND_NS = 5_000_000;

    private final UdpSocket socket;
    private final Mechanism mechanism;
    private final Counters counters;
    private final DatagramBatch in = DatagramBatch.merged(SLOTS);
    private final DatagramBatch out = DatagramBatch.packed(DATAGRAMS, SLAB_BYTES);
    private final Poller writable;
    private boolean alone;
    private int filled;
    /** Where the next datagram's headroom begins, and where that is after a flush. */
    private long next;

    private long floor;
    private @Nullable Sealing sealing;
    private Bypass[] bypasses = {};
    /** One for each depth of sendings within sendings. */
    private final FrameRun[] built = {new FrameRun(), new FrameRun(), new FrameRun(), new FrameRun()};

    private int depth;
    private Witness witness = new Witness();
    private final MemorySegment aside = Arena.ofAuto().allocate(SplitDatagram.WHOLE_MAX_BYTES);

    private WanPort(UdpSocket socket, Mechanism mechanism, Counters counters) {
        this.socket = socket;
        this.mechanism = mechanism;
        this.counters = counters;
        this.writable = new Poller(socket.fd());
        writable.interest(0, false, true);
    }

    static WanPort bind(InetSocketAddress address, Mechanism mechanism, Counters counters) {
        UdpSocket socket = UdpSocket.bind(address);
        // Outer packets are never fragmented: too big is found out and told to the guest instead (RFC 4821 spirit).
        socket.dontFragment(true);
        socket.joinSent(true);
        socket.mergeReceived(true);
        return new WanPort(socket, mechanism, counters);
    }

    /** From now on datagrams leave sealed, except to peers that are plain. */
    void sealWith(Sealing s) {
        sealing = s;
    }

    void watchedBy(Witness w) {
        witness = w;
    }

    /** From now on packets that the way carries go by it. */
    void bypassedBy(Bypass way) {
        bypasses = Arrays.copyOf(bypasses, bypasses.length + 1);
        bypasses[bypasses.length - 1] = way;
    }

    /** The largest inner IP packet of that kind that reaches the peer in one piece; the Ethernet frame stands at {@code at}. */
    int innerMtuBytes(Peer peer, VirtualNetwork network, MemorySegment s, long at) {
        Bypass way = bypass(peer, network, s, at);
        return way == null ? PathFit.innerMtuBytes(peer, network) : Math.min(network.mtuBytes, way.mtuBytes(peer));
    }

    /** Hands a run as it is to the host's own routing: it is for somebody who has no gateway. */
    void sendUnderlay(FrameRun run) {
        for (Bypass way : bypasses) {
            if (way.sendUnderlay(run)) {
                return;
            }
        }
        for (int i = 0; i < run.count(); i++) {
            counters.drop(DropReason.NO_ROUTE);
        }
    }

    /** The way beside the overlay by which that packet would go; null: by the overlay. */
    @Nullable
    Bypass bypass(Peer peer, VirtualNetwork network, MemorySegment s, long at) {
        for (Bypass way : bypasses) {
            if (way.carries(peer, network, s, at)) {
                return way;
            }
        }
        return null;
    }

    /** Something is being said about a handoff: what costs the forwarder time is put off, if it can be. */
    void handoffUnderWay() {
        if (sealing != null) {
            sealing.handoffUnderWay();
        }
    }

    /** Whether datagrams to one peer are handed to the kernel as one (UDP_SEGMENT). */
    void joinSent(boolean join) {
        socket.joinSent(join);
    }

    /** Whether the kernel may hand over datagrams of one peer as one (UDP_GRO). */
    void mergeReceived(boolean merge) {
        socket.mergeReceived(merge);
    }

    InetSocketAddress localAddress() {
        return socket.localAddress();
    }

    int fd() {
        return socket.fd();
    }

    /** Fills {@link #in}; the number of datagrams, 0 when there is none. */
    int receive() {
        int n = socket.receive(in);
        return Math.max(n, 0);
    }

    /** The last {@link #receive} got as much as it asked for. */
    boolean mayHaveMore() {
        return in.isFull();
    }

    DatagramBatch in() {
        return in;
    }

    /** The memory in which outgoing frames are built. */
    MemorySegment frames() {
        return out.slab();
    }

    /** Where the next outgoing frame belongs. */
    long frameAt() {
        return next + HEADROOM;
    }

    /** The same, with room for {@link #AHEAD} frames. */
    long aheadAt() {
        if (SLAB_BYTES - next < ROOM + AHEAD_ROOM) {
            flush();
        }
        return frameAt();
    }

    /** Where a frame belongs that is read behind another. */
    static long behind(long frameAt, int frameLength) {
        return aligned(frameAt + frameLength + HEADROOM) + HEADROOM;
    }

    /** What stands before {@code end} stays as it is until {@link #release}. */
    void reserve(long end) {
        next = end - HEADROOM;
        floor = next;
    }

    void release() {
        floor = 0;
    }

    /** Room for the next outgoing frame. */
    static int frameBytes() {
        return FRAME_BYTES;
    }

    /** Sends the frame that stands at {@link #frameAt}, whole and with its checksums. */
    void sendFrame(Peer peer, int frameLength, int vni, long epoch) {
        send(peer, whole(frameLength), vni, epoch, false);
    }

    private void sendFrame(
            Peer peer, long from, int frameLength, int vni, long epoch, boolean partialChecksum, boolean passedOn) {
        witness.toWan(peer, vni, epoch, out.slab(), from, frameLength, 1);
        long at = mechanism.encapsulate(out.slab(), from, vni, epoch, partialChecksum, passedOn);
        int headerBytes = (int) (from - at);
        put(from - HEADROOM, HEADROOM - headerBytes, frameLength + headerBytes);
        send(peer);
        makeRoom();
        counters.add(Kind.WAN_OUT);
    }

    /** Copies in a frame that others have sent and passes it on; it is whole and has its checksums. */
    void sendCopy(Peer peer, MemorySegment from, long at, int frameLength, int vni, long epoch) {
        MemorySegment.copy(from, at, out.slab(), frameAt(), frameLength);
        send(peer, whole(frameLength), vni, epoch, true);
    }

    /** Sends a run, which may stand at {@link #frameAt}, among those that are reserved, or in other memory. */
    void send(Peer peer, FrameRun run, int vni, long epoch) {
        send(peer, run, vni, epoch, false);
    }

    /** The same with a run that has come from another gateway. */
    void passOn(Peer peer, FrameRun run, int vni, long epoch) {
        send(peer, run, vni, epoch, true);
    }

    private void send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn) {
        boolean inPlace = run.memory().equals(out.slab());
        if (bypassed(peer, run, vni, epoch, passedOn, inPlace)) {
            return;
        }
        if (run.count() == 1) {
            long from = inPlace ? run.frameAt() : frameAt();
            if (!inPlace) {
                MemorySegment.copy(run.memory(), run.frameAt(), out.slab(), from, run.frameLength());
            }
            sendFrame(peer, from, run.frameLength(), vni, epoch, run.isPartial(), passedOn);
            return;
        }
        witness.toWan(peer, vni, epoch, run.memory(), run.frameAt(), run.frameLength(), run.count());
        long before = floor;
        if (inPlace) {
            next = Math.max(next, aligned(run.frameAt() + run.frameLength()));
            floor = next; // a flush on the way must leave the payload alone
        }
        boolean goesOn = false;
        for (int i = 0; i < run.count(); i++) {
            if (goesOn) {
                // Sealed, it begins where the one before it ends: the kernel takes them as one piece.
                long end = out.offset(filled - 1) + out.length(filled - 1);
                next = end + SealFormat.TRANSPORT_HEADER_BYTES + mechanism.headroomBytes() - HEADROOM;
            }
            int headerBytes = run.writeHeader(i, out.slab(), frameAt());
            long at = mechanism.encapsulate(out.slab(), frameAt(), vni, epoch, true, passedOn);
            int added = (int) (frameAt() - at);
            boolean fits = headerBytes + added + run.pieceLength(i) + peer.outerHeaderBytes() <= peer.underlayMtuBytes;
            if (peer.plain && fits) {
                put(next, HEADROOM - added, headerBytes + added);
                out.tail(filled, run.memory(), run.pieceAt(i), run.pieceLength(i));
            } else {
                // A cipher reads what it seals in one piece.
                int length = run.pieceLength(i);
                MemorySegment.copy(run.memory(), run.pieceAt(i), out.slab(), frameAt() + headerBytes, length);
                put(next, HEADROOM - added, headerBytes + added + length);
            }
            int queued = filled;
            send(peer);
            goesOn = !peer.plain && peer.via == null && filled == queued + 1;
        }
        floor = before;
        makeRoom();
        counters.add(Kind.WAN_OUT, run.count());
    }

    /** Asks the ways beside the overlay. What one of them sends meanwhile, such as a message to a peer, is built behind a run that stands here. */
    private boolean bypassed(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn, boolean inPlace) {
        if (bypasses.length == 0) {
            return false;
        }
        long place = next;
        long before = floor;
        int queued = filled;
        if (inPlace) {
            next = Math.max(next, aligned(run.frameAt() + run.frameLength()));
            floor = next;
        }
        long behind = next;
        depth++;
        try {
            for (Bypass way : bypasses) {
                if (way.send(peer, run, vni, epoch, passedOn)) {
                    return true;
                }
            }
            return false;
        } finally {
            depth--;
            floor = before;
            if (next == behind && filled == queued) {
                next = place;
            } else {
                makeRoom();
            }
        }
    }

    /** Describes a whole frame with its checksums. A run that is being looked at keeps its description, whatever is sent meanwhile. */
    private FrameRun whole(int frameLength) {
        return built[Math.min(depth, built.length - 1)].frame(out.slab(), frameAt(), frameLength, false);
    }

    /**
     * Sends a run in the open by another mechanism than the overlay, each frame of it complete.
     *
     * @param outerVni what the mechanism is to write
     * @param vni of the network
     */
    void sendPlain(Peer peer, FrameRun run, Mechanism by, int outerVni, int vni, long epoch, boolean passedOn) {
        witness.toWan(peer, vni, epoch, run.memory(), run.frameAt(), run.frameLength(), run.count());
        boolean inPlace = run.memory().equals(out.slab());
        long before = floor;
        if (inPlace && run.count() == 1 && !run.isPartial()) {
            plain(peer, by, run.frameAt(), run.frameLength(), outerVni, epoch, passedOn);
        } else {
            if (inPlace) {
                next = Math.max(next, aligned(run.frameAt() + run.frameLength()));
                floor = next; // a flush on the way must leave the run alone
            }
            for (int i = 0; i < run.count(); i++) {
                int length = run.copySegment(i, out.slab(), frameAt());
                plain(peer, by, frameAt(), length, outerVni, epoch, passedOn);
            }
        }
        floor = before;
        makeRoom();
        counters.add(Kind.WAN_OUT, run.count());
    }

    /** Sends a run in VXLAN to somebody who is no gateway, its frames as they are, but complete. */
    void sendToEdge(PeerAddress to, FrameRun run, int outerVni) {
        long before = floor;
        if (run.memory().equals(out.slab())) {
            next = Math.max(next, aligned(run.frameAt() + run.frameLength()));
            floor = next;
        }
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, out.slab(), frameAt());
            Segment.header(out.slab(), frameAt(), outerVni);
            put(next, HEADROOM - Vxlan.HEADER_BYTES, length + Vxlan.HEADER_BYTES);
            commit(to);
        }
        floor = before;
        makeRoom();
        counters.add(Kind.WAN_OUT, run.count());
    }

    private void plain(
            Peer peer, Mechanism by, long from, int frameLength, int outerVni, long epoch, boolean passedOn) {
        int added = (int) (from - by.encapsulate(out.slab(), from, outerVni, epoch, false, passedOn));
        put(from - HEADROOM, HEADROOM - added, frameLength + added);
        commit(peer);
    }

    /** Sends what the caller has built at {@link #frameAt} as it stands: a datagram of Sojourn's own. */
    void sendBuilt(Peer peer, int length) {
        put(next, HEADROOM, length);
        send(peer);
        makeRoom();
    }

    /** The same, in a message of its own: it may be too big, and must not take others with it. */
    void sendAlone(Peer peer, int length) {
        put(next, HEADROOM, length);
        alone = true;
        send(peer);
        alone = false;
        makeRoom();
    }

    void sendBytes(Peer peer, byte[] datagram) {
        MemorySegment.copy(datagram, 0, out.slab(), ValueLayout.JAVA_BYTE, frameAt(), datagram.length);
        sendBuilt(peer, datagram.length);
    }

    /** Sends octets as they are: the seal's own handshakes. */
    void sendRaw(PeerAddress to, byte[] datagram) {
        MemorySegment.copy(datagram, 0, out.slab(), ValueLayout.JAVA_BYTE, frameAt(), datagram.length);
        put(next, HEADROOM, datagram.length);
        commit(to);
        makeRoom();
    }

    private void put(long place, int start, int length) {
        out.place(filled, place);
        out.start(filled, start);
        out.length(filled, length);
    }

    private void send(Peer to) {
        if (out.length(filled) + to.outerHeaderBytes() > to.underlayMtuBytes && !alone) {
            split(to);
        } else {
            sendWhole(to);
        }
    }

    /** What cannot be shorter goes in halves. */
    private void split(Peer to) {
        int length = out.length(filled);
        int first = SplitDatagram.HEADER_BYTES + SplitDatagram.halfBytes(length, 0);
        if (length > SplitDatagram.WHOLE_MAX_BYTES || first + to.outerHeaderBytes() > to.underlayMtuBytes) {
            counters.drop(DropReason.TOO_BIG);
            return;
        }
        MemorySegment.copy(out.slab(), out.offset(filled), aside, 0, length);
        to.splitNumber = to.splitNumber + 1 & 0xFFFF;
        for (int half = 0; half < 2; half++) {
            put(next, HEADROOM, SplitDatagram.write(out.slab(), frameAt(), aside, 0, length, to.splitNumber, half));
            sendWhole(to);
        }
        counters.add(Kind.SPLIT);
    }

    private void sendWhole(Peer to) {
        Peer via = to.via;
        if (!to.plain && (sealing == null || !sealing.seal(to, out, filled))) {
            counters.drop(DropReason.NO_SESSION);
        } else if (via == null) {
            commit(to);
        } else {
            sendBy(via, to);
        }
    }

    /** The sealed datagram goes into one for the relay. */
    private void sendBy(Peer via, Peer to) {
        out.start(filled, out.start(filled) - RelayDatagram.TO_HEADER_BYTES);
        out.length(filled, out.length(filled) + RelayDatagram.TO_HEADER_BYTES);
        RelayDatagram.writeTo(out.slab(), out.offset(filled), to.number);
        if (sealing != null && sealing.seal(via, out, filled)) {
            commit(via);
        } else {
            counters.drop(DropReason.NO_SESSION);
        }
    }

    /** Sends what the caller has built straight there, whatever way the peer's datagrams take, and in a message of its own. */
    void sendDirect(Peer peer, PeerAddress to, int length) {
        put(next, HEADROOM, length);
        if (sealing != null && sealing.seal(peer, out, filled)) {
            alone = true;
            commit(to);
            alone = false;
        } else {
            counters.drop(DropReason.NO_SESSION);
        }
        makeRoom();
    }

    /** Sends octets to a peer as they are, by way of a relay. */
    void sendRawBy(Peer via, Peer to, byte[] datagram) {
        RelayDatagram.writeTo(out.slab(), frameAt(), to.number);
        long at = frameAt() + RelayDatagram.TO_HEADER_BYTES;
        MemorySegment.copy(datagram, 0, out.slab(), ValueLayout.JAVA_BYTE, at, datagram.length);
        sendBuilt(via, RelayDatagram.TO_HEADER_BYTES + datagram.length);
    }

    private void commit(Peer to) {
        if (to.singlyUntilNs != 0) {
            out.alone(filled);
        }
        commit(to.address);
    }

    private void commit(PeerAddress to) {
        if (alone) {
            out.alone(filled); // sealing has set its length anew
        }
        out.setPeer(filled, to);
        advance();
    }

    private void advance() {
        next = Math.max(next, aligned(out.offset(filled) + out.length(filled)));
        if (++filled == DATAGRAMS || SLAB_BYTES - next < HEADERS_FREE) {
            flush();
        }
    }

    private void makeRoom() {
        if (SLAB_BYTES - next < ROOM || DATAGRAMS - filled < DATAGRAMS_FREE) {
            flush();
        }
    }

    private static long aligned(long at) {
        return at + ALIGN - 1 & -ALIGN;
    }

    /** Hands everything to the kernel. A socket that stays full loses the rest, counted: the underlay is slower than its own queue. */
    void flush() {
        int sent = 0;
        long stalledSince = 0;
        while (sent < filled) {
            int n = socket.send(out, sent, filled - sent);
            if (n > 0) {
                sent += n;
                continue;
            }
            counters.add(Kind.SEND_STALLED);
            long now = System.nanoTime();
            if (stalledSince == 0) {
                stalledSince = now;
            } else if (now - stalledSince > STALL_BOUND_NS) {
                for (; sent < filled; sent++) {
                    counters.drop(DropReason.SOCKET_FULL);
                }
                break;
            }
            writable.poll(STALL_BOUND_NS);
        }
        filled = 0;
        next = floor;
    }

    @Override
    public void close() {
        socket.close();
        writable.close();
        in.close();
        out.close();
    }
}
