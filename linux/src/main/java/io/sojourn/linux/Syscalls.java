// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The C library's system call wrappers, the one place that links native code.
 *
 * <p>All follow the kernel's convention: a result of 0 or more, or the negative errno; none throws. Pointers are passed as
 * {@code long} (the same registers on x86-64 and AArch64), so that a call makes no segment object; callers keep the memory
 * alive. No call is {@code critical}: one that blocks would stop the garbage collector.
 */
public final class Syscalls {
    /** What non-blocking reads and writes of this module return for EAGAIN and EINTR. */
    public static final int AGAIN = -1;

    static final int BPF_MAP_CREATE = 0;
    static final int BPF_MAP_LOOKUP_ELEM = 1;
    static final int BPF_MAP_UPDATE_ELEM = 2;
    static final int BPF_MAP_DELETE_ELEM = 3;
    static final int BPF_PROG_LOAD = 5;
    private static final long SYS_BPF = System.getProperty("os.arch").equals("aarch64") ? 280 : 321;

    static final int EINTR = 4;
    static final int EAGAIN = 11;

    private static final MemoryLayout STATE_LAYOUT = Linker.Option.captureStateLayout();
    private static final long ERRNO_OFFSET = STATE_LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> STATE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE_LAYOUT));

    private static final MethodHandle OPEN = variadic("open", JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle IOCTL = variadic("ioctl", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle CLOSE = fixed("close", JAVA_INT, JAVA_INT);
    private static final MethodHandle READ = fixed("read", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle WRITE = fixed("write", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle WRITEV = fixed("writev", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SOCKET = fixed("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle BIND = fixed("bind", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETSOCKNAME = fixed("getsockname", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SETSOCKOPT =
            fixed("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETSOCKOPT =
            fixed("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SENDMMSG = fixed("sendmmsg", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle RECVMMSG =
            fixed("recvmmsg", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle RECVFROM =
            fixed("recvfrom", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle PPOLL = fixed("ppoll", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle EVENTFD = fixed("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle SETNS = fixed("setns", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle PRCTL =
            variadic("prctl", 1, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SYSCALL =
            variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SCHED_SETAFFINITY =
            fixed("sched_setaffinity", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SCHED_SETSCHEDULER =
            fixed("sched_setscheduler", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle SCHED_GETSCHEDULER = fixed("sched_getscheduler", JAVA_INT, JAVA_INT);
    private static final MethodHandle GETTID = fixed("gettid", JAVA_INT);
    private static final MethodHandle SETPRIORITY = fixed("setpriority", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle MMAP =
            fixed("mmap", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle MADVISE = fixed("madvise", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle IF_NAMETOINDEX = fixed("if_nametoindex", JAVA_INT, JAVA_LONG);

    private Syscalls() {}

    /** {@code open(2)} with a mode of 0. */
    static int open(String path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = STATE.get();
            int rc = (int) OPEN.invokeExact(state, arena.allocateFrom(path).address(), flags, 0);
            return result(rc, state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int ioctl(int fd, long request, long argument) {
        try {
            MemorySegment state = STATE.get();
            return result((int) IOCTL.invokeExact(state, fd, request, argument), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int close(int fd) {
        try {
            MemorySegment state = STATE.get();
            return result((int) CLOSE.invokeExact(state, fd), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int read(int fd, long address, long bytes) {
        try {
            MemorySegment state = STATE.get();
            return result((int) (long) READ.invokeExact(state, fd, address, bytes), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int write(int fd, long address, long bytes) {
        try {
            MemorySegment state = STATE.get();
            return result((int) (long) WRITE.invokeExact(state, fd, address, bytes), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int writev(int fd, long iovecs, int count) {
        try {
            MemorySegment state = STATE.get();
            return result((int) (long) WRITEV.invokeExact(state, fd, iovecs, count), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int socket(int family, int type, int protocol) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SOCKET.invokeExact(state, family, type, protocol), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int bind(int fd, long sockaddr, int bytes) {
        try {
            MemorySegment state = STATE.get();
            return result((int) BIND.invokeExact(state, fd, sockaddr, bytes), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int getsockname(int fd, long sockaddr, long bytesPointer) {
        try {
            MemorySegment state = STATE.get();
            return result((int) GETSOCKNAME.invokeExact(state, fd, sockaddr, bytesPointer), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int setsockopt(int fd, int level, int option, long value, int bytes) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SETSOCKOPT.invokeExact(state, fd, level, option, value, bytes), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int setsockopt(int fd, int level, int option, int value) {
        try (Arena arena = Arena.ofConfined()) {
            return setsockopt(
                    fd, level, option, arena.allocateFrom(JAVA_INT, value).address(), 4);
        }
    }

    static int getsockopt(int fd, int level, int option, long value, long bytesPointer) {
        try {
            MemorySegment state = STATE.get();
            return result((int) GETSOCKOPT.invokeExact(state, fd, level, option, value, bytesPointer), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int sendmmsg(int fd, long mmsghdrs, int count) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SENDMMSG.invokeExact(state, fd, mmsghdrs, count, 0), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int recvmmsg(int fd, long mmsghdrs, int count) {
        try {
            MemorySegment state = STATE.get();
            return result((int) RECVMMSG.invokeExact(state, fd, mmsghdrs, count, 0, 0L), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int recvfrom(int fd, long address, long bytes, int flags, long sockaddr, long bytesPointer) {
        try {
            MemorySegment state = STATE.get();
            long rc = (long) RECVFROM.invokeExact(state, fd, address, bytes, flags, sockaddr, bytesPointer);
            return result((int) rc, state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int ppoll(long pollfds, int count, long timespec) {
        try {
            MemorySegment state = STATE.get();
            return result((int) PPOLL.invokeExact(state, pollfds, (long) count, timespec, 0L), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int eventfd(int initial, int flags) {
        try {
            MemorySegment state = STATE.get();
            return result((int) EVENTFD.invokeExact(state, initial, flags), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int setns(int fd, int kind) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SETNS.invokeExact(state, fd, kind), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int prctl(int option, long argument) {
        try {
            MemorySegment state = STATE.get();
            return result((int) PRCTL.invokeExact(state, option, argument, 0L, 0L, 0L), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** {@code bpf(2)}, for which the C library has no wrapper. */
    static int bpf(int command, long attributes, int bytes) {
        try {
            MemorySegment state = STATE.get();
            return result(
                    (int) (long) SYSCALL.invokeExact(state, SYS_BPF, (long) command, attributes, (long) bytes), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int gettid() {
        try {
            return (int) GETTID.invokeExact(STATE.get()); // it cannot fail
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** The address, or the negative errno. */
    static long mmap(long bytes, int protection, int flags) {
        try {
            MemorySegment state = STATE.get();
            long address = (long) MMAP.invokeExact(state, 0L, bytes, protection, flags, -1, 0L);
            return address == -1 ? -state.get(JAVA_INT, ERRNO_OFFSET) : address;
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int madvise(long address, long bytes, int advice) {
        try {
            MemorySegment state = STATE.get();
            return result((int) MADVISE.invokeExact(state, address, bytes, advice), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int schedSetaffinity(int thread, long maskBytes, long mask) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SCHED_SETAFFINITY.invokeExact(state, thread, maskBytes, mask), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int schedGetscheduler(int thread) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SCHED_GETSCHEDULER.invokeExact(state, thread), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int schedSetscheduler(int thread, int policy, long parameter) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SCHED_SETSCHEDULER.invokeExact(state, thread, policy, parameter), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    static int setpriority(int which, int who, int niceness) {
        try {
            MemorySegment state = STATE.get();
            return result((int) SETPRIORITY.invokeExact(state, which, who, niceness), state);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** 0 when there is no such interface in the thread's namespace. */
    static int ifNametoindex(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) IF_NAMETOINDEX.invokeExact(
                    STATE.get(), arena.allocateFrom(name).address());
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /** Passes a result of 0 or more on, and throws for a negative errno. */
    static int check(int rc, String op) {
        if (rc < 0) {
            throw new SyscallException(op, -rc);
        }
        return rc;
    }

    /** As {@link #check}, but EAGAIN and EINTR become {@link #AGAIN}. */
    static int checkAgain(int rc, String op) {
        if (rc >= 0) {
            return rc;
        }
        if (rc == -EAGAIN || rc == -EINTR) {
            return AGAIN;
        }
        throw new SyscallException(op, -rc);
    }

    private static int result(int rc, MemorySegment state) {
        return rc >= 0 ? rc : -state.get(JAVA_INT, ERRNO_OFFSET);
    }

    private static MethodHandle fixed(String name, MemoryLayout returns, MemoryLayout... parameters) {
        return link(name, FunctionDescriptor.of(returns, parameters));
    }

    private static MethodHandle variadic(String name, MemoryLayout returns, MemoryLayout... parameters) {
        return variadic(name, 2, returns, parameters);
    }

    private static MethodHandle variadic(
            String name, int firstVariadic, MemoryLayout returns, MemoryLayout... parameters) {
        return link(name, FunctionDescriptor.of(returns, parameters), Linker.Option.firstVariadicArg(firstVariadic));
    }

    private static MethodHandle link(String name, FunctionDescriptor descriptor, Linker.Option... more) {
        Linker linker = Linker.nativeLinker();
        Linker.Option[] options = new Linker.Option[more.length + 1];
        options[0] = Linker.Option.captureCallState("errno");
        System.arraycopy(more, 0, options, 1, more.length);
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, options);
    }

    static AssertionError unexpected(Throwable thrown) {
        // A downcall itself never throws; only a wrong descriptor would.
        return new AssertionError("native call", thrown);
    }
}
