// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Waits for a fixed set of descriptors with a timeout in nanoseconds (ppoll(2)). Owned by one thread; call
 * {@link Threads#preciseTimers} on it first, else the kernel may wake it 50 us late.
 */
public final class Poller implements AutoCloseable {
    static final int POLLFD_BYTES = 8;
    static final int POLLFD_EVENTS = 4;
    static final int POLLFD_REVENTS = 6;

    private static final short POLLIN = 0x0001;
    private static final short POLLOUT = 0x0004;
    private static final short POLLERR = 0x0008;
    private static final short POLLHUP = 0x0010;
    private static final short POLLNVAL = 0x0020;

    private final int count;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment pollfds;
    private final MemorySegment timespec = arena.allocate(16, 8);

    /** Watches each descriptor for reading; the index of a descriptor here is its index in all methods. */
    public Poller(int... fds) {
        count = fds.length;
        pollfds = arena.allocate(Math.max(1, count) * (long) POLLFD_BYTES, 8);
        for (int i = 0; i < count; i++) {
            pollfds.set(JAVA_INT, i * (long) POLLFD_BYTES, fds[i]);
            interest(i, true, false);
        }
    }

    /** What to wait for on descriptor {@code index}; with neither, only errors wake. */
    public void interest(int index, boolean reading, boolean writing) {
        short events = (short) ((reading ? POLLIN : 0) | (writing ? POLLOUT : 0));
        pollfds.set(JAVA_SHORT, index * (long) POLLFD_BYTES + POLLFD_EVENTS, events);
    }

    /** Watches descriptor {@code index} no more, not even for errors; before it is closed, or when it has failed for good. */
    public void remove(int index) {
        pollfds.set(JAVA_INT, index * (long) POLLFD_BYTES, -1);
    }

    /** Sleeps until a descriptor is ready or {@code timeoutNs} has passed (negative: for ever); returns how many are ready. */
    public int poll(long timeoutNs) {
        long timeout = 0;
        if (timeoutNs >= 0) {
            timespec.set(JAVA_LONG, 0, timeoutNs / 1_000_000_000L);
            timespec.set(JAVA_LONG, 8, timeoutNs % 1_000_000_000L);
            timeout = timespec.address();
        }
        int rc = Syscalls.ppoll(pollfds.address(), count, timeout);
        if (rc == -Syscalls.EINTR) {
            for (int i = 0; i < count; i++) {
                pollfds.set(JAVA_SHORT, i * (long) POLLFD_BYTES + POLLFD_REVENTS, (short) 0);
            }
            return 0;
        }
        return Syscalls.check(rc, "poll");
    }

    public boolean readable(int index) {
        return (revents(index) & POLLIN) != 0;
    }

    public boolean writable(int index) {
        return (revents(index) & POLLOUT) != 0;
    }

    /** The descriptor has an error, was hung up or is closed. */
    public boolean failed(int index) {
        return (revents(index) & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    }

    private short revents(int index) {
        return pollfds.get(JAVA_SHORT, index * (long) POLLFD_BYTES + POLLFD_REVENTS);
    }

    @Override
    public void close() {
        arena.close();
    }
}
