// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * DHCP for IPv6 (RFC 8415): a client's message as a server reads it, and the server's answer. Addresses (IA_NA) and what a host wants to know beside them; neither temporary ones nor prefixes. Octets come from guests:
 * nothing here throws on them.
 *
 * <pre>
 *   msg-type 8 | transaction-id 24 | options: code 16 | length 16 | octets
 *   IA_NA (3): IAID 32 | T1 32 | T2 32 | options      IAADDR (5): address 128 | preferred 32 | valid 32 | options
 * </pre>
 *
 * <p>One thread; {@link #read} replaces what was read before.
 */
public final class Dhcp6 {
    public static final int CLIENT_PORT = 546;
    public static final int SERVER_PORT = 547;
    /** All_DHCP_Relay_Agents_and_Servers, ff02::1:2. */
    public static final long SERVERS_HIGH = 0xFF02_0000_0000_0000L;

    public static final long SERVERS_LOW = 0x0001_0002L;

    public static final int SOLICIT = 1;
    public static final int ADVERTISE = 2;
    public static final int REQUEST = 3;
    public static final int CONFIRM = 4;
    public static final int RENEW = 5;
    public static final int REBIND = 6;
    public static final int REPLY = 7;
    public static final int RELEASE = 8;
    public static final int DECLINE = 9;
    public static final int INFORMATION_REQUEST = 11;

    public static final int SUCCESS = 0;
    public static final int NO_ADDRESSES = 2;
    public static final int NOT_ON_LINK = 4;

    /** {@link #write} needs no more, with {@link #LEASES_MOST} addresses in each association. */
    public static final int ANSWER_BYTES = 1_200;

    public static final int LEASES_MOST = 6;
    private static final int ASSOCIATIONS_MOST = 4;

    private static final int CLIENT_ID = 1;
    private static final int SERVER_ID = 2;
    private static final int IA_NA = 3;
    private static final int IA_ADDRESS = 5;
    private static final int PREFERENCE = 7;
    private static final int STATUS = 13;
    private static final int RAPID_COMMIT = 14;
    private static final int NAME_SERVERS = 23;
    private static final int HEADER_BYTES = 4;
    private static final int IA_BYTES = 12;
    private static final int ADDRESS_BYTES = 24;
    /** RFC 8415 section 11.1. */
    private static final int DUID_MOST = 130;

    private static final int HIGHEST_PREFERENCE = 255;

    /** An address for so many seconds; with 0 to be valid it is the client's no longer. */
    public record Lease(long high, long low, int preferredS, int validS) {}

    /**
     * What an answer says beside addresses.
     *
     * @param status of the whole; negative: none
     * @param nameServerHigh with low 0: none
     */
    public record Said(int status, long nameServerHigh, long nameServerLow) {}

    private int type;
    private int transaction;
    private boolean wantsRapidCommit;
    private final byte[] clientId = new byte[DUID_MOST];
    private int clientIdBytes;
    private final byte[] serverId = new byte[DUID_MOST];
    private int serverIdBytes;
    private int associations;
    private final int[] ids = new int[ASSOCIATIONS_MOST];
    private final int[] wanted = new int[ASSOCIATIONS_MOST];
    private final long[] wantedHigh = new long[ASSOCIATIONS_MOST * LEASES_MOST];
    private final long[] wantedLow = new long[ASSOCIATIONS_MOST * LEASES_MOST];

    /** The server's name that a link-layer address makes (DUID-LL, RFC 8415 section 11.4). */
    public static byte[] duid(long mac) {
        byte[] duid = new byte[10];
        duid[1] = 3;
        duid[3] = 1;
        for (int i = 0; i < 6; i++) {
            duid[4 + i] = (byte) (mac >>> 8 * (5 - i));
        }
        return duid;
    }

    /** @return false: no client's message, cut off, or of more associations or addresses than one host has use for */
    public boolean read(MemorySegment s, long at, int length) {
        type = length < HEADER_BYTES ? 0 : BigEndian.u8(s, at);
        if (type < SOLICIT || type == ADVERTISE || type == REPLY || type > INFORMATION_REQUEST || type == 10) {
            return false;
        }
        transaction = BigEndian.i32(s, at) & 0xFF_FFFF;
        clientIdBytes = 0;
        serverIdBytes = 0;
        associations = 0;
        wantsRapidCommit = false;
        for (int i = HEADER_BYTES; i < length; ) {
            if (i + 4 > length) {
                return false;
            }
            int bytes = BigEndian.u16(s, at + i + 2);
            if (i + 4 + bytes > length || !option(s, at + i + 4, BigEndian.u16(s, at + i), bytes)) {
                return false;
            }
            i += 4 + bytes;
        }
        return true;
    }

    private boolean option(MemorySegment s, long at, int option, int bytes) {
        switch (option) {
            case CLIENT_ID -> {
                clientIdBytes = bytes;
                return copyId(s, at, bytes, clientId);
            }
            case SERVER_ID -> {
                serverIdBytes = bytes;
                return copyId(s, at, bytes, serverId);
            }
            case RAPID_COMMIT -> wantsRapidCommit = true;
            case IA_NA -> {
                return association(s, at, bytes);
            }
            default -> {} // wishes that we do not know
        }
        return true;
    }

    private static boolean copyId(MemorySegment s, long at, int bytes, byte[] to) {
        if (bytes == 0 || bytes > DUID_MOST) {
            return false;
        }
        MemorySegment.copy(s, ValueLayout.JAVA_BYTE, at, to, 0, bytes);
        return true;
    }

    private boolean association(MemorySegment s, long at, int length) {
        if (length < IA_BYTES || associations == ASSOCIATIONS_MOST) {
            return false;
        }
        int which = associations++;
        ids[which] = BigEndian.i32(s, at);
        wanted[which] = 0;
        for (int i = IA_BYTES; i < length; ) {
            int bytes = i + 4 > length ? 0xFFFF : BigEndian.u16(s, at + i + 2);
            if (i + 4 + bytes > length) {
                return false;
            }
            if (BigEndian.u16(s, at + i) == IA_ADDRESS) {
                if (bytes < ADDRESS_BYTES || wanted[which] == LEASES_MOST) {
                    return false;
                }
                int n = which * LEASES_MOST + wanted[which]++;
                wantedHigh[n] = BigEndian.u64(s, at + i + 4);
                wantedLow[n] = BigEndian.u64(s, at + i + 12);
            }
            i += 4 + bytes;
        }
        return true;
    }

    public int type() {
        return type;
    }

    /** Whether the message is as its type wants it (RFC 8415 section 16): what is not is thrown away without a word. @param ours the server's own name */
    public boolean isFor(byte[] ours) {
        boolean ourName =
                serverIdBytes == ours.length && Arrays.equals(serverId, 0, serverIdBytes, ours, 0, ours.length);
        return switch (type) {
            case SOLICIT, CONFIRM, REBIND -> clientIdBytes > 0 && serverIdBytes == 0;
            case REQUEST, RENEW, RELEASE, DECLINE -> clientIdBytes > 0 && ourName;
            case INFORMATION_REQUEST -> (serverIdBytes == 0 || ourName) && associations == 0;
            default -> false;
        };
    }

    /** SOLICIT: it takes the addresses at once (RFC 8415 section 21.14). */
    public boolean wantsRapidCommit() {
        return wantsRapidCommit && type == SOLICIT;
    }

    /** Associations that it wants addresses for. */
    public int associations() {
        return associations;
    }

    /** How many addresses it names in one of them. */
    public int wanted(int association) {
        return wanted[association];
    }

    public long wantedHigh(int association, int n) {
        return wantedHigh[association * LEASES_MOST + n];
    }

    public long wantedLow(int association, int n) {
        return wantedLow[association * LEASES_MOST + n];
    }

    /**
     * Writes the answer to what was read; its length.
     *
     * @param granted for each association; one with none is told that there are none. Empty: associations are not spoken of
     */
    public int write(MemorySegment s, long at, int answer, byte[] ours, List<List<Lease>> granted, Said said) {
        BigEndian.putU32(s, at, (long) answer << 24 | transaction);
        long next = at + HEADER_BYTES;
        if (clientIdBytes > 0) {
            next = octets(s, next, CLIENT_ID, clientId, clientIdBytes);
        }
        next = octets(s, next, SERVER_ID, ours, ours.length);
        if (answer == ADVERTISE) {
            next = head(s, next, PREFERENCE, 1);
            BigEndian.putU8(s, next++, HIGHEST_PREFERENCE); // nobody else knows what is registered
        }
        if (wantsRapidCommit() && answer == REPLY) {
            next = head(s, next, RAPID_COMMIT, 0);
        }
        if (said.status() >= 0) {
            next = status(s, next, said.status());
        }
        for (int i = 0; i < granted.size(); i++) {
            next = association(s, next, ids[i], granted.get(i));
        }
        if ((said.nameServerHigh() | said.nameServerLow()) != 0) {
            next = head(s, next, NAME_SERVERS, 16);
            BigEndian.putU64(s, next, said.nameServerHigh());
            BigEndian.putU64(s, next + 8, said.nameServerLow());
            next += 16;
        }
        return (int) (next - at);
    }

    private static long association(MemorySegment s, long at, int id, List<Lease> leases) {
        long next = head(s, at, IA_NA, 0);
        int shortest = leases.stream()
                .mapToInt(Lease::preferredS)
                .filter(seconds -> seconds > 0)
                .min()
                .orElse(0);
        BigEndian.putU32(s, next, id & 0xFFFF_FFFFL);
        BigEndian.putU32(s, next + 4, shortest / 2);
        BigEndian.putU32(s, next + 8, shortest * 4L / 5);
        next += IA_BYTES;
        for (Lease lease : leases) {
            next = head(s, next, IA_ADDRESS, ADDRESS_BYTES);
            BigEndian.putU64(s, next, lease.high());
            BigEndian.putU64(s, next + 8, lease.low());
            BigEndian.putU32(s, next + 16, lease.preferredS());
            BigEndian.putU32(s, next + 20, lease.validS());
            next += ADDRESS_BYTES;
        }
        if (leases.isEmpty()) {
            next = status(s, next, NO_ADDRESSES);
        }
        BigEndian.putU16(s, at + 2, (int) (next - at - 4));
        return next;
    }

    private static long status(MemorySegment s, long at, int code) {
        long next = head(s, at, STATUS, 2);
        BigEndian.putU16(s, next, code);
        return next + 2;
    }

    private static long octets(MemorySegment s, long at, int option, byte[] octets, int bytes) {
        long next = head(s, at, option, bytes);
        MemorySegment.copy(octets, 0, s, ValueLayout.JAVA_BYTE, next, bytes);
        return next + bytes;
    }

    private static long head(MemorySegment s, long at, int option, int bytes) {
        BigEndian.putU16(s, at, option);
        BigEndian.putU16(s, at + 2, bytes);
        return at + 4;
    }
}
