// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Probe of the path between two gateways, and its reply: liveness, round trip, clock offset (as NTP, RFC 5905 section
 * 8), loss by gaps in the sequence, and path MTU by padding. Control path: it may allocate.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   'S' 0x53    |  Type 4 or 5  |  Version (1)  |     Flags     |
 * |                           Sequence                            |
 * |                Sender (64 bits): who wrote this datagram      |
 * |     t1 (64 bits): probe left, by the prober's clock           |
 * |     t2 (64 bits): probe arrived, by the replier's clock       |
 * |     t3 (64 bits): reply left, by the replier's clock          |
 * |  Size: of this probe, or the  |          Reserved (0)         |
 * |  probe that the reply answers |                               |
 * |     HMAC-SHA-256, first 128 bits, over all of the above       |
 * |     Padding (zeroes, not authenticated)                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 *
 * Times are microseconds since 1970. t2 and t3 are 0 in a probe. Size counts the octets of UDP payload.
 *
 * <p><i>Locking</i>: none; an instance belongs to one thread.
 */
public final class PathProbe {
    public static final int VERSION_OFFSET = 2;
    public static final int FLAGS_OFFSET = 3;
    public static final int SEQUENCE_OFFSET = 4;
    public static final int SENDER_OFFSET = 8;
    public static final int T1_OFFSET = 16;
    public static final int T2_OFFSET = 24;
    public static final int T3_OFFSET = 32;
    public static final int SIZE_OFFSET = 40;
    public static final int TAG_OFFSET = 44;
    public static final int TAG_BYTES = 16;
    /** A probe without padding. */
    public static final int BYTES = TAG_OFFSET + TAG_BYTES;

    public static final int SIZE_MAX = 0xFFFF;
    public static final int VERSION = 1;

    /** Flag of a probe: please pad the reply to the size of the probe (path MTU of the way back). */
    public static final int FLAG_PAD_REPLY = 1;

    /** Flag of a probe, and of its reply: sent on the direct path, whatever way other datagrams take. */
    public static final int FLAG_DIRECT = 2;

    private static final String ALGORITHM = "HmacSHA256";

    private final Mac mac;
    private final byte[] covered = new byte[TAG_OFFSET];
    private final byte[] found = new byte[TAG_BYTES];

    /** @param key the secret that both gateways share; it is copied */
    public PathProbe(byte[] key) {
        try {
            mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no " + ALGORITHM, e);
        }
    }

    /** Writes a probe padded to {@code sizeBytes} (at least 60, at most 65535) and returns its length. */
    public int writeProbe(MemorySegment s, long at, int flags, long sequence, long sender, long t1Us, int sizeBytes) {
        int size = Math.clamp(sizeBytes, BYTES, SIZE_MAX);
        return write(s, at, SojournDatagram.PATH_PROBE, flags, sequence, sender, t1Us, 0, 0, size, size);
    }

    /**
     * Writes the reply to an authentic probe at {@code probeAt} of {@code probe} that was {@code probeLength} long, and
     * returns its length.
     */
    public int writeReply(
            MemorySegment s,
            long at,
            MemorySegment probe,
            long probeAt,
            int probeLength,
            long sender,
            long t2Us,
            long t3Us) {
        int flags = flags(probe, probeAt);
        return write(
                s,
                at,
                SojournDatagram.PATH_PROBE_REPLY,
                flags,
                sequence(probe, probeAt),
                sender,
                t1Us(probe, probeAt),
                t2Us,
                t3Us,
                probeLength,
                (flags & FLAG_PAD_REPLY) == 0 ? BYTES : Math.max(BYTES, probeLength));
    }

    /** Whether the datagram is a well-formed, authentic probe or reply. */
    public DropReason check(MemorySegment s, long at, int length) {
        int type = SojournDatagram.type(s, at, length);
        if (length < BYTES
                || type != SojournDatagram.PATH_PROBE && type != SojournDatagram.PATH_PROBE_REPLY
                || BigEndian.u8(s, at + VERSION_OFFSET) != VERSION) {
            return DropReason.MALFORMED_CONTROL;
        }
        MemorySegment.copy(s, ValueLayout.JAVA_BYTE, at + TAG_OFFSET, found, 0, TAG_BYTES);
        if (!MessageDigest.isEqual(tag(s, at), found)) {
            return DropReason.UNAUTHENTICATED;
        }
        // Size is authentic: a probe cut or stretched on its way would measure the wrong path MTU.
        boolean wrongSize = type == SojournDatagram.PATH_PROBE && size(s, at) != length;
        return wrongSize ? DropReason.MALFORMED_CONTROL : DropReason.NONE;
    }

    public static int flags(MemorySegment s, long at) {
        return BigEndian.u8(s, at + FLAGS_OFFSET);
    }

    /** 32 bits. */
    public static long sequence(MemorySegment s, long at) {
        return BigEndian.u32(s, at + SEQUENCE_OFFSET);
    }

    public static long sender(MemorySegment s, long at) {
        return BigEndian.u64(s, at + SENDER_OFFSET);
    }

    public static long t1Us(MemorySegment s, long at) {
        return BigEndian.u64(s, at + T1_OFFSET);
    }

    public static long t2Us(MemorySegment s, long at) {
        return BigEndian.u64(s, at + T2_OFFSET);
    }

    public static long t3Us(MemorySegment s, long at) {
        return BigEndian.u64(s, at + T3_OFFSET);
    }

    public static int size(MemorySegment s, long at) {
        return BigEndian.u16(s, at + SIZE_OFFSET);
    }

    /** Round trip without the replier's own time, by a reply that arrived at {@code t4Us}. */
    public static long roundTripUs(MemorySegment s, long at, long t4Us) {
        return t4Us - t1Us(s, at) - (t3Us(s, at) - t2Us(s, at));
    }

    /** What to add to our clock to get the replier's, right to half the asymmetry of the path (RFC 5905 section 8). */
    public static long clockOffsetUs(MemorySegment s, long at, long t4Us) {
        return (t2Us(s, at) - t1Us(s, at) + (t3Us(s, at) - t4Us)) / 2;
    }

    private int write(
            MemorySegment s,
            long at,
            int type,
            int flags,
            long sequence,
            long sender,
            long t1Us,
            long t2Us,
            long t3Us,
            int sizeField,
            int length) {
        SojournDatagram.write(s, at, type);
        BigEndian.putU8(s, at + VERSION_OFFSET, VERSION);
        BigEndian.putU8(s, at + FLAGS_OFFSET, flags);
        BigEndian.putU32(s, at + SEQUENCE_OFFSET, sequence);
        BigEndian.putU64(s, at + SENDER_OFFSET, sender);
        BigEndian.putU64(s, at + T1_OFFSET, t1Us);
        BigEndian.putU64(s, at + T2_OFFSET, t2Us);
        BigEndian.putU64(s, at + T3_OFFSET, t3Us);
        BigEndian.putU32(s, at + SIZE_OFFSET, (long) sizeField << 16);
        MemorySegment.copy(tag(s, at), 0, s, ValueLayout.JAVA_BYTE, at + TAG_OFFSET, TAG_BYTES);
        s.asSlice(at + BYTES, length - BYTES).fill((byte) 0);
        return length;
    }

    private byte[] tag(MemorySegment s, long at) {
        MemorySegment.copy(s, ValueLayout.JAVA_BYTE, at, covered, 0, TAG_OFFSET);
        byte[] whole = mac.doFinal(covered);
        byte[] tag = new byte[TAG_BYTES];
        System.arraycopy(whole, 0, tag, 0, TAG_BYTES);
        return tag;
    }
}
