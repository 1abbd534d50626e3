// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Threads;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who goes first: the forwarder before all ordinary threads, except while it carries bulk and no VM is being moved. A forwarder that takes the
 * processor from whoever has just sent it something carries one super-frame a turn, and pays for a switch there and back each time; an ordinary
 * thread, as those that send and receive, finds several. Forwarder's thread only.
 */
final class Precedence {
    private static final Logger LOG = LoggerFactory.getLogger(Precedence.class);
    private static final long LOOK_NS = TimeUnit.MILLISECONDS.toNanos(10);
    /** Frames of a look: 0.8 Gbit/s of full-sized ones. Fewer than the other: it is not bulk any more. */
    private static final int BULK_FRAMES = 700;

    private static final int SPARSE_FRAMES = 300;

    private final Counters counters;
    private boolean denied;
    private boolean first;
    private long nextNs;
    private long carried;

    Precedence(Counters counters) {
        this.counters = counters;
    }

    /** From now on this thread goes first. */
    void begin(long nowNs) {
        nextNs = nowNs;
        goFirst();
    }

    /** Each turn. @param moving a VM is being moved, or its memory carried */
    void tick(long nowNs, boolean moving) {
        if (moving) {
            goFirst();
            return;
        }
        if (nowNs - nextNs < 0) {
            return;
        }
        boolean prompt = nowNs - nextNs < LOOK_NS;
        nextNs = nowNs + LOOK_NS;
        long total = counters.get(Counters.Kind.LAN_IN) + counters.get(Counters.Kind.WAN_IN);
        long frames = total - carried;
        carried = total;
        if (first && prompt && frames >= BULK_FRAMES) {
            goAmongOthers();
        } else if (frames < SPARSE_FRAMES) {
            goFirst();
        }
    }

    private void goFirst() {
        if (first || denied) {
            return;
        }
        first = true;
        try {
            Threads.setRealtime(Threads.Rank.PACKETS);
        } catch (SyscallException e) {
            denied = true;
            LOG.info("the forwarder runs at ordinary priority: {}", e.getMessage());
        }
    }

    private void goAmongOthers() {
        if (!denied) {
            first = false;
            Threads.setOrdinary();
        }
    }
}
