// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Processes by number and start time, so that a number the kernel gave to somebody else is never mistaken (proc(5), /proc/pid/stat, field 22). */
final class ProcessTable {
    private static final int START_TIME_AFTER_NAME = 19;

    private ProcessTable() {}

    /** In clock ticks since the machine started; -1 when there is no such process (a zombie is none). */
    static long startTime(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            // The name is in parentheses and may hold blanks and parentheses itself.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            return fields[0].equals("Z") ? -1 : Long.parseLong(fields[START_TIME_AFTER_NAME]);
        } catch (NoSuchFileException e) {
            return -1;
        } catch (IOException e) {
            return -1;
        }
    }

    static boolean alive(long pid, long startTime) {
        return startTime >= 0 && startTime(pid) == startTime;
    }

    /** SIGKILL, if it is still the same process. */
    static void kill(long pid, long startTime) {
        if (alive(pid, startTime)) {
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    /** User and system time used so far, in ticks of 10 ms; 0 when it is gone. */
    static long cpuTicks(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            return Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
        } catch (IOException e) {
            return 0;
        }
    }
}
