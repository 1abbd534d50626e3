// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.HypervisorException;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Threads;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Threads that stand ready to give a hypervisor its command at the moment of a move, to hear what it says, and what the controller says: nothing is started or loaded then, and neither a guest nor
 * a compiler goes before them.
 */
final class Hands {
    private static final Logger LOG = LoggerFactory.getLogger(Hands.class);
    private static final int REHEARSALS = 100;

    private Hands() {}

    /**
     * To give this guest's hypervisor commands. What it and the guest's reader run is compiled by a rehearsal, and both are ordinary threads until that is over: whoever calls a method while HotSpot
     * replaces it runs in circles until the compiler has had a processor, and with the two of them as real-time threads on a host of two processors it had none until the kernel stepped in, after
     * 950 ms in which nothing else ran.
     */
    static ScheduledExecutorService of(HostedGuest hosted) {
        ScheduledExecutorService hand = ReadyThread.named("hand-" + hosted.vm);
        hand.execute(() -> {
            int reader = hosted.reader();
            Threads.lower(reader); // raised for an earlier move
            try {
                for (int i = 0; i < REHEARSALS; i++) {
                    hosted.guest().status();
                }
            } catch (HypervisorException | GatewayException e) {
                // Whoever needs the guest finds out and says so; this was only to be ready.
                return;
            }
            Threads.raise(reader, Threads.Rank.HAND);
            Threads.raise(Threads.current(), Threads.Rank.HAND);
        });
        return hand;
    }

    /** For work that sleeps until its moment comes. */
    static Thread thread(Runnable work) {
        return Thread.ofPlatform().daemon().unstarted(() -> {
            try {
                Threads.setRealtime(Threads.Rank.HAND);
            } catch (SyscallException e) {
                LOG.debug("hands run at ordinary priority: {}", e.getMessage());
            }
            work.run();
        });
    }
}
