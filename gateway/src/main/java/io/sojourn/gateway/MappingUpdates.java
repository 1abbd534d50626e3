// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sojourn.gateway.Counters.Kind;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.MatMapping;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.SojournDatagram;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Mapping Updates between gateways: what has moved is told straight to those who talk to it, and again until they say that they have it.
 *
 * <pre>
 *   {@link KeyedDatagrams} of type 10 | kind: 1 UPDATE, 2 UPD-ACK, 3 REFUSE | body: MatMapping (protocol buffers; UPDATE only)
 * </pre>
 *
 * The number is the update's, and its answer's. Forwarder's thread.
 */
final class MappingUpdates {
    /** Takes what an authentic update says; false: it cannot be true. */
    interface Learner {
        boolean learn(MatMapping mapping, long nowNs);
    }

    private static final int UPDATE = 1;
    private static final int ACKNOWLEDGE = 2;
    private static final int REFUSE = 3;
    private static final long AGAIN_NS = TimeUnit.MILLISECONDS.toNanos(400);
    private static final int TIMES = 8;

    private static final class Pending {
        final GatewayId to;
        final long number;
        final MatMapping mapping;
        long sentNs;
        int times = 1;

        Pending(GatewayId to, long number, MatMapping mapping, long sentNs) {
            this.to = to;
            this.number = number;
            this.mapping = mapping;
            this.sentNs = sentNs;
        }
    }

    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;
    private final List<Pending> pending = new ArrayList<>();
    private final KeyedDatagrams datagrams;
    private long number = WallClock.nowUs();

    MappingUpdates(ForwardingTable table, WanPort wan, Counters counters) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
        this.datagrams = new KeyedDatagrams(SojournDatagram.MAPPING, table, counters);
    }

    void key(byte[] key) {
        datagrams.key(key);
    }

    // --- out

    /** A later mapping of the same home takes an earlier one's place. */
    void tell(Peer peer, MatMapping mapping, long nowNs) {
        pending.removeIf(p -> p.to.equals(peer.id)
                && p.mapping.getHome().equals(mapping.getHome())
                && p.mapping.getNetwork().equals(mapping.getNetwork()));
        Pending update = new Pending(peer.id, ++number, mapping, nowNs);
        pending.add(update);
        counters.add(Kind.MAPPINGS_UPDATED);
        send(peer, UPDATE, update.number, mapping.toByteArray());
    }

    void tick(long nowNs) {
        for (int i = pending.size() - 1; i >= 0; i--) {
            Pending update = pending.get(i);
            Peer peer = table.peer(update.to);
            if (peer == null || update.times >= TIMES) {
                pending.remove(i); // its mapping ends with its lifetime, and it will ask
            } else if (nowNs - update.sentNs > AGAIN_NS + 2 * peer.rttNs) {
                update.sentNs = nowNs;
                update.times++;
                send(peer, UPDATE, update.number, update.mapping.toByteArray());
            }
        }
    }

    private void send(Peer peer, int kind, long updateNumber, byte[] mapping) {
        if (datagrams.hasKey()) {
            wan.sendBytes(peer, datagram(kind, updateNumber, mapping));
        }
    }

    byte[] datagram(int kind, long updateNumber, byte[] mapping) {
        return datagrams.write(kind, updateNumber, mapping);
    }

    // --- in

    void heard(Peer from, byte[] datagram, Learner learner, long nowNs) {
        KeyedDatagrams.Heard heard = datagrams.read(from, datagram);
        if (heard == null) {
            return;
        }
        if (heard.kind() != UPDATE) {
            pending.removeIf(update -> update.number == heard.number() && update.to.equals(from.id));
            return;
        }
        try {
            MatMapping mapping = MatMapping.parseFrom(heard.body());
            send(from, learner.learn(mapping, nowNs) ? ACKNOWLEDGE : REFUSE, heard.number(), new byte[0]);
        } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        }
    }
}
