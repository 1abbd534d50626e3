// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * What an IPv6 packet's headers say of ILNP: the nonce, if it has one, and what follows. One instance per thread, filled again by each {@link #read}.
 * Nothing is allocated.
 *
 * <p>A second Nonce option in a packet is an attack or a fault, and so is one of another size than RFC 6744 knows: the packet is dropped
 * ({@link DropReason#BAD_NONCE_OPTION}). A fragment that is not the first has no nonce to be read.
 */
public final class IlnpHeaders {
    private static final int PAD1 = 0;
    private static final int POINTER_OFFSET = 4;
    /** RFC 4443 section 3.4: unrecognized IPv6 option encountered. */
    private static final int CODE_UNRECOGNIZED_OPTION = 2;

    private int nonceBytes;
    private int nonceHigh;
    private long nonceLow;
    private int optionOffset;
    private int optionsHeaderOffset;
    private int optionsHeaderBytes;
    private int beforeOptions;
    private int protocol;
    private int upperOffset;
    private int upperLength;
    private boolean laterFragment;

    /**
     * Reads the headers of the IPv6 packet at {@code ip}.
     *
     * @param length octets that are there, which may be more than the packet has, or fewer for one that is quoted
     */
    public DropReason read(MemorySegment s, long ip, int length) {
        clear();
        if (length < Ipv6.HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        if (Ipv6.version(s, ip) != 6) {
            return DropReason.BAD_IP_VERSION;
        }
        int end = Math.min(length, Ipv6.HEADER_BYTES + Ipv6.payloadLength(s, ip));
        int offset = Ipv6.HEADER_BYTES;
        int next = Ipv6.nextHeader(s, ip);
        int nextAt = Ipv6.NEXT_HEADER_OFFSET;
        for (int count = 0; Ipv6.isExtensionHeader(next) && !laterFragment; count++) {
            if (count == Ipv6.EXTENSION_HEADERS_MAX || offset + 8 > end) {
                return DropReason.BAD_EXTENSION_HEADERS;
            }
            int bytes = Ipv6.extensionHeaderLength(next, s, ip + offset);
            if (offset + bytes > end) {
                return DropReason.BAD_EXTENSION_HEADERS;
            }
            if (next == IpProtocol.FRAGMENT) {
                laterFragment = (BigEndian.u16(s, ip + offset + 2) & 0xFFF8) != 0;
            } else if (next == IpProtocol.DESTINATION_OPTIONS) {
                DropReason bad = readOptions(s, ip, offset, bytes, nextAt);
                if (bad.isDrop()) {
                    return bad;
                }
            }
            nextAt = offset;
            next = BigEndian.u8(s, ip + offset);
            offset += bytes;
        }
        protocol = next;
        upperOffset = offset;
        upperLength = end - offset;
        return DropReason.NONE;
    }

    private void clear() {
        nonceBytes = 0;
        nonceHigh = 0;
        nonceLow = 0;
        optionOffset = 0;
        optionsHeaderOffset = 0;
        optionsHeaderBytes = 0;
        beforeOptions = 0;
        protocol = IpProtocol.NO_NEXT_HEADER;
        upperOffset = Ipv6.HEADER_BYTES;
        upperLength = 0;
        laterFragment = false;
    }

    private DropReason readOptions(MemorySegment s, long ip, int header, int headerBytes, int nextAt) {
        int end = header + headerBytes;
        int offset = header + 2;
        while (offset < end) {
            int type = BigEndian.u8(s, ip + offset);
            if (type == PAD1) {
                offset++;
                continue;
            }
            if (offset + 2 > end) {
                return DropReason.BAD_EXTENSION_HEADERS;
            }
            int bytes = BigEndian.u8(s, ip + offset + 1);
            if (offset + 2 + bytes > end) {
                return DropReason.BAD_EXTENSION_HEADERS;
            }
            if (type == NonceOption.TYPE) {
                if (nonceBytes != 0 || bytes != NonceOption.SHORT_BYTES && bytes != NonceOption.LONG_BYTES) {
                    return DropReason.BAD_NONCE_OPTION;
                }
                nonceBytes = bytes;
                nonceHigh = NonceOption.high(s, ip + offset, bytes);
                nonceLow = NonceOption.low(s, ip + offset, bytes);
                optionOffset = offset;
                optionsHeaderOffset = header;
                optionsHeaderBytes = headerBytes;
                beforeOptions = nextAt;
            }
            offset += 2 + bytes;
        }
        return DropReason.NONE;
    }

    /**
     * Whether the ICMPv6 message that {@link #read} has just found is a node's word that it does not know the Nonce option: a Parameter Problem of code 2
     * that points at the Nonce option of the packet it quotes (RFC 6744 section 6). Where it points elsewhere it speaks of something else.
     */
    public boolean isNonceUnknown(MemorySegment s, long ip) {
        int at = upperOffset;
        if (protocol != IpProtocol.ICMPV6
                || laterFragment
                || upperLength < IcmpErrors.QUOTE_OFFSET + Ipv6.HEADER_BYTES
                || Icmp6.type(s, ip + at) != Icmp6.PARAMETER_PROBLEM
                || Icmp6.code(s, ip + at) != CODE_UNRECOGNIZED_OPTION) {
            return false;
        }
        long pointer = BigEndian.u32(s, ip + at + POINTER_OFFSET);
        int quoted = upperLength - IcmpErrors.QUOTE_OFFSET;
        boolean read = !read(s, ip + at + IcmpErrors.QUOTE_OFFSET, quoted).isDrop();
        return read && nonceBytes != 0 && pointer == optionOffset;
    }

    /** 4 or 12; 0: the packet has none. */
    public int nonceBytes() {
        return nonceBytes;
    }

    /** The first 32 bits of a long nonce, else 0. */
    public int nonceHigh() {
        return nonceHigh;
    }

    /** The last 64 bits of a long nonce, or in the lower 32 bits a short one. */
    public long nonceLow() {
        return nonceLow;
    }

    /** From the packet's first octet to the type of the Nonce option. */
    public int optionOffset() {
        return optionOffset;
    }

    /** From the packet's first octet to the Destination Options header with the nonce. */
    public int optionsHeaderOffset() {
        return optionsHeaderOffset;
    }

    public int optionsHeaderBytes() {
        return optionsHeaderBytes;
    }

    /** Whether that header holds the nonce alone, so that it may be taken out as a whole. */
    public boolean isNonceAlone() {
        return nonceBytes != 0 && optionsHeaderBytes == NonceOption.headerBytes(nonceBytes);
    }

    /** From the packet's first octet to the one that names that header. */
    public int nextHeaderOffset() {
        return beforeOptions;
    }

    /** What follows the extension headers. */
    public int protocol() {
        return protocol;
    }

    public int upperOffset() {
        return upperOffset;
    }

    public int upperLength() {
        return upperLength;
    }

    public boolean isLaterFragment() {
        return laterFragment;
    }

    /** Whether the upper layer is a Locator Update or its acknowledgement, in one piece. */
    public boolean isLocatorUpdate(MemorySegment s, long ip) {
        return protocol == IpProtocol.ICMPV6
                && !laterFragment
                && upperLength >= 1
                && Icmp6.type(s, ip + upperOffset) == LocatorUpdate.V6.type();
    }
}
