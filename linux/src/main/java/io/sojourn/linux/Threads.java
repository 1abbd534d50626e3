// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Scheduling of the current platform thread, of the virtual machine's own, and of a guest's at the moment of its move. */
public final class Threads {
    /** Who goes first among those that go before all ordinary threads; the constants stand in the order of their priority, lowest first. */
    public enum Rank {
        /** Gives a hypervisor its command and hears its events, hears the controller: a millisecond now and then. */
        HAND,
        /** Carries packets. */
        PACKETS,
        /** A guest in the first moments after it was resumed; there must be processors left for those that carry its packets. */
        GUEST,
        /** Judges those who carry packets, or plays the world around them: must not be late because they are busy. */
        WORLD;

        private int priority() {
            return 1 + ordinal();
        }
    }

    private static final int PR_SET_TIMERSLACK = 29;
    private static final int PRIO_PROCESS = 0;
    private static final int SCHED_OTHER = 0;
    private static final int SCHED_RESET_ON_FORK = 0x4000_0000; // threads made by it are ordinary again
    private static final int SCHED_FIFO = 1 | SCHED_RESET_ON_FORK;
    private static final int SCHED_RR = 2 | SCHED_RESET_ON_FORK;
    private static final int CPU_SET_BYTES = 128;
    private static final Path OWN_THREADS = Path.of("/proc/self/task");

    private Threads() {}

    /** The kernel's number of this thread (gettid(2)). */
    public static int current() {
        return Syscalls.gettid();
    }

    /** Timers of this thread fire within 1 us of their time instead of the default 50 (PR_SET_TIMERSLACK). */
    public static void preciseTimers() {
        Syscalls.check(Syscalls.prctl(PR_SET_TIMERSLACK, 1_000), "set timer slack");
    }

    /** Binds this thread to the processors listed, numbered from 0 (sched_setaffinity(2)). */
    public static void setAffinity(int... cpus) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(CPU_SET_BYTES, 8);
            for (int cpu : cpus) {
                byte bits = mask.get(JAVA_BYTE, cpu / 8);
                mask.set(JAVA_BYTE, cpu / 8, (byte) (bits | 1 << (cpu % 8)));
            }
            Syscalls.check(Syscalls.schedSetaffinity(0, CPU_SET_BYTES, mask.address()), "bind a thread to processors");
        }
    }

    /**
     * Lets this thread run before all ordinary ones as soon as it has work (SCHED_FIFO). Only for threads that sleep when idle; the kernel keeps 5 % of
     * each second for the others. Needs root.
     */
    public static void setRealtime(Rank rank) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment priority = arena.allocateFrom(JAVA_INT, rank.priority());
            Syscalls.check(
                    Syscalls.schedSetscheduler(0, SCHED_FIFO, priority.address()), "make a thread a real-time one");
        }
    }

    /**
     * Lets a thread of whatever process run before all ordinary ones (SCHED_RR) until {@link #lower}. Only if it is an ordinary one now: who chose another policy for it
     * knows better. Needs root.
     *
     * @param thread the kernel's number of it ({@link #current})
     * @return whether it was done; false also if there is no such thread
     */
    public static boolean raise(int thread, Rank rank) {
        if (Syscalls.schedGetscheduler(thread) != SCHED_OTHER) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment priority = arena.allocateFrom(JAVA_INT, rank.priority());
            return Syscalls.schedSetscheduler(thread, SCHED_RR, priority.address()) == 0;
        }
    }

    /** Makes a raised thread an ordinary one again, whoever raised it; leaves every other thread as it is. Its niceness is what it was. */
    public static void lower(int thread) {
        if (Syscalls.schedGetscheduler(thread) == SCHED_RR) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment priority = arena.allocateFrom(JAVA_INT, 0);
                Syscalls.schedSetscheduler(thread, SCHED_OTHER, priority.address());
            }
        }
    }

    /** From -20, the most favoured, to 19; under 0 needs root. Linux applies it to the calling thread alone (setpriority(2)). */
    public static void setNiceness(int niceness) {
        Syscalls.check(Syscalls.setpriority(PRIO_PROCESS, 0, niceness), "set niceness " + niceness);
    }

    /**
     * Has HotSpot's own thread and the collector's run before all ordinary ones, as those do that stand still until a collection is over: it takes
     * milliseconds, and ten times that if its thread must wait for a processor. The compilers stay ordinary: they hold locks that a packet's thread may need,
     * and as SCHED_IDLE they kept it waiting for 164 ms behind their own process's streams. Needs root.
     *
     * @return how many there are
     */
    public static int setCollectorFirst() {
        return setOwn("VM Thread|GC Thread.*", SCHED_FIFO, Rank.PACKETS.priority());
    }

    private static int setOwn(String names, int policy, int priority) {
        int found = 0;
        try (Arena arena = Arena.ofConfined();
                DirectoryStream<Path> threads = Files.newDirectoryStream(OWN_THREADS)) {
            MemorySegment parameters = arena.allocateFrom(JAVA_INT, priority);
            for (Path thread : threads) {
                String name = Files.readString(thread.resolve("comm")).strip();
                int id = Integer.parseInt(thread.getFileName().toString());
                if (name.matches(names) && Syscalls.schedSetscheduler(id, policy, parameters.address()) == 0) {
                    found++;
                }
            }
        } catch (IOException e) {
            // A thread that ended meanwhile, or no /proc: then it stays as it is.
        }
        return found;
    }
}
