// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.BridgeFdb;
import io.sojourn.linux.SyscallException;
import io.sojourn.model.identity.MacAddress;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the bridges of this host have their stations. Each question and each change waits for the kernel's one lock of all interfaces (rtnl_mutex), which whoever makes or removes one
 * holds for tens of milliseconds, so they have a thread of their own, which makes them in the order in which they were asked for. Who carries packets waits for it only where the next packet
 * must find the change made; were it to wait while a station is given back to the bridge, what it has not read yet would be overtaken by what the bridge brings from then on.
 */
final class Stations implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Stations.class);

    private final BridgeFdb fdb = new BridgeFdb();
    private final ExecutorService hand = ReadyThread.by(work -> {
        Thread thread = Hands.thread(work);
        thread.setName("stations");
        return thread;
    });

    /** Frames for the station come out of this port and no other, whatever it says; they do when this returns. */
    void capture(int port, long mac) {
        ask(() -> {
            fdb.replace(port, bytes(mac), Set.of(BridgeFdb.Flag.STICKY));
            return true;
        });
    }

    /** An address that is always behind this port; it is when this returns. */
    void pin(int port, long mac) {
        ask(() -> {
            fdb.replace(port, bytes(mac), Set.of(BridgeFdb.Flag.STATIC));
            return true;
        });
    }

    /** Soon the station is where the bridge learns it. */
    void release(int port, long mac) {
        later(() -> fdb.delete(port, bytes(mac)));
    }

    /** Soon the station that was captured {@code from} a port is behind another, until the bridge learns better; where the bridge learns it, if that port is gone. */
    void place(int from, int port, long mac) {
        later(() -> {
            try {
                fdb.replace(port, bytes(mac), Set.of());
            } catch (SyscallException e) {
                fdb.delete(from, bytes(mac));
                throw e;
            }
        });
    }

    /** As {@link BridgeFdb#portOf}, when all that was asked for before has been done. */
    int portOf(int bridge, long mac) {
        return ask(() -> fdb.portOf(bridge, bytes(mac)));
    }

    private static byte[] bytes(long mac) {
        return new MacAddress(mac).toBytes();
    }

    private void later(Runnable change) {
        hand.execute(() -> {
            try {
                change.run();
            } catch (SyscallException e) {
                LOG.warn("{}", e.getMessage());
            }
        });
    }

    private <T> T ask(Callable<T> question) {
        Future<T> answer = hand.submit(question);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return answer.get();
                } catch (InterruptedException e) {
                    interrupted = true; // a system call that ends soon
                }
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException why) {
                throw why;
            }
            throw new GatewayException("cannot ask the bridge: " + e.getMessage(), e);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** When all that was asked for has been done. */
    @Override
    public void close() {
        hand.close();
        fdb.close();
    }
}
