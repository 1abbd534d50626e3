// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.HypervisorException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Threads that stand ready to give a hypervisor its command at the moment of a move: nothing is started or loaded then. */
final class Hands {
    private static final int REHEARSALS = 20;

    private Hands() {}

    static ExecutorService of(HostedGuest hosted) {
        ExecutorService hand = Executors.newSingleThreadExecutor(
                r -> Thread.ofPlatform().name("hand-" + hosted.vm).daemon().unstarted(r));
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
}
