// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * TCP's passive side (RFC 9293), as much of it as a name server needs for guests on its own LAN: a message of 16 bits of length and so many octets comes in, one goes out. Octets are taken in order only, and what was not
 * acknowledged is sent again from there; of options there is the MSS. Who speaks of a stream that is not here is told so (RST): after a move a guest begins a new one. Forwarder's thread.
 */
final class GuestStreams {
    /** Whose stream. */
    record Ends(LanPort lan, IpAddress guest, int port, IpAddress own) {}

    /** Takes a question. */
    interface Asked {
        /** False: nothing will come of it. */
        boolean question(Ends ends, byte[] message);
    }

    static final int STREAMS_MOST = 256;
    private static final int WINDOW = 0xFFFF;
    private static final int PENDING_MOST = 8;
    private static final int SEGMENT_MOST_BYTES = 1_200;
    private static final int LEAST_MSS = 536;
    private static final int TIMES = 6;
    private static final long AGAIN_NS = TimeUnit.SECONDS.toNanos(1);
    private static final long IDLE_NS = TimeUnit.SECONDS.toNanos(20);

    private static final class Stream {
        final Ends ends;
        final long mac;
        final int first;
        /** The next octet that is wanted. */
        int expected;
        /** What the guest may be sent, and in what pieces. */
        int window;

        final int segmentBytes;
        boolean isOpen;
        boolean guestEnded;
        boolean endSent;
        int pending;
        int times;
        ByteArrayOutputStream heard = new ByteArrayOutputStream();
        /** Not acknowledged yet, from octet number {@code acknowledged} of the stream on; so many of it are sent. */
        byte[] out = {};

        int acknowledged;
        int sent;

        Stream(Ends ends, long mac, int first, int expected, int window, int segmentBytes) {
            this.ends = ends;
            this.mac = mac;
            this.first = first;
            this.expected = expected;
            this.window = window;
            this.segmentBytes = segmentBytes;
        }

        int sequence(int octet) {
            return first + 1 + octet;
        }

        boolean awaits() {
            return !isOpen || out.length > 0 || endSent;
        }
    }

    private final Timers timers;
    private final Counters counters;
    private final Asked asked;
    private final SecureRandom random = new SecureRandom();
    private final Map<Ends, Stream> streams = new HashMap<>();
    private final MemorySegment frame = Arena.ofAuto()
            .allocate(GuestFrame.l4At(true) + Tcp.HEADER_BYTES + Tcp.OPTION_MSS_BYTES + SEGMENT_MOST_BYTES, 64);

    GuestStreams(Timers timers, Counters counters, Asked asked) {
        this.timers = timers;
        this.counters = counters;
        this.asked = asked;
    }

    /** A guest's segment to the name server's port. */
    void segment(Ends ends, long mac, MemorySegment s, ParsedFrame f) {
        long tcp = f.l4At();
        int header = Tcp.headerLength(s, tcp);
        int bytes = f.l4Length() - header;
        if (header < Tcp.HEADER_BYTES || bytes < 0) {
            counters.drop(DropReason.BAD_TRANSPORT_LENGTH);
            return;
        }
        int flags = Tcp.flags(s, tcp);
        int sequence = (int) Tcp.sequence(s, tcp);
        int acknowledgment = (int) Tcp.acknowledgment(s, tcp);
        Stream stream = streams.get(ends);
        if ((flags & Tcp.RST) != 0) {
            if (stream != null && sequence == stream.expected) {
                remove(stream);
            }
        } else if ((flags & Tcp.SYN) != 0) {
            if ((flags & Tcp.ACK) == 0) {
                begin(ends, mac, stream, sequence, s, tcp, header);
            }
        } else if (stream == null) {
            refuse(ends, mac, acknowledgment);
        } else if ((flags & Tcp.ACK) != 0) {
            stream.window = BigEndian.u16(s, tcp + Tcp.WINDOW_OFFSET);
            acknowledged(stream, acknowledgment);
            if (streams.get(ends) == stream) {
                heard(stream, sequence, s, tcp + header, bytes, (flags & Tcp.FIN) != 0);
            }
        }
    }

