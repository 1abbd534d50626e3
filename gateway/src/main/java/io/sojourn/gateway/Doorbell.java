// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.EventFd;
import io.sojourn.linux.Poller;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Where the forwarder sleeps, what wakes it, and which descriptors are worth a look afterwards: a look at one that has nothing is a
 * system call, of which a packet on an idle path would otherwise pay several.
 *
 * <p>Locking: {@link #ring} from any thread, the rest from the forwarder's.
 */
final class Doorbell {
    /** Places in the poller. */
    private static final int RING = 0;

    private static final int WAN = 1;
    private static final int FIRST_PORT = 2;

    private final EventFd ring = new EventFd();
    private final AtomicBoolean rung = new AtomicBoolean();
    private final Poller ringOnly = new Poller(ring.fd());
    private final Moderation moderation = new Moderation();
    private Poller all = ringOnly;
    /** What was found ready by the last sleep is still to be looked at; else everything is. */
    private boolean told;
    /** Behind the ports: what native packets come by. */
    private int firstUnderlay = FIRST_PORT;

    /** Wakes the forwarder; cheap when that has been done already. */
    void ring() {
        if (rung.compareAndSet(false, true)) {
            ring.wake();
        }
    }

    /** The descriptors have changed. */
    void watch(int wanFd, List<LanPort> ports, List<UnderlayPort> underlays) {
        firstUnderlay = FIRST_PORT + ports.size();
        int[] fds = new int[firstUnderlay + underlays.size()];
        fds[RING] = ring.fd();
        fds[WAN] = wanFd;
        for (int i = 0; i < ports.size(); i++) {
            fds[FIRST_PORT + i] = ports.get(i).fd();
        }
        for (int i = 0; i < underlays.size(); i++) {
            fds[firstUnderlay + i] = underlays.get(i).fd();
        }
        Poller old = all;
        all = new Poller(fds);
        told = false;
        if (old != ringOnly) {
            Later.close(List.of(old));
        }
    }

    boolean isWanWorthALook() {
        return !told || isReady(WAN);
    }

    boolean isUnderlayWorthALook(int underlay) {
        return !told || isReady(firstUnderlay + underlay);
    }

    boolean isPortWorthALook(int port) {
        return !told || isReady(FIRST_PORT + port);
    }

    /** An error waits to be read as well. */
    private boolean isReady(int i) {
        return all.readable(i) || all.failed(i);
    }

    /** Those that were ready have been looked at. */
    void looked() {
        told = false;
    }

    /** Sleeps until a descriptor, a ring or that time wakes it. @param frames how many have been dealt with since the last sleep @param single packets of their own among them, and no TCP */
    void sleep(long ns, int frames, int single, long nowNs) {
        if (moderation.naps(frames, single, nowNs)) {
            rest(Math.min(ns, Moderation.NAP_NS));
        } else {
            all.poll(ns);
            told = true;
            drain(all);
        }
    }

    /** Sleeps whatever packets come, until a ring or that time wakes it. */
    void rest(long ns) {
        ringOnly.poll(ns);
        drain(ringOnly);
    }

    // Whoever rings may be interrupted for a long time between its flag and its write: only the descriptor itself says
    // whether there is something to drain, and one left undrained would never let us sleep again.
    private void drain(Poller poller) {
        if (poller.readable(RING)) {
            ring.drain();
            rung.set(false);
        }
    }
}
