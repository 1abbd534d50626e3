// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes what the forwarder needs no more, when the moves of this moment are over: giving shared memory back stops every thread for a moment.
 */
final class Later {
    private static final Logger LOG = LoggerFactory.getLogger(Later.class);
    private static final long LATER_MS = 1_000;
    private static final ScheduledExecutorService THREAD = ReadyThread.named("closing");

    private Later() {}

    static void close(List<? extends AutoCloseable> things) {
        if (things.isEmpty()) {
            return;
        }
        THREAD.schedule(() -> closeNow(things), LATER_MS, TimeUnit.MILLISECONDS);
    }

    private static void closeNow(List<? extends AutoCloseable> things) {
        for (AutoCloseable thing : things) {
            try {
                thing.close();
            } catch (Exception e) {
                LOG.warn("could not close {}: {}", thing, e.getMessage());
            }
        }
    }
}