    private void begin(
            Ends ends, long mac, @Nullable Stream known, int sequence, MemorySegment s, long tcp, int header) {
        if (known != null && !known.isOpen && known.expected == sequence + 1) {
            greet(known);
            return;
        }
        if (known != null) {
            remove(known); // a new one with the same ends
        }
        if (streams.size() >= STREAMS_MOST) {
            counters.drop(DropReason.RATE_LIMITED);
            return;
        }
        Stream stream = new Stream(
                ends,
                mac,
                random.nextInt(),
                sequence + 1,
                BigEndian.u16(s, tcp + Tcp.WINDOW_OFFSET),
                Math.min(mss(s, tcp, header), SEGMENT_MOST_BYTES));
        streams.put(ends, stream);
        greet(stream);
        await(stream);
    }

    private static int mss(MemorySegment s, long tcp, int header) {
        for (int i = Tcp.HEADER_BYTES; i < header; ) {
            int kind = BigEndian.u8(s, tcp + i);
            int length = kind == Tcp.OPTION_NOP ? 1 : i + 1 < header ? BigEndian.u8(s, tcp + i + 1) : 0;
            if (kind == Tcp.OPTION_END || length == 0) {
                break;
            }
            if (kind == Tcp.OPTION_MSS && length == Tcp.OPTION_MSS_BYTES && i + length <= header) {
                return Math.max(64, BigEndian.u16(s, tcp + i + 2));
            }
            i += length;
        }
        return LEAST_MSS; // RFC 9293 section 3.7.1
    }

    private void acknowledged(Stream stream, int acknowledgment) {
        int octets = acknowledgment - stream.sequence(stream.acknowledged);
        int last = stream.sent + (stream.endSent ? 1 : 0);
        if (octets < 0 || octets > last) {
            return;
        }
        stream.isOpen = true;
        if (octets == 0) {
            return;
        }
        stream.times = 0;
        if (stream.endSent && octets == last) {
            if (stream.guestEnded) {
                remove(stream);
                return;
            }
            octets--;
        }
        stream.out = Arrays.copyOfRange(stream.out, octets, stream.out.length);
        stream.acknowledged += octets;
        stream.sent -= octets;
        await(stream);
        push(stream);
    }

    private void heard(Stream stream, int sequence, MemorySegment s, long at, int bytes, boolean isLast) {
        int known = stream.expected - sequence;
        if (bytes == 0 && !isLast) {
            return;
        }
        if (known < 0 || known > bytes || stream.guestEnded) {
            send(stream, Tcp.ACK, stream.sent, 0); // it will come again, or has come already
            return;
        }
        byte[] fresh = s.asSlice(at + known, bytes - known).toArray(ValueLayout.JAVA_BYTE);
        stream.heard.writeBytes(fresh);
        stream.expected += fresh.length + (isLast ? 1 : 0);
        stream.guestEnded = isLast;
        await(stream);
        if (!questions(stream)) {
            reset(stream);
            return;
        }
        send(stream, Tcp.ACK, stream.sent, 0);
        push(stream);
    }

    /** False: the guest says what is no question. */
    private boolean questions(Stream stream) {
        byte[] octets = stream.heard.toByteArray();
        int at = 0;
        while (at + 2 <= octets.length) {
            int length = (octets[at] & 0xFF) << 8 | octets[at + 1] & 0xFF;
            if (at + 2 + length > octets.length) {
                break;
            }
            if (stream.pending == PENDING_MOST
                    || !asked.question(stream.ends, Arrays.copyOfRange(octets, at + 2, at + 2 + length))) {
                return false;
            }
            stream.pending++;
            at += 2 + length;
        }
        stream.heard = new ByteArrayOutputStream();
        stream.heard.write(octets, at, octets.length - at);
        return true;
    }

    /** The answer to one of its questions; they may overtake each other (RFC 7766 section 7). */
    void answered(Ends ends, byte[] answer) {
        Stream stream = streams.get(ends);
        if (stream == null || stream.pending == 0) {
            return;
        }
        stream.pending--;
        int before = stream.out.length;
        stream.out = Arrays.copyOf(stream.out, before + 2 + answer.length);
        stream.out[before] = (byte) (answer.length >>> 8);
        stream.out[before + 1] = (byte) answer.length;
        System.arraycopy(answer, 0, stream.out, before + 2, answer.length);
        push(stream);
        await(stream);
    }

