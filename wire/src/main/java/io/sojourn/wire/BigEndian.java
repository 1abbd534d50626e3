// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Unsigned integers in network order at any alignment: the one place where the wire's byte order is spelled out. */
public final class BigEndian {
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private BigEndian() {}

    public static int u8(MemorySegment s, long at) {
        return s.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
    }

    public static int u16(MemorySegment s, long at) {
        return s.get(U16, at) & 0xFFFF;
    }

    public static int u24(MemorySegment s, long at) {
        return u16(s, at) << 8 | u8(s, at + 2);
    }

    /** 32 bits as they are; use {@link #u32} where the value is compared or printed. */
    public static int i32(MemorySegment s, long at) {
        return s.get(U32, at);
    }

    public static long u32(MemorySegment s, long at) {
        return s.get(U32, at) & 0xFFFF_FFFFL;
    }

    public static long u48(MemorySegment s, long at) {
        return (long) u16(s, at) << 32 | u32(s, at + 2);
    }

    public static long u64(MemorySegment s, long at) {
        return s.get(U64, at);
    }

    public static void putU8(MemorySegment s, long at, int value) {
        s.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    public static void putU16(MemorySegment s, long at, int value) {
        s.set(U16, at, (short) value);
    }

    public static void putU24(MemorySegment s, long at, int value) {
        putU16(s, at, value >>> 8);
        putU8(s, at + 2, value);
    }

    public static void putU32(MemorySegment s, long at, long value) {
        s.set(U32, at, (int) value);
    }

    public static void putU48(MemorySegment s, long at, long value) {
        putU16(s, at, (int) (value >>> 32));
        putU32(s, at + 2, value);
    }

    public static void putU64(MemorySegment s, long at, long value) {
        s.set(U64, at, value);
    }
}
