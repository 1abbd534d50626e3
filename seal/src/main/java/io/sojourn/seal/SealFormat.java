// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import io.sojourn.wire.BigEndian;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * The four datagrams of the sealed transport. Bit 0x08 of the first octet is clear, so that none is taken for VXLAN.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | 0xC1 .. 0xC3  |     Suite     |  Sender's index (24 bits)     |   handshake
 * |               |  Receiver's index (24 bits)                   |
 * | ...
 * |     0xC4      |  Receiver's index (24 bits)                   |   transport
 * |     Counter (64 bits)                                         |
 * |     sealed: the inner datagram, and a tag of 16 octets        |
 * </pre>
 */
public final class SealFormat {
    public static final int INITIATION = 0xC1;
    public static final int RESPONSE = 0xC2;
    public static final int COOKIE = 0xC3;
    public static final int TRANSPORT = 0xC4;

    /** What sealing adds before and after an inner datagram. */
    public static final int TRANSPORT_HEADER_BYTES = 12;

    public static final int OVERHEAD_BYTES = TRANSPORT_HEADER_BYTES + Aead.TAG_BYTES;
    /** The longest inner datagram: what UDP over IPv4 carries, less the overhead. */
    public static final int INNER_MAX_BYTES = 65_507 - OVERHEAD_BYTES;

    static final int SUITE_OFFSET = 1;
    static final int SENDER_OFFSET = 2;
    static final int RECEIVER_OFFSET = 5;
    static final int HANDSHAKE_HEADER_BYTES = 8;
    static final int TRANSPORT_INDEX_OFFSET = 1;
    static final int COUNTER_OFFSET = 4;

    static final int MAC_BYTES = 16;
    static final int TIMESTAMP_BYTES = 8;
    static final int NOISE_FIRST_BYTES = NoiseIk.FIRST_OVERHEAD_BYTES + TIMESTAMP_BYTES;
    static final int INITIATION_BYTES = HANDSHAKE_HEADER_BYTES + NOISE_FIRST_BYTES + 2 * MAC_BYTES;
    /** The payload of the second message repeats its header, which is so authenticated. */
    static final int NOISE_SECOND_BYTES = NoiseIk.SECOND_OVERHEAD_BYTES + HANDSHAKE_HEADER_BYTES;

    static final int RESPONSE_BYTES = HANDSHAKE_HEADER_BYTES + NOISE_SECOND_BYTES + MAC_BYTES;
    static final int COOKIE_NONCE_BYTES = 8;
    static final int COOKIE_BYTES = 16;
    static final int COOKIE_REPLY_BYTES = HANDSHAKE_HEADER_BYTES + COOKIE_NONCE_BYTES + COOKIE_BYTES + Aead.TAG_BYTES;

    private static final byte[] PROLOGUE = "sojourn seal 1".getBytes(StandardCharsets.US_ASCII);
    private static final int INDEX_MASK = 0xFF_FFFF;

    private SealFormat() {}

    /** Whether a datagram that begins with this octet is one of the sealed transport. */
    public static boolean isSealed(int firstOctet) {
        return firstOctet >= INITIATION && firstOctet <= TRANSPORT;
    }

    static long counter(MemorySegment s, long at) {
        return BigEndian.u64(s, at + COUNTER_OFFSET);
    }

    static void writeTransportHeader(MemorySegment out, long at, int receiver, long counter) {
        BigEndian.putU32(out, at, TRANSPORT << 24 | receiver & INDEX_MASK);
        BigEndian.putU64(out, at + COUNTER_OFFSET, counter);
    }

    static byte[] handshakeHeader(int type, Suite suite, int sender, int receiver) {
        byte[] out = new byte[HANDSHAKE_HEADER_BYTES];
        put32(out, 0, type << 24 | suite.code() << 16 | sender >>> 8);
        put32(out, 4, (sender & 0xFF) << 24 | receiver & INDEX_MASK);
        return out;
    }

    static int sender(byte[] header) {
        return u24(header, SENDER_OFFSET);
    }

    static int receiver(byte[] header) {
        return u24(header, RECEIVER_OFFSET);
    }

    /** What both sides mix in first: whose protocol this is, and the header of the initiation. */
    static byte[] prologue(byte[] initiationHeader) {
        byte[] out = new byte[PROLOGUE.length + HANDSHAKE_HEADER_BYTES];
        System.arraycopy(PROLOGUE, 0, out, 0, PROLOGUE.length);
        System.arraycopy(initiationHeader, 0, out, PROLOGUE.length, HANDSHAKE_HEADER_BYTES);
        return out;
    }

    static byte[] timestamp(long us) {
        byte[] out = new byte[TIMESTAMP_BYTES];
        put32(out, 0, (int) (us >>> 32));
        put32(out, 4, (int) us);
        return out;
    }

    static long timestamp(byte[] payload) {
        return (long) u32(payload, 0) << 32 | u32(payload, 4) & 0xFFFF_FFFFL;
    }

    private static void put32(byte[] out, int at, int value) {
        for (int i = 0; i < 4; i++) {
            out[at + i] = (byte) (value >>> 24 - 8 * i);
        }
    }

    private static int u24(byte[] in, int at) {
        return (in[at] & 0xFF) << 16 | (in[at + 1] & 0xFF) << 8 | in[at + 2] & 0xFF;
    }

    private static int u32(byte[] in, int at) {
        return (in[at] & 0xFF) << 24 | u24(in, at + 1);
    }
}
