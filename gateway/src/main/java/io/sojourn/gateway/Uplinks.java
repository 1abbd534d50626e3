// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Links;
import io.sojourn.linux.SyscallException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches which of the host's uplinks are up: their interfaces, a hundred times a second. What is broken further away is for the host's own routing to find out (BFD, a routing
 * daemon), which takes the interface down or its routes away.
 */
final class Uplinks implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Uplinks.class);
    private static final long EVERY_NS = 10_000_000;

    private final List<GatewayConfig.Uplink> uplinks;
    private final Consumer<boolean[]> changed;
    private final Thread thread;
    private volatile boolean running = true;

    /** @param changed told on a thread of its own which are up, in the given order */
    Uplinks(List<GatewayConfig.Uplink> uplinks, Consumer<boolean[]> changed) {
        this.uplinks = uplinks;
        this.changed = changed;
        this.thread = Thread.ofPlatform().name("uplinks").daemon().unstarted(this::watch);
    }

    void start() {
        if (!uplinks.isEmpty()) {
            thread.start();
        }
    }

    private void watch() {
        boolean[] known = new boolean[uplinks.size()];
        Arrays.fill(known, true);
        try (Links links = new Links()) {
            while (running) {
                boolean[] now = new boolean[known.length];
                for (int i = 0; i < now.length; i++) {
                    now[i] = isUp(links, uplinks.get(i).device());
                    if (now[i] != known[i]) {
                        LOG.info("uplink {} is {}", uplinks.get(i).device(), now[i] ? "up" : "down");
                    }
                }
                if (!Arrays.equals(now, known)) {
                    known = now;
                    changed.accept(now.clone());
                }
                LockSupport.parkNanos(EVERY_NS);
            }
        }
    }

    private static boolean isUp(Links links, String device) {
        try {
            return links.isRunning(Links.index(device));
        } catch (SyscallException gone) {
            return false;
        }
    }

    @Override
    public void close() {
        running = false;
        LockSupport.unpark(thread);
    }
}
