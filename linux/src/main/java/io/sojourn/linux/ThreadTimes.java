// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How long the thread that reads it computed, and how long it could have but had no processor, since it began: the first two numbers of
 * {@code /proc/thread-self/schedstat} (the kernel's Documentation/scheduler/sched-stats.rst). Zeros on a kernel that keeps no such account.
 */
public final class ThreadTimes {
    private static final Path OWN = Path.of("/proc/thread-self/schedstat");

    private long computedNs;
    private long waitedNs;

    public void read() {
        try {
            String[] numbers =
                    Files.readString(OWN, StandardCharsets.US_ASCII).strip().split(" ");
            computedNs = Long.parseLong(numbers[0]);
            waitedNs = Long.parseLong(numbers[1]);
        } catch (IOException | NumberFormatException | ArrayIndexOutOfBoundsException e) {
            // No such account here.
            computedNs = 0;
            waitedNs = 0;
        }
    }

    public long computedNs() {
        return computedNs;
    }

    public long waitedNs() {
        return waitedNs;
    }
}
