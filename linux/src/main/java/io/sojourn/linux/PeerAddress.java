// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;

/**
 * A UDP peer in the form the packet path compares: 128 bits of address and a port. An IPv4 address stands as IPv4-mapped
 * (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), so that one form serves both families.
 *
 * @param high the first eight bytes of the address, big-endian
 * @param low the last eight
 * @param port 1 to 65535
 * @param scopeId zone of a link-local address, else 0
 */
public record PeerAddress(long high, long low, int port, int scopeId) {
    private static final long MAPPED = 0x0000_ffff_0000_0000L;

    public static PeerAddress of(InetSocketAddress address) {
        InetAddress ip = address.getAddress();
        if (ip == null) {
            throw new IllegalArgumentException("address " + address + " is not resolved");
        }
        byte[] bytes = ip.getAddress();
        if (bytes.length == 4) {
            return new PeerAddress(0, MAPPED | word(bytes, 0, 4), address.getPort(), 0);
        }
        int scope = ip instanceof Inet6Address v6 ? v6.getScopeId() : 0;
        return new PeerAddress(word(bytes, 0, 8), word(bytes, 8, 8), address.getPort(), scope);
    }

    public boolean isIpv4() {
        return high == 0 && (low & 0xffff_ffff_0000_0000L) == MAPPED;
    }

    /** A well-mixed hash of address and port, the same as {@link DatagramBatch#peerKey}; equal peers have equal keys. */
    public long key() {
        return key(high, low, port);
    }

    public InetSocketAddress toSocketAddress() {
        byte[] bytes = new byte[isIpv4() ? 4 : 16];
        for (int i = 1; i <= bytes.length; i++) {
            int shift = (i - 1) % 8 * 8;
            bytes[bytes.length - i] = (byte) ((i <= 8 ? low : high) >>> shift);
        }
        try {
            InetAddress ip =
                    scopeId == 0 ? InetAddress.getByAddress(bytes) : Inet6Address.getByAddress("", bytes, scopeId);
            return new InetSocketAddress(ip, port);
        } catch (UnknownHostException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** As people write it: 192.0.2.1:7400, [2001:db8::1]:7400. */
    @Override
    public String toString() {
        String ip = toSocketAddress().getAddress().getHostAddress();
        return isIpv4() ? ip + ":" + port : "[" + ip + "]:" + port;
    }

    static long key(long high, long low, int port) {
        long hash = (high * 0x9e3779b97f4a7c15L) ^ low;
        hash = (hash ^ (hash >>> 32)) * 0xd6e8feb86659fd93L + port;
        hash = (hash ^ (hash >>> 32)) * 0xd6e8feb86659fd93L;
        return hash ^ (hash >>> 32);
    }

    private static long word(byte[] bytes, int from, int count) {
        long word = 0;
        for (int i = from; i < from + count; i++) {
            word = word << 8 | (bytes[i] & 0xff);
        }
        return word;
    }
}
