// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * The first two octets of what gateways say to each other over the port that also carries VXLAN.
 *
 * <pre>
 *  0                   1
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |   'S' 0x53    |     Type      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class SojournDatagram {
    public static final int MAGIC = 0x53;
    public static final int TYPE_OFFSET = 1;
    public static final int HEADER_BYTES = 2;

    public static final int INVALID = 0;
    public static final int SIGNAL = 1;
    public static final int STREAM_DATA = 2;
    public static final int STREAM_ACK = 3;
    public static final int PATH_PROBE = 4;
    public static final int PATH_PROBE_REPLY = 5;
    public static final int SPLIT = 6;
    /** Datagrams of the peer come damaged. */
    public static final int DAMAGE = 7;
    /** The type and zeros: nothing shorter than a VXLAN header is looked at. */
    public static final int DAMAGE_BYTES = 8;

    public static final int RELAY = 8;
    public static final int RELAYED = 9;
    /** What a VM is reached by has changed. */
    public static final int MAPPING = 10;
    /** Whom a node that moves talks to, and how they prove it. */
    public static final int NODE_STATE = 11;
    /** Flows of a VM that moves. */
    public static final int FLOW_STATE = 13;
    /** Which TCP connections a VM that moves has, and how they are resumed. */
    public static final int LABEL_STATE = 14;
    /** What was said about one of them where it was before. */
    public static final int LABEL_CONTROL = 15;

    private SojournDatagram() {}

    /** The type of the datagram, or {@link #INVALID} when it is not Sojourn's, too short, or of no known type. */
    public static int type(MemorySegment s, long at, int length) {
        if (length < HEADER_BYTES || BigEndian.u8(s, at) != MAGIC) {
            return INVALID;
        }
        int type = BigEndian.u8(s, at + TYPE_OFFSET);
        return type <= LABEL_CONTROL ? type : INVALID;
    }

    /** A path probe, or its reply, that says that it was sent on the direct path. */
    public static boolean isDirectProbe(MemorySegment s, long at, int length) {
        int type = type(s, at, length);
        return (type == PATH_PROBE || type == PATH_PROBE_REPLY)
                && length >= PathProbe.BYTES
                && (PathProbe.flags(s, at) & PathProbe.FLAG_DIRECT) != 0;
    }

    public static void write(MemorySegment s, long at, int type) {
        BigEndian.putU8(s, at, MAGIC);
        BigEndian.putU8(s, at + TYPE_OFFSET, type);
    }
}
