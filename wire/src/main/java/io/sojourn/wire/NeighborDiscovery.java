// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.MemorySegment;

/**
 * Neighbor Discovery messages (RFC 4861 section 4); {@code at} is the first octet of the ICMPv6 message.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     Type      |     Code (0)  |          Checksum             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |R|S|O|              Reserved (flags of advertisements)         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        Target Address (128 bits; solicitation, advertisement) |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Option type   | Length (by 8) |    Link-Layer Address (6)     |
 * </pre>
 */
public final class NeighborDiscovery {
    /** What a message is; {@link #NONE} for every packet that is not Neighbor Discovery. */
    public enum Kind {
        NONE(0, 0),
        ROUTER_SOLICITATION(133, 8),
        ROUTER_ADVERTISEMENT(134, 16),
        NEIGHBOR_SOLICITATION(135, 24),
        NEIGHBOR_ADVERTISEMENT(136, 24),
        REDIRECT(137, 40);

        private final int type;
        private final int fixedBytes;

        Kind(int type, int fixedBytes) {
            this.type = type;
            this.fixedBytes = fixedBytes;
        }

        /** The ICMPv6 type. */
        public int type() {
            return type;
        }

        /** Octets before the options. */
        public int fixedBytes() {
            return fixedBytes;
        }

        static Kind of(int type) {
            return switch (type) {
                case 133 -> ROUTER_SOLICITATION;
                case 134 -> ROUTER_ADVERTISEMENT;
                case 135 -> NEIGHBOR_SOLICITATION;
                case 136 -> NEIGHBOR_ADVERTISEMENT;
                case 137 -> REDIRECT;
                default -> NONE;
            };
        }

        boolean hasTarget() {
            return fixedBytes >= 24;
        }
    }

    public static final int FLAGS_OFFSET = 4;
    public static final int TARGET_OFFSET = 8;

    public static final int ROUTER = 0x80;
    public static final int SOLICITED = 0x40;
    public static final int OVERRIDE = 0x20;

    public static final int OPTION_SOURCE_LINK_LAYER = 1;
    public static final int OPTION_TARGET_LINK_LAYER = 2;
    public static final int LINK_LAYER_OPTION_BYTES = 8;

    /** Every message is sent with this hop limit and ignored with any other: it has not crossed a router. */
    public static final int HOP_LIMIT = 255;

    /** ff02::1 */
    /** fe80::/64 (RFC 4291 section 2.5.6). */
    public static final long LINK_LOCAL_HIGH = 0xFE80_0000_0000_0000L;

    public static final long ALL_NODES_HIGH = 0xFF02_0000_0000_0000L;

    public static final long ALL_NODES_LOW = 1;
    /** The low half of ff02::2; the high half is that of all nodes. */
    public static final long ALL_ROUTERS_LOW = 2;

    private static final long SOLICITED_NODE_LOW = 0x0000_0001_FF00_0000L;

    private NeighborDiscovery() {}

    /** Low half of the solicited-node address of a target (RFC 4291 section 2.7.1); the high half is ff02::. */
    public static long solicitedNodeLow(long targetLow) {
        return SOLICITED_NODE_LOW | targetLow & 0xFF_FFFF;
    }

    static boolean isSolicitedNode(long high, long low) {
        return high == ALL_NODES_HIGH && low >>> 24 == SOLICITED_NODE_LOW >>> 24;
    }

    /** The Ethernet address of an IPv6 multicast group (RFC 2464 section 7): 33:33 and the last 32 bits. */
    public static long multicastMac(long low) {
        return 0x3333_0000_0000L | low & 0xFFFF_FFFFL;
    }

    /**
     * The address in the first source or target link-layer address option, {@link ParsedFrame#NO_MAC} without one, or
     * {@link #BROKEN} when the options do not fill the message exactly (RFC 4861 section 6.1: length 0 is invalid).
     */
    static long linkLayerOption(MemorySegment s, long at, int length, Kind kind) {
        int wanted = switch (kind) {
            case NEIGHBOR_ADVERTISEMENT, REDIRECT -> OPTION_TARGET_LINK_LAYER;
            default -> OPTION_SOURCE_LINK_LAYER;
        };
        long found = ParsedFrame.NO_MAC;
        int i = kind.fixedBytes;
        while (i < length) {
            if (i + 2 > length) {
                return BROKEN;
            }
            int bytes = BigEndian.u8(s, at + i + 1) << 3;
            if (bytes == 0 || i + bytes > length) {
                return BROKEN;
            }
            if (found == ParsedFrame.NO_MAC && BigEndian.u8(s, at + i) == wanted && bytes == LINK_LAYER_OPTION_BYTES) {
                found = BigEndian.u48(s, at + i + 2);
            }
            i += bytes;
        }
        return found;
    }

    /** No 48-bit address and not "none" either. */
    static final long BROKEN = -2;
}
