// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Sees the frames that pass between LAN and WAN, for those who count or keep them around a move. While nobody does, it costs one
 * comparison.
 *
 * <p>Locking: none, the forwarder's thread only. Allocates nothing.
 */
final class Witness {
    private @Nullable Accounts accounts;

    void accounts(Accounts counting) {
        accounts = counting;
    }

    /** A frame, or {@code frames} with these headers, leaves for a peer. */
    void toWan(Peer to, int vni, long epoch, MemorySegment s, long at, int length, int frames) {
        toWan(to, vni, epoch, s, at, length, frames, false);
    }

    /** The same by the host's own routing, beside the signals: who receives them cannot tell which of them were sent before a signal. */
    void toWanBeside(Peer to, int vni, long epoch, MemorySegment s, long at, int length, int frames) {
        toWan(to, vni, epoch, s, at, length, frames, true);
    }

    private void toWan(Peer to, int vni, long epoch, MemorySegment s, long at, int length, int frames, boolean beside) {
        Accounts counting = accounts;
        if (counting != null && counting.anyOpen()) {
            counting.toWan(to, epoch, Ethernet.destination(s, at), frames, beside);
            counting.keep(PacketRing.Way.TO_WAN, to, vni, epoch, s, at, length, frames);
        }
    }

    /** Frames have come from a peer, and are well formed. {@code epoch}: its low 24 bits. */
    void fromWan(Peer from, int vni, int epoch, FrameRun run) {
        Accounts counting = accounts;
        if (counting != null && counting.anyOpen()) {
            counting.fromWan(from, epoch, Ethernet.destination(run.memory(), run.frameAt()), run.count());
            counting.keep(
                    PacketRing.Way.FROM_WAN,
                    from,
                    vni,
                    epoch,
                    run.memory(),
                    run.frameAt(),
                    run.frameLength(),
                    run.count());
        }
    }

    /** Frames go to a guest's port, addressed to it. */
    void toGuest(VmEntry vm, FrameRun run) {
        Accounts counting = accounts;
        if (counting != null && counting.anyOpen()) {
            VmEntry.Nic nic = vm.nicWithMac(Ethernet.destination(run.memory(), run.frameAt()));
            if (nic != null) {
                counting.keep(
                        PacketRing.Way.TO_GUEST,
                        null,
                        nic.network().vni,
                        0,
                        run.memory(),
                        run.frameAt(),
                        run.frameLength(),
                        run.count());
            }
        }
    }
}
