// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * ARP for ILNPv4 (RFC 6747): the form of {@link Arp} with protocol addresses of 12 octets, a locator and an identifier. {@code at} is the octet after the
 * Ethernet header.
 *
 * <pre>
 * | hardware type 1 | protocol type 0x0800 | HLEN 6 | PLEN 12 | operation 24, 25 |
 * | sender: MAC (48), L32 (32), NID (64) | target: MAC (48), L32 (32), NID (64) |
 * </pre>
 */
public final class IlnpArp {
    public static final int BYTES = 44;
    /** OP_EXP1 and OP_EXP2 (RFC 5494). */
    public static final int REQUEST = 24;

    public static final int REPLY = 25;

    private static final int SENDER_OFFSET = 8;
    private static final int TARGET_OFFSET = 26;
    private static final int LOCATOR_OFFSET = 6;
    private static final int IDENTIFIER_OFFSET = 10;
    private static final long ETHERNET_ILNP = 0x0001_0800_060CL;

    private IlnpArp() {}

    /** Whether it can be read. */
    public static DropReason check(MemorySegment s, long at, int length) {
        if (length < BYTES) {
            return DropReason.TOO_SHORT;
        }
        int operation = operation(s, at);
        boolean wellFormed = BigEndian.u48(s, at) == ETHERNET_ILNP
                && (operation == REQUEST || operation == REPLY)
                && !Ethernet.isGroup(senderMac(s, at));
        return wellFormed ? DropReason.NONE : DropReason.BAD_ARP;
    }

    public static int operation(MemorySegment s, long at) {
        return BigEndian.u16(s, at + Arp.OPERATION_OFFSET);
    }

    public static long senderMac(MemorySegment s, long at) {
        return BigEndian.u48(s, at + SENDER_OFFSET);
    }

    public static long senderLocator(MemorySegment s, long at) {
        return BigEndian.u32(s, at + SENDER_OFFSET + LOCATOR_OFFSET);
    }

    public static long senderIdentifier(MemorySegment s, long at) {
        return BigEndian.u64(s, at + SENDER_OFFSET + IDENTIFIER_OFFSET);
    }

    public static long targetMac(MemorySegment s, long at) {
        return BigEndian.u48(s, at + TARGET_OFFSET);
    }

    public static long targetLocator(MemorySegment s, long at) {
        return BigEndian.u32(s, at + TARGET_OFFSET + LOCATOR_OFFSET);
    }

    public static long targetIdentifier(MemorySegment s, long at) {
        return BigEndian.u64(s, at + TARGET_OFFSET + IDENTIFIER_OFFSET);
    }

    /** Writes what comes before the addresses. */
    public static void writeHeader(MemorySegment s, long at, int operation) {
        BigEndian.putU48(s, at, ETHERNET_ILNP);
        BigEndian.putU16(s, at + Arp.OPERATION_OFFSET, operation);
    }

    public static void writeSender(MemorySegment s, long at, long mac, long locator, long identifier) {
        write(s, at + SENDER_OFFSET, mac, locator, identifier);
    }

    public static void writeTarget(MemorySegment s, long at, long mac, long locator, long identifier) {
        write(s, at + TARGET_OFFSET, mac, locator, identifier);
    }

    private static void write(MemorySegment s, long at, long mac, long locator, long identifier) {
        BigEndian.putU48(s, at, mac);
        BigEndian.putU32(s, at + LOCATOR_OFFSET, locator);
        BigEndian.putU64(s, at + IDENTIFIER_OFFSET, identifier);
    }
}
