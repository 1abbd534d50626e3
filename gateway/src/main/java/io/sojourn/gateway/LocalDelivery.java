// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.Whereabouts.Keeping;
import io.sojourn.linux.PacketSocket;
import io.sojourn.linux.SyscallException;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The last step of a packet's way: to the guest's port, in the order that a handoff asks for. What waits, waits here.
 *
 * <p>Order: per flow, first in first out ({@link KeptFrames}), except that what is held for an end marker joins at the end when it is let go.
 * Locking: none, the forwarder's thread only.
 */
final class LocalDelivery {
    /**
     * So long the bridge goes on bringing what is for a guest to us when nothing waits any more. An answer goes back the way that its question came, and a guest that
     * catches up answers what it had from us and what it had from the bridge in one breath: the answer to the first would come second.
     */
    private static final long ANSWERED_NS = TimeUnit.MILLISECONDS.toNanos(200);

    private final ForwardingTable table;
    private final Counters counters;
    private final NeighborAnnouncer announcer = new NeighborAnnouncer();
    private final FrameRun one = new FrameRun();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes());
    private final MemorySegment rest = Arena.ofAuto().allocate(WanPort.frameBytes());
    private final ParsedFrame f = new ParsedFrame();
    private final List<VmEntry> flushing = new ArrayList<>();
    private long nextFlushNs = Long.MAX_VALUE;
    /** To be given back to the bridge when their time has come, the earliest first. */
    private final Deque<VmEntry> answering = new ArrayDeque<>();

    private Witness witness = new Witness();
    private @Nullable FlowGuard guard;

    LocalDelivery(ForwardingTable table, Counters counters) {
        this.table = table;
        this.counters = counters;
    }

    /** Who judges what goes to guests that have rules. */
    void guardedBy(FlowGuard g) {
        guard = g;
    }

    void watchedBy(Witness w) {
        witness = w;
    }

    /**
     * Gives a packet to a VM that is bound here: addressed to it, and from the gateway.
     *
     * @param via the gateway that it came straight from; our own for our own LAN
     * @param epoch what it came with; 0: nothing
     * @param source the VM that sent it; null: a host
     */
    void deliver(LanPort port, VmEntry vm, GatewayId via, int epoch, @Nullable VmEntry source, FrameRun run, long mac) {
        address(run, mac);
        pass(port, vm, via, epoch, source, run);
    }

    /** Gives a frame to a VM that is bound here, as it stands. */
    void pass(LanPort port, VmEntry vm, GatewayId via, int epoch, @Nullable VmEntry source, FrameRun run) {
        if (!vm.holds.isEmpty()) {
            Hold hold = vm.holdOf(via, epoch, source);
            if (hold != null) {
                hold(vm, hold, run, epoch, source);
                return;
            }
        }
        if (vm.keeping == Keeping.BEHIND) {
            keep(vm, run);
        } else {
            write(port, vm, run);
        }
    }

    private static void address(FrameRun run, long mac) {
        Ethernet.putDestination(run.memory(), run.frameAt(), mac);
        Ethernet.putSource(run.memory(), run.frameAt(), LanPort.ANYCAST_MAC);
    }

    /**
     * The guest's port: past the bridge for as long as there is a way. Through the bridge it would be lost while that brings the VM's
     * frames to us, and a frame of a station on the LAN would teach the bridge that the station is behind us.
     */
    void write(LanPort port, VmEntry vm, FrameRun run) {
        FlowGuard judge = guard;
        if (judge != null && vm.guarded() && !judge.admits(vm, port.network, run, System.nanoTime())) {
            return;
        }
        witness.toGuest(vm, run);
        PacketSocket direct =
                vm.direct.isEmpty() ? null : vm.direct.get(Ethernet.destination(run.memory(), run.frameAt()));
        if (direct == null && !vm.singly) {
            Ethernet.putSource(run.memory(), run.frameAt(), LanPort.ANYCAST_MAC);
            port.write(run);
            return;
        }
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, scratch, 0);
            if (direct != null) {
                send(direct, length);
            } else {
                Ethernet.putSource(scratch, 0, LanPort.ANYCAST_MAC);
                port.write(scratch, 0, length);
            }
        }
    }

    private void send(PacketSocket direct, int length) {
        try {
            if (direct.send(scratch, 0, length) == PacketSocket.AGAIN) {
                counters.drop(DropReason.TAP_FULL);
            } else {
                counters.add(Kind.LAN_OUT);
            }
        } catch (SyscallException e) {
            counters.drop(DropReason.TAP_ERROR); // the guest's port is gone, and the guest with it
        }
    }

    /**
     * What waits, waits frame by frame, each as it belongs on a wire.
     *
     * @param other the VM at the other end; null: a host
     */
    void hold(VmEntry vm, Hold hold, FrameRun run, int epoch, @Nullable VmEntry other) {
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, scratch, 0);
            if (hold.add(scratch, 0, length, epoch, other)) {
                vm.counts.held++;
                counters.add(Kind.HELD);
            } else {
                vm.counts.refused++;
                counters.drop(DropReason.BUFFER_FULL);
            }
        }
        hold.begun();
    }

    /** What a taken-back source delivers at once: the run but its frames {@code from} to {@code to}, the latter exclusive. */
    void writeBut(LanPort port, VmEntry vm, FrameRun run, int from, int to) {
        if (from == to) {
            write(port, vm, run);
            return;
        }
        for (int i = 0; i < run.count(); i++) {
            if (i < from || i >= to) {
                int length = run.copySegment(i, rest, 0);
                write(port, vm, one.frame(rest, 0, length, false));
            }
        }
    }

    /** Keeps packets for a VM, addressed to it and from the gateway, behind what is kept already. */
    void keep(VmEntry vm, FrameRun run, long mac) {
        address(run, mac);
        keep(vm, run);
    }

    /** Keeps frames as they stand. */
    private void keep(VmEntry vm, FrameRun run) {
        KeptFrames kept = vm.kept;
        if (kept != null && kept.isEmpty()) {
            vm.pace.keeps(System.nanoTime());
        }
        for (int i = 0; i < run.count(); i++) {
            int length = run.copySegment(i, scratch, 0);
            if (kept != null && kept.add(scratch, 0, length)) {
                vm.counts.buffered++;
                counters.add(Kind.BUFFERED);
            } else {
                vm.counts.refused++;
                counters.drop(DropReason.BUFFER_FULL);
            }
        }
    }

    /**
     * A guest is about to be resumed: the first turn of the flush waits in its port, so that it finds there what it is to answer first, and not milliseconds later, when we have heard that it
     * runs. All that stays kept as well, for a guest that never runs here has had none of it.
     */
    void lead(VmEntry vm) {
        KeptFrames kept = vm.kept;
        if (kept == null || vm.flushing || guard != null && vm.guarded()) {
            return; // who judges must be asked about each frame once
        }
        int most = FlushPace.lead(kept.pairsWaiting());
        int led = 0;
        for (; led < most; led++) {
            HoldBuffer next = kept.nextToLead();
            long mac = Ethernet.destination(next.frames(), next.frameAt());
            LanPort port = portFor(vm, mac);
            if (port == null || !vm.direct.containsKey(mac)) {
                break;
            }
            write(port, vm, one.frame(next.frames(), next.frameAt(), next.frameLength(), false));
            kept.lead();
        }
        vm.pace.led(led);
    }

    /** Begins to give the guest what is kept for it. */
    void startFlush(VmEntry vm, long nowNs) {
        if (!vm.flushing && vm.kept != null) {
            vm.flushing = true;
            int led = vm.kept.forgetLed();
            vm.counts.flushed += led;
            counters.add(Kind.FLUSHED, led);
            vm.pace.begin(nowNs, led, vm.kept.count());
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
            given += give(vm, nowNs);
            KeptFrames kept = vm.kept;
            if (kept == null || kept.isEmpty()) {
                flushing.remove(i);
                vm.flushing = false;
                // An armed buffer goes on buffering until DeliverLive has been said.
                if (vm.keeping == Keeping.BEHIND) {
                    vm.keeping = Keeping.NOTHING;
                    drop(vm);
                    giveBackSoon(vm, nowNs);
                }
            }
        }
        while (!answering.isEmpty() && answering.getFirst().answeredNs - nowNs <= 0) {
            giveBackToBridge(answering.removeFirst());
        }
        nextFlushNs = !flushing.isEmpty()
                ? nowNs + FlushPace.TURN_NS
                : answering.isEmpty() ? Long.MAX_VALUE : answering.getFirst().answeredNs;
        return given;
    }

    private int give(VmEntry vm, long nowNs) {
        KeptFrames kept = vm.kept;
        if (kept == null) {
            return 0;
        }
        int turn = vm.pace.turn(nowNs, kept.pairsWaiting());
        kept.letPatientWait(vm.pace.patientWait(nowNs));
        int given = 0;
        for (; given < turn && kept.hasNext(); given++) {
            HoldBuffer next = kept.next();
            int length = next.frameLength();
            long mac = Ethernet.destination(next.frames(), next.frameAt());
            LanPort port = portFor(vm, mac);
            if (port != null) {
                write(port, vm, one.frame(next.frames(), next.frameAt(), length, false));
                vm.counts.flushed++;
                counters.add(Kind.FLUSHED);
            } else {
                counters.drop(DropReason.NO_ROUTE); // its NIC has been taken from the VM meanwhile
            }
            kept.remove();
        }
        return given;
    }

    private static @Nullable LanPort portFor(VmEntry vm, long mac) {
        VmEntry.Nic nic = vm.nicWithMac(mac);
        return nic == null ? null : nic.network().port;
    }

    /** Lets go what a hold has kept for a VM here, behind what is kept already; what comes after it finds no hold of that gateway. */
    void release(VmEntry vm, Hold hold) {
        for (HoldBuffer b = hold.buffer; !b.isEmpty(); b.remove()) {
            int length = b.frameLength();
            VmEntry.Nic nic = vm.nicWithMac(Ethernet.destination(b.frames(), b.frameAt()));
            LanPort port = nic == null ? null : nic.network().port;
            if (nic == null || port == null) {
                counters.drop(DropReason.NO_ROUTE);
                continue;
            }
            FrameRun run = one.frame(b.frames(), b.frameAt(), length, false);
            VmEntry source = vm.holds.isEmpty() ? null : source(nic.network(), run);
            Hold next = source == null ? null : vm.crossing(source);
            if (next != null) {
                hold(vm, next, run, b.frameEpoch(), source);
            } else if (vm.keeping == Keeping.BEHIND) {
                keep(vm, run);
            } else {
                write(port, vm, run);
            }
        }
    }

    /** The same for a VM that has left since: behind what is kept to go after it. */
    void keepHeld(VmEntry vm, Hold hold) {
        for (HoldBuffer b = hold.buffer; !b.isEmpty(); b.remove()) {
            keep(vm, one.frame(b.frames(), b.frameAt(), b.frameLength(), false));
        }
    }

    private @Nullable VmEntry source(VirtualNetwork network, FrameRun run) {
        return f.parse(run.memory(), run.frameAt(), run.frameLength()).isDrop() || !f.isIp()
                ? null
                : network.vmByAddress.get(f.isV6(), f.sourceHigh(), f.sourceLow());
    }

    /** From now on the bridge brings what is for the VM's MACs to us. */
    static void capture(VmEntry vm) {
        vm.captured = true;
        for (VmEntry.Nic nic : vm.nics) {
            LanPort port = nic.network().port;
            if (port != null) {
                port.captureStation(nic.mac());
            }
        }
    }

    /** The bridge may bring frames to the guest's port itself again, as soon as neither ours nor the guest's answers to them would be overtaken. */
    void giveBackSoon(VmEntry vm, long nowNs) {
        if (nothingWaits(vm)) {
            answering.remove(vm);
            vm.answeredNs = nowNs + ANSWERED_NS;
            answering.addLast(vm);
            nextFlushNs = Math.min(nextFlushNs, vm.answeredNs);
        }
    }

    private static boolean nothingWaits(VmEntry vm) {
        return vm.captured && vm.local && vm.keeping == Keeping.NOTHING && vm.holds.isEmpty();
    }

    private void giveBackToBridge(VmEntry vm) {
        if (nothingWaits(vm)) {
            release(vm);
            if (vm.neighboursWait) {
                vm.neighboursWait = false;
                announcer.announce(vm);
            }
        }
    }

    /**
     * Has the neighbours told where the VM is: at once, or when the bridge brings frames to the guest again. Before that they reach it through us in any case, and the guest,
     * who hears it too, has more urgent work.
     */
    void announce(VmEntry vm) {
        if (vm.local && vm.captured) {
            vm.neighboursWait = true;
        } else {
            vm.neighboursWait = false;
            announcer.announce(vm);
        }
    }

    /** The bridge does as it does with any station. */
    static void release(VmEntry vm) {
        vm.captured = false;
        vm.givenBackNs = vm.local ? System.nanoTime() : vm.givenBackNs;
        for (int i = 0; i < vm.nics.size(); i++) {
            VmEntry.Nic nic = vm.nics.get(i);
            LanPort port = nic.network().port;
            int guestPort = i < vm.guestPorts.size() ? vm.guestPorts.get(i) : -1;
            if (port != null && vm.local && guestPort >= 0) {
                port.placeStation(guestPort, nic.mac());
            } else if (port != null) {
                port.releaseStation(nic.mac());
            }
        }
    }

    /** Frees the buffer; what it still holds is lost and counted. */
    void drop(VmEntry vm) {
        KeptFrames kept = vm.kept;
        if (kept != null) {
            lost(kept.count());
            kept.close();
            vm.kept = null;
        }
        if (vm.flushing) {
            vm.flushing = false;
            flushing.remove(vm);
        }
    }

    /** Frees a buffer; what it still holds is lost and counted. */
    void drop(HoldBuffer buffer) {
        lost(buffer.count());
        buffer.close();
    }

    private void lost(int frames) {
        for (int i = 0; i < frames; i++) {
            counters.drop(DropReason.ABORTED);
        }
    }
}
