// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.IpProtocol;
import java.util.List;

/**
 * The addresses that flows leave by which have none of their own outside (RFC 3022, network address port translation). A VM always leaves by the same one of them (RFC 4787, REQ-2), and a port
 * keeps its number wherever that, with the remote end, is free; else it gets another one of its half of the ports (REQ-3).
 */
public final class SnatPool {
    private static final int FIRST_PORT = 1_024;
    private static final int PORTS = 65_536 - FIRST_PORT;
    /** Of so many ports one is free, short of a table that is full. */
    private static final int TRIES = 256;

    private final List<IpPrefix> v4;
    private final List<IpPrefix> v6;

    /** What {@link #allocate} chose. */
    private long high;

    private long low;
    private int port;

    /** Of IPv6 prefixes only the first 65,536 addresses are used. */
    public SnatPool(List<IpPrefix> prefixes) {
        v4 = prefixes.stream().filter(p -> !p.address().isV6()).toList();
        v6 = prefixes.stream().filter(p -> p.address().isV6()).toList();
    }

    public boolean has(boolean isV6) {
        return !(isV6 ? v6 : v4).isEmpty();
    }

    public boolean holds(IpAddress address) {
        return (address.isV6() ? v6 : v4).stream().anyMatch(p -> p.contains(address));
    }

    /** Chooses an address and port for a flow that is in no table yet; false: there is none. The key comes back as it was. */
    public boolean allocate(FlowTable table, FlowKey key) {
        List<IpPrefix> prefixes = key.isV6 ? v6 : v4;
        if (prefixes.isEmpty()) {
            return false;
        }
        int realm = key.realm;
        long localHigh = key.localHigh;
        long localLow = key.localLow;
        int localPort = key.localPort;
        choose(prefixes, mix(localHigh ^ Long.rotateLeft(localLow, 7) ^ realm));
        boolean numbered = IpProtocol.hasPorts(key.protocol) || FlowKey.isIcmp(key.isV6, key.protocol);
        port = localPort;
        boolean free = false;
        for (int i = 0; i < (numbered ? TRIES : 1) && !free; i++) {
            free = table.findOuter(key.local(FlowKey.OUTSIDE, high, low, port)) == FlowTable.NONE;
            if (!free && i + 1 < TRIES) {
                port = other(mix(localLow * 31 + localPort + (long) i << 20 ^ key.remoteLow ^ key.remotePort));
            }
        }
        key.local(realm, localHigh, localLow, localPort);
        return free;
    }

    private static int other(long random) {
        return FIRST_PORT + (int) Long.remainderUnsigned(random, PORTS);
    }

    private void choose(List<IpPrefix> prefixes, long random) {
        IpPrefix prefix = prefixes.get((int) Long.remainderUnsigned(random, prefixes.size()));
        int bits = Math.min(prefix.address().bitCount() - prefix.length(), 16);
        high = prefix.address().high();
        low = prefix.address().low() | (random >>> 32) & (1L << bits) - 1;
    }

    private static long mix(long x) {
        long h = (x ^ x >>> 33) * 0xFF51_AFD7_ED55_8CCDL;
        h = (h ^ h >>> 33) * 0xC4CE_B9FE_1A85_EC53L;
        return h ^ h >>> 33;
    }

    public long high() {
        return high;
    }

    public long low() {
        return low;
    }

    public int port() {
        return port;
    }
}
