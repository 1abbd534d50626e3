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

    static ScheduledExecutorService of(HostedGuest hosted) {
        ScheduledExecutorService hand = ReadyThread.by(work -> {
            Thread thread = thread(work);
            thread.setName("hand-" + hosted.vm);
            return thread;
        });
        hand.execute(() -> {
            try {
                for (int i = 0; i < REHEARSALS; i++) {
                    hosted.guest().status();
                }
            } catch (HypervisorException | GatewayException e) {
                // Whoever needs the guest finds out and says so; this was only to be ready.
                return;
            }
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
