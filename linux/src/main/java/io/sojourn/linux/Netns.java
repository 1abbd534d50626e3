// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Network namespaces as {@code ip netns} names them. Membership belongs to the operating system's thread, so a thread that
 * enters one must be a platform thread, and should end there: it is never led back (setns(2)).
 */
public final class Netns {
    private static final int O_CLOEXEC = 0x80000;
    private static final int CLONE_NEWNET = 0x40000000;
    private static final Path NAMED = Path.of("/run/netns");

    private Netns() {}

    /** Moves the current platform thread into {@code /run/netns/NAME}; what it opens from now on belongs there. */
    public static void enter(String name) {
        enterPath(NAMED.resolve(name));
    }

    /** As {@link #enter} by the path of a namespace file, such as {@code /proc/PID/ns/net}. */
    public static void enterPath(Path path) {
        if (Thread.currentThread().isVirtual()) {
            throw new IllegalStateException("a virtual thread cannot enter a network namespace: " + path);
        }
        int fd = Syscalls.check(Syscalls.open(path.toString(), O_CLOEXEC), "open network namespace " + path);
        try {
            Syscalls.check(Syscalls.setns(fd, CLONE_NEWNET), "enter network namespace " + path);
        } finally {
            Syscalls.close(fd);
        }
    }

    /** Runs a task on a new platform thread inside the namespace {@code name} and returns its result. */
    public static <T> T call(String name, Callable<T> task) {
        FutureTask<T> future = new FutureTask<>(() -> {
            enter(name);
            return task.call();
        });
        Thread.ofPlatform().name("netns-" + name).start(future);
        try {
            return future.get();
        } catch (InterruptedException interrupted) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while working in namespace " + name, interrupted);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException("task in namespace " + name + " failed", failed.getCause());
        }
    }
}
