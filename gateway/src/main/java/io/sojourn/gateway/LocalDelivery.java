// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.VmEntry.Hold;
import io.sojourn.gateway.VmEntry.Keeping;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The last step of a packet's way: to the guest's port, in the order that a handoff asks for. What waits, waits here.
 *
 * <p>Order: per VM, first in first out, except that what is held for an end marker joins at the end when it is let go.
 * Locking: none, the forwarder's thread only.
 */
final class LocalDelivery {
    /**
     * A guest that has just resumed reads slowly, and its sockets hold little. It could take what came at the rate at which it
     * came; it is given what waited at twice that rate, so that it catches up without a socket running over.
     */
    private static final double CATCH_UP = 2;

    private static final double LEAST_FRAMES_PER_TURN = 4;
    private static final long FLUSH_EVERY_NS = 1_000_000;

    private final ForwardingTable table;
    private final Counters counters;
    private final List<VmEntry> flushing = new ArrayList<>();
    private long nextFlushNs = Long.MAX_VALUE;

    LocalDelivery(ForwardingTable table, Counters counters) {
        this.table = table;
        this.counters = counters;
    }

    /**
     * Gives a frame to a VM that is bound here.
     *
     * @param via the gateway that it came straight from; our own for our own LAN
     */
    void deliver(LanPort port, VmEntry vm, GatewayId via, MemorySegment s, long at, int length, long mac) {
        if (!vm.holds.isEmpty()) {
            Hold hold = vm.holds.get(via);
            if (hold != null) {
                hold(vm, hold, s, at, length, mac);
                return;
            }
        }
        if (vm.keeping == Keeping.BEHIND) {
            keep(vm, s, at, length, mac);
        } else {
            port.deliver(s, at, length, mac);
        }
    }

    void hold(VmEntry vm, Hold hold, MemorySegment s, long at, int length, long mac) {
        Ethernet.putDestination(s, at, mac);
        if (hold.buffer.add(s, at, length)) {
            vm.counts.held++;
            counters.add(Kind.HELD);
        } else {
            vm.counts.refused++;
            counters.drop(DropReason.BUFFER_FULL);
        }
        if (!hold.started) {
            hold.started = true;
            hold.atFirst.run();
        }
    }

    /** Puts a frame behind what is kept for the VM. */
    void keep(VmEntry vm, MemorySegment s, long at, int length, long mac) {
        Ethernet.putDestination(s, at, mac);
        HoldBuffer kept = vm.kept;
        if (kept != null && kept.isEmpty()) {
            vm.keptSinceNs = System.nanoTime();
        }
        if (kept != null && kept.add(s, at, length)) {
            vm.counts.buffered++;
            counters.add(Kind.BUFFERED);
        } else {
            vm.counts.refused++;
            counters.drop(DropReason.BUFFER_FULL);
        }
    }

    /** Begins to give the guest what is kept for it. */
    void startFlush(VmEntry vm, long nowNs) {
        if (!vm.flushing && vm.kept != null) {
            vm.flushing = true;
            double turnsWaited = Math.max(1, (double) (nowNs - vm.keptSinceNs) / FLUSH_EVERY_NS);
            vm.framesPerTurn = Math.max(LEAST_FRAMES_PER_TURN, Math.ceil(CATCH_UP * vm.kept.count() / turnsWaited));
            flushing.add(vm);
            nextFlushNs = nowNs;
            flushDue(nowNs);
        }
    }

    /** When {@link #flushDue} has something to do. */
    long nextFlushNs() {
        return nextFlushNs;
    }

    int flushDue(long nowNs) {
        if (nextFlushNs - nowNs > 0) {
            return 0;
        }
        int given = 0;
        for (int i = flushing.size() - 1; i >= 0; i--) {
            VmEntry vm = flushing.get(i);
            given += give(vm);
            HoldBuffer kept = vm.kept;
            if (kept == null || kept.isEmpty()) {
                flushing.remove(i);
                vm.flushing = false;
                // An armed buffer goes on buffering until DeliverLive has been said.
                if (vm.keeping == Keeping.BEHIND) {
                    vm.keeping = Keeping.NOTHING;
                    drop(vm);
                }
            }
        }
        nextFlushNs = flushing.isEmpty() ? Long.MAX_VALUE : nowNs + FLUSH_EVERY_NS;
        return given;
    }

    private int give(VmEntry vm) {
        HoldBuffer kept = vm.kept;
        if (kept == null) {
            return 0;
        }
        int turn = (int) vm.framesPerTurn;
        int given = 0;
        for (; given < turn && !kept.isEmpty(); given++) {
            int length = kept.frameLength();
            long mac = Ethernet.destination(kept.frames(), kept.frameAt());
            LanPort port = portFor(vm, mac);
            if (port != null) {
                port.deliver(kept.frames(), kept.frameAt(), length, mac);
                vm.counts.flushed++;
                counters.add(Kind.FLUSHED);
            }
            kept.remove();
        }
        return given;
    }

    private static @org.jspecify.annotations.Nullable LanPort portFor(VmEntry vm, long mac) {
        for (VmEntry.Nic nic : vm.nics) {
            if (nic.mac() == mac) {
                return nic.network().port;
            }
        }
        return null;
    }

    /** Lets go what was held from a gateway: behind what is kept, or straight to the port. */
    void release(VmEntry vm, GatewayId from) {
        Hold hold = vm.holds.remove(from);
        if (hold == null) {
            return;
        }
        for (HoldBuffer b = hold.buffer; !b.isEmpty(); b.remove()) {
            int length = b.frameLength();
            long mac = Ethernet.destination(b.frames(), b.frameAt());
            LanPort port = portFor(vm, mac);
            if (port != null) {
                // The others' holds stay; via self is right for nobody is held under it any more if from is self.
                if (vm.keeping == Keeping.BEHIND) {
                    keep(vm, b.frames(), b.frameAt(), length, mac);
                } else {
                    port.deliver(b.frames(), b.frameAt(), length, mac);
                }
            }
        }
        hold.buffer.close();
    }

    /** Frees the buffer; what it still holds is lost and counted. */
    void drop(VmEntry vm) {
        HoldBuffer kept = vm.kept;
        if (kept != null) {
            for (int i = kept.count(); i > 0; i--) {
                counters.drop(DropReason.ABORTED);
            }
            kept.close();
            vm.kept = null;
        }
        if (vm.flushing) {
            vm.flushing = false;
            flushing.remove(vm);
        }
    }

    /** True when {@code id} is this gateway. */
    boolean isSelf(GatewayId id) {
        return id.equals(table.self());
    }
}
