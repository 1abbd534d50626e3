// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.handoff.Signal.Direction;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signals as datagrams. Big-endian; at most {@link #MAX_BYTES}. Not thread-safe: one codec for one thread.
 *
 * <pre>
 *   offset
 *    0  'S' (0x53)            Sojourn control datagram
 *    1  1                     signal
 *    2  1                     version
 *    3  kind                  1 ANNOUNCE … 10 CLAIM
 *    4  migration             16 octets, UUID
 *   20  epoch                 u64
 *   28  number                u64, grows with every datagram of a sender
 *   36  VM                    u8 length, UTF-8
 *       sender                u8 length, UTF-8
 *       fields of the kind    gateway: u8 length, UTF-8; text: u16 length, UTF-8; numbers u64; enums u8
 *       tag                   16 octets: HMAC-SHA256 of all before, truncated (RFC 2104, section 5)
 * </pre>
 */
public final class SignalCodec {
    public static final byte MAGIC = 'S';
    public static final byte TYPE_SIGNAL = 1;
    public static final byte VERSION = 1;
    public static final int KEY_BYTES = 32;
    public static final int MAX_BYTES = 1024;

    private static final int TAG_BYTES = 16;
    private static final int HEADER_BYTES = 36;
    private static final int MAX_TEXT_BYTES = 400;

    private static final byte ANNOUNCE = 1;
    private static final byte ANNOUNCE_ACK = 2;
    private static final byte END_MARKER = 3;
    private static final byte END_MARKER_ACK = 4;
    private static final byte ABORT = 5;
    private static final byte ABORT_ACK = 6;
    private static final byte RETURN_END = 7;
    private static final byte FAILED = 8;
    private static final byte MOVED = 9;
    private static final byte CLAIM = 10;

    /** What octets turn out to be. */
    public sealed interface Decoded {}

    /** Written by somebody who has the key. */
    public record Accepted(Signal signal, long number) implements Decoded {}

    /** Dropped, and counted by this name. */
    public record Rejected(Reason reason) implements Decoded {}

    public enum Reason {
        TOO_SHORT,
        TOO_LONG,
        NOT_A_SIGNAL,
        UNKNOWN_VERSION,
        /** The tag does not fit: another key, or forged. */
        NOT_AUTHENTIC,
        UNKNOWN_KIND,
        /** Authentic but not what this version writes. */
        MALFORMED
    }

    private final Mac mac;
    private final byte[] tag = new byte[32];
    private final ByteBuffer out = ByteBuffer.allocate(MAX_BYTES + 256);

    /** @param key 32 octets that all gateways of a realm share */
    public SignalCodec(byte[] key) {
        if (key.length != KEY_BYTES) {
            throw new IllegalArgumentException(
                    "the signal key has " + key.length + " octets; it must have " + KEY_BYTES);
        }
        try {
            mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HmacSHA256", e);
        }
    }

    public byte[] encode(Signal signal, long number) {
        out.clear();
        out.put(MAGIC).put(TYPE_SIGNAL).put(VERSION).put(kind(signal.body()));
        UUID id = signal.migration().value();
        out.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
        out.putLong(signal.epoch().number()).putLong(number);
        putName(signal.vm().name());
        putName(signal.sender().name());
        switch (signal.body()) {
            case Signal.Announce(GatewayId source, Epoch previous, Ordering ordering) -> {
                putName(source.name());
                out.putLong(previous.number()).put((byte) ordering.ordinal());
            }
            case Signal.AnnounceAck() -> {}
            case Signal.EndMarker(GatewayId origin, Direction direction) -> putMarker(origin, direction);
            case Signal.EndMarkerAck(GatewayId origin, Direction direction) -> putMarker(origin, direction);
            case Signal.Abort(String reason) -> putText(reason);
            case Signal.AbortAck(long returned) -> out.putLong(returned);
            case Signal.ReturnEnd(long returned) -> out.putLong(returned);
            case Signal.Failed(String reason) -> putText(reason);
            case Signal.Claim(Epoch previous, Ordering ordering) ->
                out.putLong(previous.number()).put((byte) ordering.ordinal());
            case Signal.Moved(GatewayId gateway, Epoch now) -> {
                putName(gateway.name());
                out.putLong(now.number());
            }
        }
        int length = out.position();
        byte[] datagram = Arrays.copyOf(out.array(), length + TAG_BYTES);
        computeTag(datagram, length);
        System.arraycopy(tag, 0, datagram, length, TAG_BYTES);
        return datagram;
    }

    /** Never throws, whatever the octets are. */
    public Decoded decode(byte[] datagram) {
        return decode(datagram, datagram.length);
    }

