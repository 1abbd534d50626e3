// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.util.random.RandomGenerator;

/** The reference: packets on {@code byte[]}, every checksum from nothing, in the most obvious way. */
final class SlowPacket {
    static final long HOST_MAC = 0x5254_0000_000AL;
    static final long GATEWAY_MAC = 0x0200_5E00_0001L;

    private SlowPacket() {}

    /** RFC 1071 as its text says: add 16-bit words, fold, complement. */
    static int checksum(byte[]... parts) {
        long sum = 0;
        for (byte[] part : parts) {
            for (int i = 0; i < part.length; i += 2) {
                sum += (part[i] & 0xFF) << 8 | (i + 1 < part.length ? part[i + 1] & 0xFF : 0);
            }
        }
        while (sum > 0xFFFF) {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        return (int) (~sum & 0xFFFF);
    }

    static byte[] join(byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        byte[] out = new byte[length];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, out, at, part.length);
            at += part.length;
        }
        return out;
    }

    static byte[] number(long value, int octets) {
        byte[] out = new byte[octets];
        for (int i = 0; i < octets; i++) {
            out[i] = (byte) (value >>> 8 * (octets - 1 - i));
        }
        return out;
    }

    static int u16(byte[] in, int at) {
        return (in[at] & 0xFF) << 8 | in[at + 1] & 0xFF;
    }

    static void put16(byte[] out, int at, int value) {
        out[at] = (byte) (value >>> 8);
        out[at + 1] = (byte) value;
    }

    static byte[] slice(byte[] in, int from, int to) {
        return java.util.Arrays.copyOfRange(in, from, to);
    }

    static byte[] ethernet(int type, byte[] payload) {
        return join(number(GATEWAY_MAC, 6), number(HOST_MAC, 6), number(type, 2), payload);
    }

    /** @param options a multiple of 4 octets */
    static byte[] ipv4(
            int fragmentField, int protocol, byte[] source, byte[] destination, byte[] options, byte[] payload) {
        byte[] header = join(
                new byte[] {(byte) (0x45 + options.length / 4), 0},
                number(20 + options.length + payload.length, 2),
                number(0x1234, 2),
                number(fragmentField, 2),
                new byte[] {64, (byte) protocol, 0, 0},
                source,
                destination,
                options);
        put16(header, 10, checksum(header));
        return join(header, payload);
    }

    static byte[] ipv6(int nextHeader, byte[] source, byte[] destination, byte[] payload) {
        return join(
                number(6L << 28, 4),
                number(payload.length, 2),
                new byte[] {(byte) nextHeader, 64},
                source,
                destination,
                payload);
    }

    static byte[] pseudoHeader(byte[] source, byte[] destination, int protocol, int length) {
        return join(source, destination, number(length, 4), number(protocol, 4));
    }

    /** Fills the checksum at {@code checksumAt} of an upper layer that covers a pseudo-header. */
    static byte[] sealed(byte[] source, byte[] destination, int protocol, int checksumAt, byte[] upper) {
        byte[] out = upper.clone();
        put16(out, checksumAt, 0);
        put16(out, checksumAt, checksum(pseudoHeader(source, destination, protocol, out.length), out));
        return out;
    }

    /** True when the upper layer's checksum is right. */
    static boolean isIntact(byte[] source, byte[] destination, int protocol, byte[] upper) {
        return checksum(pseudoHeader(source, destination, protocol, upper.length), upper) == 0;
    }

    static byte[] tcp(RandomGenerator random, int flags, byte[] options, byte[] payload) {
        byte[] header = Samples.random(random, 20);
        header[12] = (byte) (5 + options.length / 4 << 4);
        header[13] = (byte) flags;
        return join(header, options, payload);
    }
}
