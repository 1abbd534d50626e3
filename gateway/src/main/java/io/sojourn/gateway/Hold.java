// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.Signal;
import io.sojourn.model.location.GatewayId;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Packets to or from one VM, of one gateway, that wait for an end marker. They hold up other VMs' end markers that have come behind them: a marker that
 * overtook a packet would end a path on which something is still under way. Forwarder's thread only.
 */
final class Hold {
    /** An end marker of another path, and who it came from. */
    record Marker(Signal signal, GatewayId from) {}

    final HoldBuffer buffer;
    /** Of the move that holds; packets sent under an earlier binding are not for it. */
    private long epoch;

    private final long sinceNs = System.nanoTime();
    private Runnable atFirst;
    private boolean started;
    private boolean onlyV6;
    private final Set<VmEntry> others = Collections.newSetFromMap(new IdentityHashMap<>(2));
    private final Deque<Marker> markers = new ArrayDeque<>(2);
    private final List<Runnable> after = new ArrayList<>(0);

    /** @param atFirst run when the first packet has to wait */
    Hold(long epoch, long boundBytes, Runnable atFirst) {
        this.epoch = epoch;
        this.buffer = new HoldBuffer(boundBytes);
        this.atFirst = atFirst;
    }

    long epoch() {
        return epoch;
    }

    long sinceNs() {
        return sinceNs;
    }

    /** A later move holds the same: what is held is its, too, and only its end marker lets go. */
    void pass(long laterEpoch, Runnable atLaterFirst) {
        epoch = laterEpoch;
        atFirst = atLaterFirst;
        if (started) {
            atFirst.run();
        }
    }

    /**
     * Copies a frame in; false if it does not fit.
     *
     * @param other the VM at the packet's other end; null: a host
     */
    boolean add(MemorySegment from, long at, int length, int packetEpoch, @Nullable VmEntry other) {
        boolean fits = buffer.add(from, at, length, packetEpoch);
        if (fits && other != null) {
            others.add(other);
        }
        return fits;
    }

    /** To be called after {@link #add}: it may lead to the end of this hold. */
    void begun() {
        if (!started) {
            started = true;
            atFirst.run();
        }
    }

    /** A packet between this VM and that one may be among what waits. */
    boolean concerns(VmEntry other) {
        return !buffer.isEmpty() && others.contains(other);
    }

    /** The marker waits until {@link #markers} are taken. */
    void behind(Signal marker, GatewayId from) {
        Marker waiting = new Marker(marker, from);
        if (!markers.contains(waiting)) {
            markers.add(waiting);
        }
    }

    /** Packets of IPv4 do not go the way that is waited for. */
    void onlyV6() {
        onlyV6 = true;
    }

    boolean isFor(boolean isV6) {
        return isV6 || !onlyV6;
    }

    /** To be done once all packets have gone on that wait until now. */
    void then(Runnable action) {
        after.add(action);
    }

    List<Runnable> after() {
        return after;
    }

    /** What may go on once all packets have. */
    Deque<Marker> markers() {
        return markers;
    }
}
