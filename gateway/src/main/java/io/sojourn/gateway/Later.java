// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Closes what the forwarder needs no more: giving shared memory back stops every thread for a moment, which is no time to be the forwarder. */
final class Later {
    private static final Logger LOG = LoggerFactory.getLogger(Later.class);

    private Later() {}

    static void close(List<? extends AutoCloseable> things) {
        if (things.isEmpty()) {
            return;
        }
        Thread.ofPlatform().name("closing").daemon().start(() -> {
            for (AutoCloseable thing : things) {
                try {
                    thing.close();
                } catch (Exception e) {
                    LOG.warn("could not close {}: {}", thing, e.getMessage());
                }
            }
        });
    }
}
