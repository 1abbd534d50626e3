// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;

/**
 * One thread for what must not be done between two packets, there before there is anything to do: who starts a thread waits until it has come to a processor for the first time, which took 46 ms on
 * a busy host, and the first to have something to do is mostly the forwarder.
 */
final class ReadyThread {
    private ReadyThread() {}

    static ScheduledExecutorService named(String name) {
        return by(work -> Thread.ofPlatform().name(name).daemon().unstarted(work));
    }

    static ScheduledExecutorService by(ThreadFactory factory) {
        ScheduledThreadPoolExecutor thread = new ScheduledThreadPoolExecutor(1, factory);
        thread.prestartCoreThread();
        return thread;
    }
}
