// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Wakes a thread that sleeps in a {@link Poller}: any thread calls {@link #wake}, the owner {@link #drain} (eventfd(2)). */
public final class EventFd implements AutoCloseable {
    private static final int EFD_NONBLOCK = 0x800;
    private static final int EFD_CLOEXEC = 0x80000;
    private static final MemorySegment ONE = Arena.global().allocateFrom(JAVA_LONG, 1L);

    private final int fd;
    private static final MemorySegment COUNT = Arena.global().allocate(JAVA_LONG); // nobody wants to know it
    private boolean closed;

    public EventFd() {
        fd = Syscalls.check(Syscalls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "make an eventfd");
    }

    public int fd() {
        return fd;
    }

    /** Makes the descriptor readable; callable from any thread, also when it is readable already. */
    public void wake() {
        int rc = Syscalls.write(fd, ONE.address(), Long.BYTES);
        if (rc < 0) {
            // EAGAIN: 2^64 - 2 wakes wait unread, so it is readable for sure.
            Syscalls.checkAgain(rc, "wake by eventfd");
        }
    }

    /** Makes it unreadable again; true if there had been a wake. For the owning thread only. */
    public boolean drain() {
        return Syscalls.checkAgain(Syscalls.read(fd, COUNT.address(), Long.BYTES), "drain an eventfd") > 0;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}
