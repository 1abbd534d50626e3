// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.NdFrames;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Stations on one LAN that are no registered VMs: address to MAC, found by ARP (RFC 826) and Neighbor Discovery (RFC 4861).
 * A bounded table with a bounded queue for each address that is being asked for. Forwarder's thread only.
 */
final class Neighbours {
    private static final long ASK_EVERY_NS = 1_000_000_000L;
    private static final int ASK_TIMES = 3;
    private static final long FRESH_NS = 30_000_000_000L;
    private static final int PENDING_FRAMES = 64;
    private static final int TABLE_BOUND = 16_384;

    private static final class Neighbour {
        final boolean isV6;
        final long high;
        final long low;
        long mac = -1;
        long heardNs;
        long askedNs;
        int asked;
        final Deque<byte[]> pending = new ArrayDeque<>(2);

        Neighbour(boolean isV6, long high, long low) {
            this.isV6 = isV6;
            this.high = high;
            this.low = low;
        }
    }

    private final LanPort port;
    private final Counters counters;
    private final AddressMap<Neighbour> table = new AddressMap<>();
    private final List<Neighbour> unresolved = new ArrayList<>();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes());
    private final FrameRun one = new FrameRun();

    private Runnable whenMoved = () -> {};

    Neighbours(LanPort port, Counters counters) {
        this.port = port;
        this.counters = counters;
    }

    /** Who is told when an address has gone to another station. */
    void beforeMove(Runnable told) {
        whenMoved = told;
    }

    /** Delivers to the station with this address, now or once it has answered. */
    void deliver(boolean isV6, long high, long low, FrameRun run, long nowNs) {
        Neighbour n = table.get(isV6, high, low);
        if (n == null) {
            if (table.size() >= TABLE_BOUND) {
                counters.drop(DropReason.NO_NEIGHBOR);
                return;
            }
            n = new Neighbour(isV6, high, low);
            table.put(isV6, high, low, n);
        }
        if (n.mac >= 0) {
            if (nowNs - n.heardNs > FRESH_NS && nowNs - n.askedNs > ASK_EVERY_NS) {
                ask(n, nowNs);
            }
            port.deliver(run, n.mac);
            return;
        }
        for (int i = 0; i < run.count(); i++) {
            if (n.pending.size() >= PENDING_FRAMES) {
                counters.drop(DropReason.NO_NEIGHBOR);
            } else {
                int length = run.copySegment(i, scratch, 0);
                n.pending.add(scratch.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
            }
        }
        if (n.asked == 0) {
            unresolved.add(n);
            ask(n, nowNs);
        }
    }

    /** Whether frames for that address would go to that MAC address, and at once. */
    boolean isAt(boolean isV6, long high, long low, long mac) {
        Neighbour n = table.get(isV6, high, low);
        return n != null && n.mac == mac;
    }

    /** The station has shown its MAC address. */
    void learn(boolean isV6, long high, long low, long mac, long nowNs) {
        Neighbour n = table.get(isV6, high, low);
        if (n == null) {
            if (table.size() >= TABLE_BOUND) {
                return;
            }
            n = new Neighbour(isV6, high, low);
            table.put(isV6, high, low, n);
        }
        if (n.mac >= 0 && n.mac != mac) {
            whenMoved.run();
        }
        n.mac = mac;
        n.heardNs = nowNs;
        n.asked = 0;
        if (!n.pending.isEmpty()) {
            unresolved.remove(n);
            for (byte[] frame : n.pending) {
                MemorySegment.copy(frame, 0, scratch, ValueLayout.JAVA_BYTE, 0, frame.length);
                port.deliver(one.frame(scratch, 0, frame.length, false), mac);
            }
            n.pending.clear();
        }
    }

    /** Asks again for those who have not answered; gives up after a few times. Called about once a second. */
    void tick(long nowNs) {
        for (int i = unresolved.size() - 1; i >= 0; i--) {
            Neighbour n = unresolved.get(i);
            if (n.asked < ASK_TIMES) {
                ask(n, nowNs);
                continue;
            }
            unresolved.remove(i);
            n.pending.forEach(frame -> counters.drop(DropReason.NO_NEIGHBOR));
            table.remove(n.isV6, n.high, n.low);
        }
    }

    private void ask(Neighbour n, long nowNs) {
        n.asked++;
        n.askedNs = nowNs;
        IpAddress own = port.network.speakingAddress(n.isV6, n.high, n.low);
        if (own == null) {
            return;
        }
        int length = n.isV6
                ? NdFrames.solicitation(scratch, 0, LanPort.ANYCAST_MAC, own.high(), own.low(), n.high, n.low)
                : ArpFrames.request(scratch, 0, LanPort.ANYCAST_MAC, own.low(), n.low);
        port.write(scratch, 0, length);
    }
}
