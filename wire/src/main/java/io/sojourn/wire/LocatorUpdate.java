// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * ICMP Locator Update and its acknowledgement, for IPv6 (RFC 6743) and for IPv4 (RFC 6745); {@code at} is the first octet
 * of the ICMP message. Both have one layout, but for the width of a locator. Control path.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Type 156, 253 |     Code (0)  |          Checksum             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   Num of Locs |   Operation   |         Reserved (0)          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |    Locator (IPv6: 64 bits, IPv4: 32 bits), Num of Locs times  |
 * |       Preference, low first   |         Lifetime (seconds)    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 *
 * The figures of RFC 6743 with and without an Operation are reconciled as its text has it: Operation is an octet, 16 bits behind it are
 * reserved (erratum 5911). All currently valid locators are listed: an update replaces, it is no difference.
 */
public enum LocatorUpdate {
    /** ICMPv6 type 156. */
    V6(156, Long.BYTES),
    /** ICMP type 253, experimental (RFC 4727). */
    V4(253, Integer.BYTES);

    public static final int CODE_OFFSET = 1;
    public static final int CHECKSUM_OFFSET = 2;
    public static final int COUNT_OFFSET = 4;
    public static final int OPERATION_OFFSET = 5;
    public static final int RESERVED_OFFSET = 6;
    public static final int HEADER_BYTES = 8;
    /** As many as the count has room for. */
    public static final int LOCATORS_MAX = 255;

    public static final int ADVERTISEMENT = 1;
    public static final int ACKNOWLEDGEMENT = 2;

    private final int type;
    private final int locatorBytes;

    LocatorUpdate(int type, int locatorBytes) {
        this.type = type;
        this.locatorBytes = locatorBytes;
    }

    /** The ICMP type. */
    public int type() {
        return type;
    }

    /** Octets of a message with that many locators. */
    public int bytes(int locators) {
        return HEADER_BYTES + locators * entryBytes();
    }

    private int entryBytes() {
        return locatorBytes + 4;
    }

    /**
     * Whether the message can be read: at least one locator, all of them there, a known operation. Octets behind the last
     * locator are let pass. Checksum and nonce are somebody else's.
     */
    public DropReason check(MemorySegment s, long at, int length) {
        if (length < HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        int operation = operation(s, at);
        boolean wellFormed = BigEndian.u8(s, at) == type
                && BigEndian.u8(s, at + CODE_OFFSET) == 0
                && (operation == ADVERTISEMENT || operation == ACKNOWLEDGEMENT)
                && count(s, at) > 0
                && bytes(count(s, at)) <= length;
        return wellFormed ? DropReason.NONE : DropReason.BAD_LOCATOR_UPDATE;
    }

    public static int operation(MemorySegment s, long at) {
        return BigEndian.u8(s, at + OPERATION_OFFSET);
    }

    /** Locators in the message, 1 to 255. */
    public static int count(MemorySegment s, long at) {
        return BigEndian.u8(s, at + COUNT_OFFSET);
    }

    /** The locator at that place, from 0; an IPv4 one in the lower 32 bits. */
    public long locator(MemorySegment s, long at, int index) {
        long entry = at + bytes(index);
        return locatorBytes == Long.BYTES ? BigEndian.u64(s, entry) : BigEndian.u32(s, entry);
    }

    /** The lower, the more preferred. */
    public int preference(MemorySegment s, long at, int index) {
        return BigEndian.u16(s, at + bytes(index) + locatorBytes);
    }

    public int lifetimeS(MemorySegment s, long at, int index) {
        return BigEndian.u16(s, at + bytes(index) + locatorBytes + 2);
    }

    /** Writes the 8 octets before the locators, with a checksum of 0. */
    public void writeHeader(MemorySegment s, long at, int operation, int locators) {
        if (locators < 1 || locators > LOCATORS_MAX) {
            throw new IllegalArgumentException(locators + " locators: an update has 1 to " + LOCATORS_MAX);
        }
        BigEndian.putU32(s, at, (long) type << 24);
        BigEndian.putU8(s, at + COUNT_OFFSET, locators);
        BigEndian.putU8(s, at + OPERATION_OFFSET, operation);
        BigEndian.putU16(s, at + RESERVED_OFFSET, 0);
    }

    public void writeLocator(MemorySegment s, long at, int index, long locator, int preference, int lifetimeS) {
        long entry = at + bytes(index);
        if (locatorBytes == Long.BYTES) {
            BigEndian.putU64(s, entry, locator);
        } else {
            BigEndian.putU32(s, entry, locator);
        }
        BigEndian.putU16(s, entry + locatorBytes, preference);
        BigEndian.putU16(s, entry + locatorBytes + 2, lifetimeS);
    }

    /**
     * Computes the checksum of the message, when all of it is written. ICMPv6 is summed with the whole addresses, locators included, in ILNP
     * too (RFC 6743 section 3); ICMP for IPv4 has no pseudo-header.
     *
     * @param ip of the IP header in front; read for IPv6 only
     */
    public void putChecksum(MemorySegment s, long ip, long at, int length) {
        if (this == V6) {
            Icmp6.putChecksum(s, ip, at, length);
            return;
        }
        BigEndian.putU16(s, at + CHECKSUM_OFFSET, 0);
        BigEndian.putU16(s, at + CHECKSUM_OFFSET, Checksum.finish(Checksum.sum(s, at, length)));
    }

    /** Whether the message's checksum is right; arguments as for {@link #putChecksum}. */
    public boolean isIntact(MemorySegment s, long ip, long at, int length) {
        return Checksum.isIntact(this == V6 ? Icmp6.sumOf(s, ip, at, length) : Checksum.sum(s, at, length));
    }
}
