// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What a node's border knows of its correspondents, on its way to the border that the node moves to; again until that says that it has it.
 *
 * <pre>
 *   {@link KeyedDatagrams} of type 11 or 14 | kind: 1 PART, 2 HAVE | body, PART only: epoch (64) | node (64) | part (16) | of (16) | VM's name (8 + n) | octets
 * </pre>
 *
 * The number is the part's, and its answer's; later states have higher ones. The octets of all parts are what {@link
 * io.sojourn.ilnp.IlccState} writes. Forwarder's thread.
 */
final class NodeStates {
    /** Takes a whole state. */
    interface Taker {
        void take(GatewayId from, VmId vm, long nid, long epoch, byte[] state, long nowNs);
    }

    private static final int PART = 1;
    private static final int HAVE = 2;
    private static final int PART_BYTES = 1000;
    private static final int PARTS_MOST = 16_384;
    private static final int STATES_MOST = 1024;
    private static final long AGAIN_NS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final int TIMES = 30;
    private static final byte[][] NO_PARTS = {};

    private record Subject(VmId vm, long nid) {}

    private static final class Pending {
        final GatewayId to;
        final Subject subject;
        final long number;
        final byte[] body;
        long sentNs;
        int times = 1;

        Pending(GatewayId to, Subject subject, long number, byte[] body, long sentNs) {
            this.to = to;
            this.subject = subject;
            this.number = number;
            this.body = body;
            this.sentNs = sentNs;
        }
    }

    /** Parts of the latest state of a node that have come: of the latest move, as numbers are the sender's, and another move has another one. */
    private static final class Incoming {
        long epoch;
        long first;
        byte[][] parts = NO_PARTS;
        int missing;

        boolean isBefore(long otherEpoch, long otherFirst) {
            return epoch < otherEpoch || epoch == otherEpoch && first < otherFirst;
        }
    }

    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;
    private final Taker taker;
    private final List<Pending> pending = new ArrayList<>();
    private final Map<Subject, Incoming> incoming = new LinkedHashMap<>();
    private final KeyedDatagrams datagrams;
    private long number = WallClock.nowUs();

    /** @param type of its datagrams */
    NodeStates(int type, ForwardingTable table, WanPort wan, Counters counters, Taker taker) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
        this.taker = taker;
        this.datagrams = new KeyedDatagrams(type, table, counters);
    }

    void key(byte[] key) {
        datagrams.key(key);
    }

    boolean isWaiting() {
        return !pending.isEmpty();
    }

    // --- out

    /** A later state of the same node takes an earlier one's place. */
    void send(Peer to, VmId vm, long nid, long epoch, byte[] state, long nowNs) {
        Subject subject = new Subject(vm, nid);
        pending.removeIf(p -> p.subject.equals(subject));
        byte[] name = vm.name().getBytes(StandardCharsets.UTF_8);
        int parts = Math.max(1, (state.length + PART_BYTES - 1) / PART_BYTES);
        if (parts > PARTS_MOST) {
            counters.drop(DropReason.TOO_BIG);
            return;
        }
        for (int i = 0; i < parts; i++) {
            int from = i * PART_BYTES;
            int length = Math.min(PART_BYTES, state.length - from);
            byte[] body = ByteBuffer.allocate(8 + 8 + 2 + 2 + 1 + name.length + length)
                    .putLong(epoch)
                    .putLong(nid)
                    .putShort((short) i)
                    .putShort((short) parts)
                    .put((byte) name.length)
                    .put(name)
                    .put(state, from, length)
                    .array();
            Pending part = new Pending(to.id, subject, ++number, body, nowNs);
            pending.add(part);
            datagram(to, PART, part.number, body);
        }
    }

    void tick(long nowNs) {
        for (int i = pending.size() - 1; i >= 0; i--) {
            Pending part = pending.get(i);
            Peer peer = table.peer(part.to);
            if (peer == null || part.times >= TIMES) {
                pending.remove(i);
            } else if (nowNs - part.sentNs > AGAIN_NS + 2 * peer.rttNs) {
                part.sentNs = nowNs;
                part.times++;
                datagram(peer, PART, part.number, part.body);
            }
        }
    }

    private void datagram(Peer to, int kind, long itsNumber, byte[] body) {
        if (datagrams.hasKey()) {
            byte[] datagram = datagrams.write(kind, itsNumber, body);
            counters.add(Counters.Kind.NODE_STATE_OCTETS, datagram.length);
            wan.sendBytes(to, datagram);
        }
    }

    // --- in

    void heard(Peer from, byte[] datagram, long nowNs) {
        KeyedDatagrams.Heard heard = datagrams.read(from, datagram);
        if (heard == null) {
            return;
        }
        if (heard.kind() == HAVE) {
            pending.removeIf(part -> part.number == heard.number() && part.to.equals(from.id));
            return;
        }
        try {
            part(from, heard.number(), heard.body(), nowNs);
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        }
    }

    private void part(Peer from, long which, ByteBuffer in, long nowNs) {
        long epoch = in.getLong();
        long nid = in.getLong();
        int part = in.getShort() & 0xFFFF;
        int of = in.getShort() & 0xFFFF;
        byte[] name = new byte[in.get() & 0xFF];
        in.get(name);
        byte[] octets = new byte[in.remaining()];
        in.get(octets);
        VmId vm = new VmId(new String(name, StandardCharsets.UTF_8));
        datagram(from, HAVE, which, new byte[0]);
        long first = which - part;
        Subject subject = new Subject(vm, nid);
        Incoming state = incoming.get(subject);
        if (of == 0 || part >= of || of > PARTS_MOST) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return;
        }
        if (state == null || state.isBefore(epoch, first)) {
            state = begin(subject, epoch, first, of);
        }
        byte[][] parts = state.parts;
        if (state.epoch != epoch || state.first != first || parts.length != of || parts[part] != null) {
            return; // of a state that a later one has replaced, or again
        }
        parts[part] = octets;
        if (--state.missing == 0) {
            ByteBuffer whole = ByteBuffer.allocate(
                    Arrays.stream(parts).mapToInt(p -> p.length).sum());
            Arrays.stream(parts).forEach(whole::put);
            state.parts = NO_PARTS; // only which state it was is still of use
            taker.take(from.id, vm, nid, epoch, whole.array(), nowNs);
        }
    }

    /** Where there are many, that which was heard of longest ago makes room. */
    private Incoming begin(Subject subject, long epoch, long first, int of) {
        incoming.remove(subject);
        if (incoming.size() >= STATES_MOST) {
            incoming.remove(incoming.keySet().iterator().next());
        }
        Incoming state = new Incoming();
        state.epoch = epoch;
        state.first = first;
        state.parts = new byte[of][];
        state.missing = of;
        incoming.put(subject, state);
        return state;
    }
}