    /** @param length how many octets of the array are the datagram */
    public Decoded decode(byte[] datagram, int length) {
        if (length < HEADER_BYTES + TAG_BYTES || length > datagram.length) {
            return new Rejected(Reason.TOO_SHORT);
        }
        if (length > MAX_BYTES) {
            return new Rejected(Reason.TOO_LONG);
        }
        if (datagram[0] != MAGIC || datagram[1] != TYPE_SIGNAL) {
            return new Rejected(Reason.NOT_A_SIGNAL);
        }
        if (datagram[2] != VERSION) {
            return new Rejected(Reason.UNKNOWN_VERSION);
        }
        int end = length - TAG_BYTES;
        computeTag(datagram, end);
        // in constant time: MessageDigest.isEqual (JDK documentation)
        if (!MessageDigest.isEqual(Arrays.copyOf(tag, TAG_BYTES), Arrays.copyOfRange(datagram, end, length))) {
            return new Rejected(Reason.NOT_AUTHENTIC);
        }
        if (datagram[3] < ANNOUNCE || datagram[3] > CLAIM) {
            return new Rejected(Reason.UNKNOWN_KIND);
        }
        try {
            ByteBuffer in = ByteBuffer.wrap(datagram, 0, end);
            Accepted accepted = read(in);
            return in.hasRemaining() ? new Rejected(Reason.MALFORMED) : accepted;
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return new Rejected(Reason.MALFORMED);
        }
    }

    private static Accepted read(ByteBuffer in) {
        in.position(4);
        MigrationId migration = new MigrationId(new UUID(in.getLong(), in.getLong()));
        Epoch epoch = new Epoch(in.getLong());
        long number = in.getLong();
        VmId vm = new VmId(name(in));
        GatewayId sender = new GatewayId(name(in));
        Signal.Body body = switch (in.get(3)) {
            case ANNOUNCE ->
                new Signal.Announce(new GatewayId(name(in)), new Epoch(in.getLong()), constant(Ordering.values(), in));
            case ANNOUNCE_ACK -> new Signal.AnnounceAck();
            case END_MARKER -> new Signal.EndMarker(new GatewayId(name(in)), constant(Direction.values(), in));
            case END_MARKER_ACK -> new Signal.EndMarkerAck(new GatewayId(name(in)), constant(Direction.values(), in));
            case ABORT -> new Signal.Abort(text(in));
            case ABORT_ACK -> new Signal.AbortAck(count(in));
            case RETURN_END -> new Signal.ReturnEnd(count(in));
            case FAILED -> new Signal.Failed(text(in));
            case MOVED -> new Signal.Moved(new GatewayId(name(in)), new Epoch(in.getLong()));
            case CLAIM -> new Signal.Claim(new Epoch(in.getLong()), constant(Ordering.values(), in));
            default -> throw new IllegalArgumentException("kind");
        };
        return new Accepted(new Signal(migration, vm, epoch, sender, body), number);
    }

    private static byte kind(Signal.Body body) {
        return switch (body) {
            case Signal.Announce a -> ANNOUNCE;
            case Signal.AnnounceAck a -> ANNOUNCE_ACK;
            case Signal.EndMarker m -> END_MARKER;
            case Signal.EndMarkerAck m -> END_MARKER_ACK;
            case Signal.Abort a -> ABORT;
            case Signal.AbortAck a -> ABORT_ACK;
            case Signal.ReturnEnd r -> RETURN_END;
            case Signal.Failed f -> FAILED;
            case Signal.Moved m -> MOVED;
            case Signal.Claim c -> CLAIM;
        };
    }

    private void computeTag(byte[] datagram, int length) {
        mac.update(datagram, 0, length);
        try {
            mac.doFinal(tag, 0);
        } catch (ShortBufferException e) {
            throw new IllegalStateException("a SHA-256 is 32 octets", e);
        }
    }

    private void putMarker(GatewayId origin, Direction direction) {
        putName(origin.name());
        out.put((byte) direction.ordinal());
    }

    private void putName(String name) {
        byte[] octets = name.getBytes(StandardCharsets.UTF_8);
        out.put((byte) octets.length).put(octets);
    }

    private void putText(String text) {
        byte[] octets = text.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(octets.length, MAX_TEXT_BYTES);
        while (length < octets.length && length > 0 && (octets[length] & 0xC0) == 0x80) {
            length--; // not in the middle of a character
        }
        out.putShort((short) length).put(octets, 0, length);
    }

    private static String name(ByteBuffer in) {
        return octets(in, in.get() & 0xFF);
    }

    private static String text(ByteBuffer in) {
        return octets(in, in.getShort() & 0xFFFF);
    }

    private static String octets(ByteBuffer in, int length) {
        if (length > in.remaining()) {
            throw new BufferUnderflowException();
        }
        byte[] octets = new byte[length];
        in.get(octets);
        return new String(octets, StandardCharsets.UTF_8);
    }

    private static long count(ByteBuffer in) {
        long count = in.getLong();
        if (count < 0) {
            throw new IllegalArgumentException("negative count");
        }
        return count;
    }

    private static <E> E constant(E[] values, ByteBuffer in) {
        int ordinal = in.get() & 0xFF;
        if (ordinal == 0 || ordinal >= values.length) {
            throw new IllegalArgumentException("no such constant");
        }
        return values[ordinal];
    }
}
