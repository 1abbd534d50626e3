// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ThreadTimesTest {
    @Test
    void itIsTheTimeThatTheThreadComputed() {
        assumeThat(Files.exists(Path.of("/proc/thread-self/schedstat")))
                .as("this kernel keeps an account of its threads")
                .isTrue();
        ThreadTimes times = new ThreadTimes();
        long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        times.read();
        long after = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        assertThat(times.computedNs()).isPositive().isLessThanOrEqualTo(after);
        assertThat(times.computedNs()).isGreaterThan(before / 2); // the kernel brings its account up to date at ticks
        assertThat(times.waitedNs()).isNotNegative();
    }
}
