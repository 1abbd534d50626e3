// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Fragmenter;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;

/** Makes a packet fit the path to a peer. */
final class PathFit {
    private static final int IPV6_LEAST_MTU_BYTES = 1280;

    private PathFit() {}

    /** The largest inner IP packet that reaches the peer in one piece. */
    static int innerMtuBytes(Peer peer, VirtualNetwork network) {
        int room = peer.underlayMtuBytes - peer.outerHeaderBytes() - Vxlan.HEADER_BYTES - Ethernet.HEADER_BYTES;
        return Math.min(network.mtuBytes, room);
    }

    /** No IPv6 station can be asked for packets shorter than 1,280 octets (RFC 8200, section 5): these go in halves. */
    static int longestBytes(int mtuBytes, boolean v6) {
        return v6 ? Math.max(mtuBytes, IPV6_LEAST_MTU_BYTES) : mtuBytes;
    }

    /** Sends a packet without DF in pieces (RFC 791); the parsed frame, complete, stands in {@code aside}. */
    static void fragment(
            Fragmenter fragmenter,
            MemorySegment aside,
            WanPort wan,
            Peer peer,
            VirtualNetwork network,
            long epoch,
            ParsedFrame f,
            int mtuBytes,
            Counters counters) {
        if (!fragmenter.begin(aside, f, mtuBytes)) {
            return;
        }
        for (int n = fragmenter.next(wan.frames(), wan.frameAt());
                n > 0;
                n = fragmenter.next(wan.frames(), wan.frameAt())) {
            wan.sendFrame(peer, n, network.vni, epoch);
        }
        counters.add(Kind.FRAGMENTED);
    }
}
