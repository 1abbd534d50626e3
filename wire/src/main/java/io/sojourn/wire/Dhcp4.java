// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * DHCP over IPv4 (RFC 2131, options of RFC 2132): a client's message as a server reads it, and the server's answer. Octets come from guests: nothing here throws on them.
 *
 * <pre>
 *   op 8 | htype 8 | hlen 8 | hops 8 | xid 32 | secs 16 | flags 16 | ciaddr 32 | yiaddr 32 | siaddr 32 | giaddr 32 | chaddr 128 | sname, file: 192 octets | cookie 32 | options
 * </pre>
 *
 * <p>One thread; {@link #read} replaces what was read before, and allocates nothing.
 */
public final class Dhcp4 {
    public static final int SERVER_PORT = 67;
    public static final int CLIENT_PORT = 68;

    public static final int DISCOVER = 1;
    public static final int OFFER = 2;
    public static final int REQUEST = 3;
    public static final int DECLINE = 4;
    public static final int ACK = 5;
    public static final int NAK = 6;
    public static final int RELEASE = 7;
    public static final int INFORM = 8;

    /** {@link #write} needs no more. */
    public static final int ANSWER_BYTES = 300;

    private static final int BOOT_REQUEST = 1;
    private static final int BOOT_REPLY = 2;
    private static final int ETHERNET = 1;
    private static final int COOKIE = 0x63825363;
    private static final int OPTIONS_AT = 240;
    private static final int BROADCAST = 0x8000;

    private static final int PAD = 0;
    private static final int SUBNET_MASK = 1;
    private static final int ROUTER = 3;
    private static final int NAME_SERVERS = 6;
    private static final int INTERFACE_MTU = 26;
    private static final int REQUESTED_ADDRESS = 50;
    private static final int LEASE_TIME = 51;
    private static final int MESSAGE_TYPE = 53;
    private static final int SERVER = 54;
    private static final int END = 255;

    /** What a server grants. @param router 0: none @param nameServer 0: none @param mtuBytes 0: not said */
    public record Lease(long address, int prefixLength, long router, long nameServer, int mtuBytes, int seconds) {}

    private int type;
    private int transaction;
    private int flags;
    private long clientAddress;
    private long requested;
    private long server;
    private long mac;

    /** @return false: no client's message, cut off, or not of Ethernet */
    public boolean read(MemorySegment s, long at, int length) {
        if (length < OPTIONS_AT
                || BigEndian.u8(s, at) != BOOT_REQUEST
                || BigEndian.u8(s, at + 1) != ETHERNET
                || BigEndian.u8(s, at + 2) != 6
                || BigEndian.i32(s, at + 236) != COOKIE) {
            return false;
        }
        type = 0;
        requested = 0;
        server = 0;
        transaction = BigEndian.i32(s, at + 4);
        flags = BigEndian.u16(s, at + 10);
        clientAddress = BigEndian.u32(s, at + 12);
        mac = BigEndian.u48(s, at + 28);
        for (int i = OPTIONS_AT; i < length; ) {
            int option = BigEndian.u8(s, at + i);
            if (option == END) {
                break;
            }
            if (option == PAD) {
                i++;
                continue;
            }
            int bytes = i + 1 < length ? BigEndian.u8(s, at + i + 1) : 0xFF;
            if (i + 2 + bytes > length) {
                return false;
            }
            option(s, at + i + 2, option, bytes);
            i += 2 + bytes;
        }
        return type != 0;
    }

    private void option(MemorySegment s, long at, int option, int bytes) {
        if (option == MESSAGE_TYPE && bytes == 1) {
            type = BigEndian.u8(s, at);
        } else if (option == REQUESTED_ADDRESS && bytes == 4) {
            requested = BigEndian.u32(s, at);
        } else if (option == SERVER && bytes == 4) {
            server = BigEndian.u32(s, at);
        }
    }

    public int type() {
        return type;
    }

    /** The client's own address, which it uses; 0: it has none. */
    public long clientAddress() {
        return clientAddress;
    }

    /** What it asks for: by the option, or the one that it has; 0: nothing in particular. */
    public long wantedAddress() {
        return requested != 0 ? requested : clientAddress;
    }

    /** The server that it has chosen; 0: none yet, or any. */
    public long server() {
        return server;
    }

    public long mac() {
        return mac;
    }

    /** Whether it cannot be sent anything to an address that it has not got yet. */
    public boolean wantsBroadcast() {
        return (flags & BROADCAST) != 0;
    }

    /** Writes the answer to what was read; its length. @param granted of a NAK without meaning */
    public int write(MemorySegment s, long at, int answer, long serverAddress, Lease granted) {
        s.asSlice(at, ANSWER_BYTES).fill((byte) 0);
        BigEndian.putU8(s, at, BOOT_REPLY);
        BigEndian.putU8(s, at + 1, ETHERNET);
        BigEndian.putU8(s, at + 2, 6);
        BigEndian.putU32(s, at + 4, transaction & 0xFFFF_FFFFL);
        BigEndian.putU16(s, at + 10, flags);
        BigEndian.putU48(s, at + 28, mac);
        BigEndian.putU32(s, at + 236, COOKIE);
        long next = put8(s, at + OPTIONS_AT, MESSAGE_TYPE, answer);
        next = put32(s, next, SERVER, serverAddress);
        if (answer != NAK) {
            BigEndian.putU32(s, at + 12, type == INFORM || type == REQUEST ? clientAddress : 0);
            BigEndian.putU32(s, at + 16, type == INFORM ? 0 : granted.address());
            if (type != INFORM) {
                next = put32(s, next, LEASE_TIME, granted.seconds());
            }
            next = put32(s, next, SUBNET_MASK, mask(granted.prefixLength()));
            next = granted.router() == 0 ? next : put32(s, next, ROUTER, granted.router());
            next = granted.nameServer() == 0 ? next : put32(s, next, NAME_SERVERS, granted.nameServer());
            if (granted.mtuBytes() != 0) {
                BigEndian.putU8(s, next, INTERFACE_MTU);
                BigEndian.putU8(s, next + 1, 2);
                BigEndian.putU16(s, next + 2, granted.mtuBytes());
                next += 4;
            }
        }
        BigEndian.putU8(s, next, END);
        return ANSWER_BYTES; // RFC 1542 section 2.1: no shorter than BOOTP's
    }

    private static long mask(int prefixLength) {
        return prefixLength == 0 ? 0 : 0xFFFF_FFFFL << 32 - prefixLength & 0xFFFF_FFFFL;
    }

    private static long put8(MemorySegment s, long at, int option, int value) {
        BigEndian.putU8(s, at, option);
        BigEndian.putU8(s, at + 1, 1);
        BigEndian.putU8(s, at + 2, value);
        return at + 3;
    }

    private static long put32(MemorySegment s, long at, int option, long value) {
        BigEndian.putU8(s, at, option);
        BigEndian.putU8(s, at + 1, 4);
        BigEndian.putU32(s, at + 2, value & 0xFFFF_FFFFL);
        return at + 6;
    }
}
