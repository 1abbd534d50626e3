// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sojourn.gateway.Counters.Kind;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.MatMapping;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.SojournDatagram;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Mapping Updates between gateways: what has moved is told straight to those who talk to it, and again until they say that they have it.
 *
 * <pre>
 *   'S' 0x53 | 10 | version 1 | kind: 1 UPDATE, 2 UPD-ACK, 3 REFUSE | number (64) | sender (64) | MatMapping (protocol buffers; UPDATE only) | HMAC-SHA-256, first 128 bits
 * </pre>
 *
 * The number is the update's, and its answer's. The code is over all before it and under the realm's signal key, and is looked at before anything else. Forwarder's thread.
 */
final class MappingUpdates {
    /** Takes what an authentic update says; false: it cannot be true. */
    interface Learner {
        boolean learn(MatMapping mapping, long nowNs);
    }

    private static final String ALGORITHM = "HmacSHA256";
    private static final int VERSION = 1;
    private static final int UPDATE = 1;
    private static final int ACKNOWLEDGE = 2;
    private static final int REFUSE = 3;
    private static final int HEADER_BYTES = 20;
    private static final int TAG_BYTES = 16;
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
    private @Nullable Mac mac;
    private long number = WallClock.nowUs();

    MappingUpdates(ForwardingTable table, WanPort wan, Counters counters) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
    }

    void key(byte[] key) {
        try {
            Mac made = Mac.getInstance(ALGORITHM);
            made.init(new SecretKeySpec(key, ALGORITHM));
            mac = made;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no " + ALGORITHM, e);
        }
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
        if (mac != null) {
            wan.sendBytes(peer, datagram(kind, updateNumber, mapping));
        }
    }

    byte[] datagram(int kind, long updateNumber, byte[] mapping) {
        Mac m = mac;
        if (m == null) {
            throw new IllegalStateException("no key yet");
        }
        ByteBuffer datagram = ByteBuffer.allocate(HEADER_BYTES + mapping.length + TAG_BYTES);
        datagram.put((byte) SojournDatagram.MAGIC)
                .put((byte) SojournDatagram.MAPPING)
                .put((byte) VERSION)
                .put((byte) kind)
                .putLong(updateNumber)
                .putLong(Peer.numberOf(table.self()))
                .put(mapping);
        datagram.put(tag(m, datagram.array(), datagram.position()), 0, TAG_BYTES);
        return datagram.array();
    }

    private static byte[] tag(Mac mac, byte[] datagram, int length) {
        mac.update(datagram, 0, length);
        return mac.doFinal();
    }

    // --- in

    void heard(Peer from, byte[] datagram, Learner learner, long nowNs) {
        Mac m = mac;
        int length = datagram.length - TAG_BYTES;
        if (m == null || length < HEADER_BYTES) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return;
        }
        byte[] tag = Arrays.copyOf(tag(m, datagram, length), TAG_BYTES);
        if (!MessageDigest.isEqual(tag, Arrays.copyOfRange(datagram, length, datagram.length))) {
            counters.drop(DropReason.UNAUTHENTICATED);
            return;
        }
        ByteBuffer in = ByteBuffer.wrap(datagram);
        long which = in.getLong(4);
        if (in.get(2) != VERSION || in.getLong(12) != from.number) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return;
        }
        if (in.get(3) != UPDATE) {
            pending.removeIf(update -> update.number == which && update.to.equals(from.id));
            return;
        }
        try {
            MatMapping mapping = MatMapping.parseFrom(Arrays.copyOfRange(datagram, HEADER_BYTES, length));
            send(from, learner.learn(mapping, nowNs) ? ACKNOWLEDGE : REFUSE, which, new byte[0]);
        } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        }
    }
}
