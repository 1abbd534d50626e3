// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.model.identity.IpAddress;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * What two boundaries say to each other about one connection, in a UDP datagram of its own between the places where its ends are.
 *
 * <pre>
 *   'S' 'J' 'L' | version 1: 8 | kind: 8 | from the initiator: 8 | 0: 16 | label: 64 | number: 64 | sent: 32 | expected: 32
 *   | family 0, 4 or 6: 8 | 0: 8 | port: 16 | address: 128, an IPv4 one in its first four octets | HMAC-SHA-256: 256
 * </pre>
 *
 * The code is over all before it. A request has a number that its sender never uses again, an answer that of the request. {@code sent} and {@code expected} are offsets of the stream as TCP counts
 * them: the next octet that the sender's host will send, and the next that it waits for.
 *
 * @param place from where the sender's end goes on; of {@link Kind#RESUME} only
 */
public record ControlMessage(
        Kind kind, boolean fromInitiator, long label, long number, int sent, int expected, Optional<Place> place) {
    /** As they are on the wire: by ordinal. */
    public enum Kind {
        INVALID,
        /** The initiator has understood the echo: the connection has a label. */
        CONFIRM,
        /** The sender's host has stopped. */
        SUSPEND,
        /** The sender's end goes on, from the place named. */
        RESUME,
        /** The connection has ended. */
        CLOSE,
        /** Done as asked. */
        DONE,
        /** Not from that place: another connection is there. */
        TAKEN;

        private static final Kind[] ALL = values();

        boolean isAnswer() {
            return this == DONE || this == TAKEN;
        }
    }

    /** UDP. */
    public static final int PORT = 7402;

    private static final int MAGIC = 0x534A4C01;
    private static final int LABEL_AT = 8;
    private static final int BODY_BYTES = 52;
    public static final int BYTES = BODY_BYTES + FlowSecret.TAG_BYTES;

    public byte[] write(FlowSecret secret) {
        ByteBuffer out = ByteBuffer.allocate(BYTES);
        out.putInt(MAGIC).put((byte) kind.ordinal()).put((byte) (fromInitiator ? 1 : 0));
        out.putShort((short) 0).putLong(label).putLong(number).putInt(sent).putInt(expected);
        place.ifPresentOrElse(
                p -> out.put((byte) (p.address().isV6() ? 6 : 4))
                        .put((byte) 0)
                        .putShort((short) p.port())
                        .put(p.address().toBytes()),
                () -> out.putInt(0));
        byte[] octets = out.array();
        System.arraycopy(secret.tag(octets, BODY_BYTES), 0, octets, BODY_BYTES, FlowSecret.TAG_BYTES);
        return octets;
    }

    /** Whether it may be one, and which connection's it says to be. */
    public static boolean isOne(byte[] octets) {
        return octets.length == BYTES && ByteBuffer.wrap(octets).getInt() == MAGIC;
    }

    /** Of what {@link #isOne}. */
    public static long label(byte[] octets) {
        return ByteBuffer.wrap(octets).getLong(LABEL_AT);
    }

    /** Of what {@link #isOne}. */
    public static boolean fromInitiator(byte[] octets) {
        return octets[5] == 1;
    }

    /** Empty: it is not by who knows the secret, or says nothing that is understood. Never throws. */
    public static Optional<ControlMessage> read(byte[] octets, FlowSecret secret) {
        if (!isOne(octets) || !secret.isTag(octets, BODY_BYTES)) {
            return Optional.empty();
        }
        ByteBuffer in = ByteBuffer.wrap(octets, 4, BODY_BYTES - 4);
        int kind = in.get() & 0xFF;
        int role = in.get() & 0xFF;
        in.getShort();
        long label = in.getLong();
        long number = in.getLong();
        int sent = in.getInt();
        int expected = in.getInt();
        int family = in.get() & 0xFF;
        in.get();
        int port = in.getShort() & 0xFFFF;
        if (kind == 0 || kind >= Kind.ALL.length || role > 1 || family != 0 && family != 4 && family != 6) {
            return Optional.empty();
        }
        Optional<Place> place = Optional.empty();
        if (family != 0) {
            byte[] address = new byte[family == 6 ? 16 : 4];
            in.get(address);
            place = Optional.of(new Place(IpAddress.of(address), port));
        }
        Kind said = Kind.ALL[kind];
        if (place.isPresent() != (said == Kind.RESUME)) {
            return Optional.empty();
        }
        return Optional.of(new ControlMessage(said, role == 1, label, number, sent, expected, place));
    }
}
