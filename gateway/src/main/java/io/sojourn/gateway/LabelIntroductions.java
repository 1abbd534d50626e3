// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.label.Boundary.Introduction;
import io.sojourn.label.Place;
import io.sojourn.label.Segment;
import io.sojourn.label.Token;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.SojournDatagram;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Labels for connections whose SYN no boundary saw, as both ends were on one LAN, or a gateway has been started anew. Two gateways of a realm agree on one by the sealed port, the one whose host has the lower address
 * begins; until then such a connection goes by the overlay. What was set up plainly between them is given a label so when it can be of use. Forwarder's thread.
 *
 * <pre>
 *   {@link KeyedDatagrams} of type 15 | kind: 2 INTRODUCE, 3 ACCEPT, with the number of what it accepts
 *   | body: VNI (32) | token (96) | family 4 or 6 (8) | own, peer, place of the sender's end: each an address (32 or 128) and a port (16)
 * </pre>
 */
final class LabelIntroductions {
    private static final int INTRODUCE = 2;
    private static final int ACCEPT = 3;
    /** One packet of those that go by the overlay is looked at in so long. */
    private static final long LOOK_NS = TimeUnit.MILLISECONDS.toNanos(20);
    /** By then what was known of a VM's connections has come. */
    private static final long SETTLED_NS = TimeUnit.SECONDS.toNanos(2);

    private static final int PENDING_MOST = 256;

    private record Said(Peer to, byte[] datagram) {}

    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;
    private final LabelPath path;
    private final KeyedDatagrams datagrams;
    private final Map<Long, Introduction> pending = new LinkedHashMap<>();
    private final ArrayDeque<Said> toSend = new ArrayDeque<>();
    private long number = WallClock.nowUs();
    private long lookedNs;

    LabelIntroductions(ForwardingTable table, WanPort wan, Counters counters, LabelPath path) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
        this.path = path;
        this.datagrams = new KeyedDatagrams(SojournDatagram.LABEL_CONTROL, table, counters);
    }

    void key(byte[] key) {
        datagrams.key(key);
    }

    /** A segment between members goes by the overlay. */
    void unknown(Peer peer, VirtualNetwork network, Segment segment) {
        long now = System.nanoTime();
        if (now - lookedNs < LOOK_NS || segment.isSyn() || !datagrams.hasKey()) {
            return;
        }
        lookedNs = now;
        Place own = segment.source();
        Place other = segment.destination();
        if (own.compareTo(other) > 0 || !isSettled(network, own, now) || !isSettled(network, other, now)) {
            return;
        }
        Optional<IpAddress> at = path.placeOf(own.address());
        if (at.isEmpty()) {
            return;
        }
        Introduction ours = path.boundary().introduction(own, other, at.get());
        pending.put(++number, ours);
        if (pending.size() > PENDING_MOST) {
            pending.remove(pending.keySet().iterator().next());
        }
        // Where it would be built now the segment stands.
        toSend.add(new Said(peer, datagrams.write(INTRODUCE, number, body(network.vni, ours))));
        path.hurry();
    }

    /** Sends what was put off. */
    void tick() {
        for (Said said = toSend.poll(); said != null; said = toSend.poll()) {
            wan.sendBytes(said.to(), said.datagram());
        }
    }

    private static boolean isSettled(VirtualNetwork network, Place end, long nowNs) {
        IpAddress a = end.address();
        VmEntry vm = network.vmByAddress.get(a.isV6(), a.high(), a.low());
        return vm == null || !vm.onMove && (vm.movedNs == 0 || nowNs - vm.movedNs > SETTLED_NS);
    }

    private static byte[] body(int vni, Introduction said) {
        boolean v6 = said.own().address().isV6();
        ByteBuffer out = ByteBuffer.allocate(4 + 12 + 1 + 3 * ((v6 ? 16 : 4) + 2));
        out.putInt(vni).putLong(said.token().high()).putInt(said.token().low()).put((byte) (v6 ? 6 : 4));
        for (Place place : new Place[] {said.own(), said.peer(), said.place()}) {
            out.put(place.address().toBytes()).putShort((short) place.port());
        }
        return out.array();
    }

    void heard(Peer from, KeyedDatagrams.Heard heard) {
        try {
            ByteBuffer in = heard.body();
            VirtualNetwork network = table.network(in.getInt());
            Token token = new Token(in.getLong(), in.getInt());
            int bytes = in.get() == 6 ? 16 : 4;
            Introduction theirs = new Introduction(place(in, bytes), place(in, bytes), place(in, bytes), token);
            if (network == null || network.label == null || !mayIntroduce(from, network, network.label, theirs)) {
                counters.drop(DropReason.SPOOFED);
            } else if (heard.kind() == INTRODUCE) {
                introduced(from, network, heard.number(), theirs);
            } else if (heard.kind() == ACCEPT) {
                Introduction ours = pending.remove(heard.number());
                if (ours != null
                        && ours.own().equals(theirs.peer())
                        && ours.peer().equals(theirs.own())) {
                    path.boundary().accepted(ours, theirs, LabelPath.nowMs());
                }
            } else {
                counters.drop(DropReason.MALFORMED_CONTROL);
            }
        } catch (BufferUnderflowException e) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        }
    }

    private static Place place(ByteBuffer in, int bytes) {
        byte[] address = new byte[bytes];
        in.get(address);
        return new Place(IpAddress.of(address), in.getShort() & 0xFFFF);
    }

    /** Whoever speaks for an end must be where it is, and name a place of his own. */
    private static boolean mayIntroduce(Peer from, VirtualNetwork network, LabelNetwork here, Introduction theirs) {
        IpAddress own = theirs.own().address();
        IpAddress place = theirs.place().address();
        VmEntry vm = network.vmByAddress.get(own.isV6(), own.high(), own.low());
        boolean speaks =
                vm == null ? here.peerAt(own.isV6(), own.high(), own.low()) == from : vm.gateway.equals(from.id);
        return speaks && here.peerAt(place.isV6(), place.high(), place.low()) == from;
    }

    private void introduced(Peer from, VirtualNetwork network, long which, Introduction theirs) {
        IpAddress own = theirs.peer().address();
        VmEntry vm = network.vmByAddress.get(own.isV6(), own.high(), own.low());
        if (vm != null && !vm.gateway.equals(table.self())) {
            return;
        }
        path.placeOf(own)
                .flatMap(at -> path.boundary().introduced(theirs, at, LabelPath.nowMs()))
                .ifPresent(ours -> wan.sendBytes(from, datagrams.write(ACCEPT, which, body(network.vni, ours))));
    }
}
