// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.SojournDatagram;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Flows of a VM on their way to the gateway that it moves to; each datagram again until that says that it has it, and so many at once at most.
 *
 * <pre>
 *   {@link KeyedDatagrams} of type 13 | kind: 1 FLOWS, 2 HAVE, 3 ALL | body, but of HAVE: epoch (64) | part (32), of ALL: how many parts | VM's name (8 + n) | {@link io.sojourn.flow.FlowRecord}s
 * </pre>
 *
 * Each FLOWS can be understood alone, in any order. Forwarder's thread.
 */
final class FlowDatagrams {
    interface Taker {
        /** @param records to be read to their end @return false: they are not expected, or not yet */
        boolean flows(GatewayId from, VmId vm, long epoch, int part, ByteBuffer records, long nowNs);

        /** There are so many parts, as far as is known. @return as before */
        boolean all(GatewayId from, VmId vm, long epoch, int parts, long nowNs);
    }

    static final int RECORDS_BYTES = 1_000;
    private static final int FLOWS = 1;
    private static final int HAVE = 2;
    private static final int ALL = 3;
    private static final int AT_ONCE = 128;
    private static final long AGAIN_NS = TimeUnit.MILLISECONDS.toNanos(50);
    private static final int TIMES = 40;
    private static final int WAITING_MOST = 200_000;

    private static final class Pending {
        final GatewayId to;
        final int kind;
        final long number;
        final byte[] body;
        long sentNs;
        int times;

        Pending(GatewayId to, int kind, long number, byte[] body) {
            this.to = to;
            this.kind = kind;
            this.number = number;
            this.body = body;
        }
    }

    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;
    private final Taker taker;
    private final KeyedDatagrams datagrams;
    /** The first {@link #AT_ONCE} have been sent. */
    private final List<Pending> pending = new ArrayList<>();

    private long number = WallClock.nowUs();

    FlowDatagrams(ForwardingTable table, WanPort wan, Counters counters, Taker taker) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
        this.taker = taker;
        this.datagrams = new KeyedDatagrams(SojournDatagram.FLOW_STATE, table, counters);
    }

    void key(byte[] key) {
        datagrams.key(key);
    }

    boolean isWaiting() {
        return !pending.isEmpty();
    }

    /** So many more may be queued now without filling memory. */
    boolean hasRoom() {
        return pending.size() < AT_ONCE;
    }

    void flows(Peer to, VmId vm, long epoch, int part, byte[] records, long nowNs) {
        add(to, FLOWS, vm, epoch, part, records, nowNs);
    }

    void all(Peer to, VmId vm, long epoch, int parts, long nowNs) {
        add(to, ALL, vm, epoch, parts, new byte[0], nowNs);
    }

    private void add(Peer to, int kind, VmId vm, long epoch, int part, byte[] records, long nowNs) {
        if (pending.size() >= WAITING_MOST) {
            counters.drop(DropReason.TOO_BIG);
            return;
        }
        byte[] name = vm.name().getBytes(StandardCharsets.UTF_8);
        byte[] body = ByteBuffer.allocate(8 + 4 + 1 + name.length + records.length)
                .putLong(epoch)
                .putInt(part)
                .put((byte) name.length)
                .put(name)
                .put(records)
                .array();
        Pending datagram = new Pending(to.id, kind, ++number, body);
        pending.add(datagram);
        if (pending.size() <= AT_ONCE) {
            send(to, datagram, nowNs);
        }
    }

    private void send(Peer to, Pending datagram, long nowNs) {
        datagram.sentNs = nowNs;
        datagram.times++;
        if (datagrams.hasKey()) {
            wan.sendBytes(to, datagrams.write(datagram.kind, datagram.number, datagram.body));
        }
    }

    void tick(long nowNs) {
        for (int i = Math.min(pending.size(), AT_ONCE) - 1; i >= 0; i--) {
            Pending datagram = pending.get(i);
            Peer peer = table.peer(datagram.to);
            if (peer == null || datagram.times >= TIMES) {
                pending.remove(i);
            } else if (datagram.times == 0 || nowNs - datagram.sentNs > AGAIN_NS + 2 * peer.rttNs) {
                send(peer, datagram, nowNs);
            }
        }
    }

    void heard(Peer from, byte[] datagram, long nowNs) {
        KeyedDatagrams.Heard heard = datagrams.read(from, datagram);
        if (heard == null) {
            return;
        }
        if (heard.kind() == HAVE) {
            pending.removeIf(p -> p.number == heard.number() && p.to.equals(from.id));
            return;
        }
        try {
            ByteBuffer in = heard.body();
            long epoch = in.getLong();
            int part = in.getInt();
            byte[] name = new byte[in.get() & 0xFF];
            in.get(name);
            VmId vm = new VmId(new String(name, StandardCharsets.UTF_8));
            boolean taken = switch (heard.kind()) {
                case FLOWS -> taker.flows(from.id, vm, epoch, part, in, nowNs);
                case ALL -> taker.all(from.id, vm, epoch, part, nowNs);
                default -> throw new IllegalArgumentException("no such kind");
            };
            if (taken) {
                wan.sendBytes(from, datagrams.write(HAVE, heard.number(), new byte[0]));
            }
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        }
    }
}
