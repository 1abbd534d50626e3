// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The memory stream on the wire (docs/protocol/stream.md). All integers are big-endian. Packet numbers are new for every
 * transmission, as in QUIC (RFC 9000, section 12.3); offsets name bytes of the stream.
 */
public final class StreamFormat {
    // The protocol's constants.
    /** First byte of every Sojourn control datagram, 'S'. */
    public static final byte MAGIC = 0x53;

    public static final byte TYPE_DATA = 2;
    public static final byte TYPE_ACK = 3;
    public static final byte VERSION = 1;

    /** Data: the stream ends with this datagram's last byte. Ack: everything up to the end has been received. */
    public static final int FLAG_FIN = 0x01;
    /** The sender of this datagram has given up; the payload is the reason in UTF-8. */
    public static final int FLAG_RESET = 0x02;
    /** Data: acknowledge at once. */
    public static final int FLAG_PROBE = 0x04;

    public static final int DATA_HEADER_BYTES = 32;
    public static final int ACK_HEADER_BYTES = 52;
    public static final int ACK_RANGE_BYTES = 8;
    public static final int MAX_ACK_RANGES = 32;
    /** What a sender may send before the first ack has granted a window. */
    public static final int INITIAL_WINDOW_BYTES = 4 << 20;

    static final int MAX_ACK_BYTES = ACK_HEADER_BYTES + MAX_ACK_RANGES * ACK_RANGE_BYTES;
    static final int MAX_REASON_BYTES = 200;
    /** "No packet yet" in the field of the largest packet number. */
    static final long NONE = -1;

    static final long MAX_NUMBER = 1L << 62;

    // Offsets shared by both types.
    static final int TYPE = 1;
    static final int VERSION_AT = 2;
    static final int FLAGS = 3;
    static final int TOKEN = 4;
    // Data.
    static final int NUMBER = 12;
    static final int OFFSET = 20;
    static final int LENGTH = 28;
    static final int DATA_RESERVED = 30;
    // Ack.
    static final int LARGEST = 12;
    static final int ACK_DELAY_US = 20;
    static final int RECEIVED_US = 24;
    static final int CUMULATIVE = 32;
    static final int WINDOW_LIMIT = 40;
    static final int RANGE_COUNT = 48;
    static final int REASON_LENGTH = 50;

    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private StreamFormat() {}

    /** True when the bytes are a stream datagram (data or ack) long enough to hold a token. */
    public static boolean isStream(MemorySegment in, long at, int length) {
        if (length < NUMBER || u8(in, at) != MAGIC) {
            return false;
        }
        int type = u8(in, at + TYPE);
        return type == TYPE_DATA || type == TYPE_ACK;
    }

    /** The token's bits of a datagram for which {@link #isStream} holds. */
    public static long tokenBits(MemorySegment in, long at) {
        return u64(in, at + TOKEN);
    }

    /** Checks what both types have in common; {@code ACCEPTED} means the header may be read. */
    static StreamVerdict check(MemorySegment in, long at, int length, byte type, int headerBytes, long tokenBits) {
        if (length < NUMBER) {
            return StreamVerdict.TRUNCATED;
        }
        if (u8(in, at) != MAGIC || u8(in, at + TYPE) != type) {
            return StreamVerdict.WRONG_TYPE;
        }
        if (u8(in, at + VERSION_AT) != VERSION) {
            return StreamVerdict.WRONG_VERSION;
        }
        if (u64(in, at + TOKEN) != tokenBits) {
            return StreamVerdict.WRONG_TOKEN;
        }
        return length < headerBytes ? StreamVerdict.TRUNCATED : StreamVerdict.ACCEPTED;
    }

    static void putCommon(MemorySegment out, long at, byte type, int flags, long tokenBits) {
        out.set(U32, at, (MAGIC << 24) | (type << 16) | (VERSION << 8) | flags);
        out.set(U64, at + TOKEN, tokenBits);
    }

    static int u8(MemorySegment in, long at) {
        return in.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }

    static int u16(MemorySegment in, long at) {
        return in.get(U16, at) & 0xffff;
    }

    static long u32(MemorySegment in, long at) {
        return in.get(U32, at) & 0xffff_ffffL;
    }

    static long u64(MemorySegment in, long at) {
        return in.get(U64, at);
    }

    static void putU16(MemorySegment out, long at, int value) {
        out.set(U16, at, (short) value);
    }

    static void putU32(MemorySegment out, long at, long value) {
        out.set(U32, at, (int) value);
    }

    static void putU64(MemorySegment out, long at, long value) {
        out.set(U64, at, value);
    }
}
