// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.DropReason;
import io.sojourn.wire.SojournDatagram;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Small authenticated datagrams between gateways, of one type.
 *
 * <pre>
 *   'S' 0x53 | type | version 1 | kind | number (64) | sender (64) | body | HMAC-SHA-256, first 128 bits
 * </pre>
 *
 * The code is over all before it and under the realm's signal key, and is looked at before anything else. Forwarder's thread.
 */
final class KeyedDatagrams {
    /** What an authentic datagram of the peer says; {@code body} is all that its position and limit leave. */
    record Heard(int kind, long number, ByteBuffer body) {}

    private static final String ALGORITHM = "HmacSHA256";
    private static final int VERSION = 1;
    private static final int HEADER_BYTES = 20;
    private static final int TAG_BYTES = 16;

    private final int type;
    private final ForwardingTable table;
    private final Counters counters;
    private @Nullable Mac mac;

    KeyedDatagrams(int type, ForwardingTable table, Counters counters) {
        this.type = type;
        this.table = table;
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

    boolean hasKey() {
        return mac != null;
    }

    /** Call only with a key. */
    byte[] write(int kind, long number, byte[] body) {
        Mac m = mac;
        if (m == null) {
            throw new IllegalStateException("no key yet");
        }
        ByteBuffer datagram = ByteBuffer.allocate(HEADER_BYTES + body.length + TAG_BYTES);
        datagram.put((byte) SojournDatagram.MAGIC)
                .put((byte) type)
                .put((byte) VERSION)
                .put((byte) kind)
                .putLong(number)
                .putLong(Peer.numberOf(table.self()))
                .put(body);
        datagram.put(tag(m, datagram.array(), datagram.position()), 0, TAG_BYTES);
        return datagram.array();
    }

    /** Null: it is not from that peer, or not of ours, and counted. */
    @Nullable
    Heard read(Peer from, byte[] datagram) {
        Mac m = mac;
        int length = datagram.length - TAG_BYTES;
        if (m == null || length < HEADER_BYTES) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return null;
        }
        byte[] tag = Arrays.copyOf(tag(m, datagram, length), TAG_BYTES);
        if (!MessageDigest.isEqual(tag, Arrays.copyOfRange(datagram, length, datagram.length))) {
            counters.drop(DropReason.UNAUTHENTICATED);
            return null;
        }
        ByteBuffer in = ByteBuffer.wrap(datagram, 0, length);
        if (in.get(2) != VERSION || in.getLong(12) != from.number) {
            counters.drop(DropReason.MALFORMED_CONTROL);
            return null;
        }
        return new Heard(in.get(3), in.getLong(4), in.position(HEADER_BYTES));
    }

    private static byte[] tag(Mac mac, byte[] datagram, int length) {
        mac.update(datagram, 0, length);
        return mac.doFinal();
    }
}