    /** Sends what the guest's window lets, and the end behind the last answer. */
    private void push(Stream stream) {
        while (stream.isOpen && stream.sent < stream.out.length && stream.sent < stream.window) {
            int bytes = Math.min(
                    stream.segmentBytes, Math.min(stream.out.length - stream.sent, stream.window - stream.sent));
            send(stream, Tcp.ACK | Tcp.PSH, stream.sent, bytes);
            stream.sent += bytes;
        }
        if (stream.guestEnded && stream.pending == 0 && stream.sent == stream.out.length && !stream.endSent) {
            send(stream, Tcp.ACK | Tcp.FIN, stream.sent, 0);
            stream.endSent = true;
        }
    }

    private void await(Stream stream) {
        timers.set(
                stream, System.nanoTime() + (stream.awaits() ? AGAIN_NS << stream.times : IDLE_NS), () -> due(stream));
    }

    private void due(Stream stream) {
        if (streams.get(stream.ends) != stream) {
            return;
        }
        if (!stream.awaits() && stream.pending == 0 || ++stream.times > TIMES) {
            reset(stream);
            return;
        }
        if (!stream.isOpen) {
            greet(stream);
        } else {
            stream.sent = 0;
            stream.endSent = false;
            stream.window = Math.max(stream.window, 1); // a closed window is asked whether it is still
            push(stream);
        }
        await(stream);
    }

    private void reset(Stream stream) {
        send(stream, Tcp.RST | Tcp.ACK, stream.sent, 0);
        remove(stream);
    }

    private void remove(Stream stream) {
        streams.remove(stream.ends, stream);
        timers.cancel(stream);
    }

    // --- segments

    private void greet(Stream stream) {
        long tcp = GuestFrame.l4At(stream.ends.own().isV6());
        BigEndian.putU8(frame, tcp + Tcp.HEADER_BYTES, Tcp.OPTION_MSS);
        BigEndian.putU8(frame, tcp + Tcp.HEADER_BYTES + 1, Tcp.OPTION_MSS_BYTES);
        BigEndian.putU16(frame, tcp + Tcp.HEADER_BYTES + 2, SEGMENT_MOST_BYTES);
        write(
                stream.ends,
                stream.mac,
                Tcp.SYN | Tcp.ACK,
                stream.first,
                stream.expected,
                Tcp.HEADER_BYTES + Tcp.OPTION_MSS_BYTES,
                0);
    }

    private void send(Stream stream, int flags, int from, int bytes) {
        long tcp = GuestFrame.l4At(stream.ends.own().isV6());
        MemorySegment.copy(stream.out, from, frame, ValueLayout.JAVA_BYTE, tcp + Tcp.HEADER_BYTES, bytes);
        int sequence = stream.sequence(stream.acknowledged + from) + (stream.endSent ? 1 : 0);
        write(stream.ends, stream.mac, flags, sequence, stream.expected, Tcp.HEADER_BYTES, bytes);
    }

    private void refuse(Ends ends, long mac, int acknowledgment) {
        write(ends, mac, Tcp.RST, acknowledgment, 0, Tcp.HEADER_BYTES, 0);
    }

    private void write(Ends ends, long mac, int flags, int sequence, int acknowledgment, int header, int bytes) {
        long tcp = GuestFrame.l4At(ends.own().isV6());
        BigEndian.putU16(frame, tcp + Tcp.SOURCE_PORT_OFFSET, Resolvers.PORT);
        BigEndian.putU16(frame, tcp + Tcp.DESTINATION_PORT_OFFSET, ends.port());
        BigEndian.putU32(frame, tcp + Tcp.SEQUENCE_OFFSET, sequence & 0xFFFF_FFFFL);
        BigEndian.putU32(frame, tcp + Tcp.ACKNOWLEDGMENT_OFFSET, acknowledgment & 0xFFFF_FFFFL);
        BigEndian.putU8(frame, tcp + Tcp.DATA_OFFSET_OFFSET, header >> 2 << 4);
        BigEndian.putU8(frame, tcp + Tcp.FLAGS_OFFSET, flags);
        BigEndian.putU16(frame, tcp + Tcp.WINDOW_OFFSET, WINDOW);
        BigEndian.putU16(frame, tcp + Tcp.URGENT_OFFSET, 0);
        int length = GuestFrame.finish(
                frame, mac, ends.own(), ends.guest(), IpProtocol.TCP, header + bytes, Tcp.CHECKSUM_OFFSET);
        ends.lan().write(frame, 0, length);
    }
}
