// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.DatagramBatch;
import io.sojourn.linux.PeerAddress;
import io.sojourn.linux.Poller;
import io.sojourn.linux.UdpSocket;
import io.sojourn.seal.SealFormat;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * The underlay side: one UDP socket, a batch being received and a batch being filled.
 *
 * <p>A frame that is to leave is built, or read from a tap, straight into the slot that will be sent: its place is
 * {@link #frameAt}, with headroom for a mechanism's header before it.
 *
 * <p>Order: datagrams leave in the order of the calls. Ownership: a slot belongs to the caller until it is sent or abandoned
 * by simply not sending it. Locking: none, the forwarder's thread only.
 */
final class WanPort implements AutoCloseable {
    private static final int SLOTS = 64;
    /** A 9000-byte frame, its Ethernet header and our headroom. */
    static final int SLOT_BYTES = 9216;

    static final int HEADROOM = 64;
    /** How long a full socket is waited for before what is in the batch is given up, counted. */
    private static final long STALL_BOUND_NS = 5_000_000;

    private final UdpSocket socket;
    private final Counters counters;
    private final DatagramBatch in = new DatagramBatch(SLOTS, SLOT_BYTES);
    private final DatagramBatch out = new DatagramBatch(SLOTS, SLOT_BYTES);
    private final Poller writable;
    private int filled;
    private @Nullable Sealing sealing;

    private WanPort(UdpSocket socket, Counters counters) {
        this.socket = socket;
        this.counters = counters;
        this.writable = new Poller(socket.fd());
        writable.interest(0, false, true);
        out.headroom(HEADROOM);
        in.headroom(0);
    }

    static WanPort bind(InetSocketAddress address, Counters counters) {
        UdpSocket socket = UdpSocket.bind(address);
        // Outer packets are never fragmented: too big is found out and told to the guest instead (RFC 4821 spirit).
        socket.dontFragment(true);
        return new WanPort(socket, counters);
    }

    /** From now on datagrams leave sealed, except to peers that are plain. */
    void sealWith(Sealing s) {
        sealing = s;
    }

    /** Something is being said about a handoff: what costs the forwarder time is put off, if it can be. */
    void handoffUnderWay() {
        if (sealing != null) {
            sealing.handoffUnderWay();
        }
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

    DatagramBatch in() {
        return in;
    }

    /** The memory in which outgoing frames are built. */
    MemorySegment frames() {
        return out.slab();
    }

    /** Where the next outgoing frame belongs. */
    long frameAt() {
        return out.slotOffset(filled) + HEADROOM;
    }

    /** Room for the next outgoing frame. */
    static int frameBytes() {
        return SLOT_BYTES - HEADROOM - SealFormat.OVERHEAD_BYTES;
    }

    /** Sends the frame that stands at {@link #frameAt}, in VXLAN framing. */
    void sendFrame(Peer peer, int frameLength, int vni, long epoch) {
        Vxlan.write(out.slab(), frameAt() - Vxlan.HEADER_BYTES, vni, epoch);
        out.start(filled, HEADROOM - Vxlan.HEADER_BYTES);
        out.length(filled, frameLength + Vxlan.HEADER_BYTES);
        commit(peer);
        counters.add(Kind.WAN_OUT);
    }

    /** Copies a frame in and sends it. */
    void sendCopy(Peer peer, MemorySegment from, long at, int frameLength, int vni, long epoch) {
        MemorySegment.copy(from, at, out.slab(), frameAt(), frameLength);
        sendFrame(peer, frameLength, vni, epoch);
    }

    /** Sends what the caller has built at {@link #frameAt} as it stands: a datagram of Sojourn's own. */
    void sendBuilt(Peer peer, int length) {
        out.start(filled, HEADROOM);
        out.length(filled, length);
        commit(peer);
    }

    void sendBytes(Peer peer, byte[] datagram) {
        MemorySegment.copy(datagram, 0, out.slab(), ValueLayout.JAVA_BYTE, frameAt(), datagram.length);
        sendBuilt(peer, datagram.length);
    }

    /** Sends octets as they are: the seal's own handshakes. */
    void sendRaw(PeerAddress to, byte[] datagram) {
        MemorySegment.copy(datagram, 0, out.slab(), ValueLayout.JAVA_BYTE, frameAt(), datagram.length);
        out.start(filled, HEADROOM);
        out.length(filled, datagram.length);
        commit(to);
    }

    private void commit(Peer to) {
        if (to.plain || sealing != null && sealing.seal(to, out, filled)) {
            commit(to.address);
        } else {
            counters.drop(DropReason.NO_SESSION);
        }
    }

    private void commit(PeerAddress to) {
        out.setPeer(filled, to);
        if (++filled == SLOTS) {
            flush();
        }
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
    }

    @Override
    public void close() {
        socket.close();
        writable.close();
        in.close();
        out.close();
    }
}
