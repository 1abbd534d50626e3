// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sojourn.linux.IpsecMbGcm;
import io.sojourn.linux.OpensslAead;
import java.util.Collection;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** Nothing of what is done for every packet allocates. How long it takes is in the log, and judged by nobody. */
@Tag("system")
class InnerLoopsTest {
    private static final String ALLOCATED = "gc.alloc.rate.norm";

    @Test
    void noInnerLoopAllocates() throws RunnerException {
        assumeTrue(
                OpensslAead.isAvailable() || IpsecMbGcm.isAvailable(),
                "this host has neither libcrypto.so.3 nor libIPSec_MB.so.1");
        Collection<RunResult> results = new Runner(new OptionsBuilder()
                        .include(InnerLoops.class.getName())
                        .addProfiler(GCProfiler.class)
                        .jvmArgsAppend("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC")
                        .forks(1)
                        .warmupIterations(3)
                        .warmupTime(TimeValue.milliseconds(300))
                        .measurementIterations(3)
                        .measurementTime(TimeValue.milliseconds(300))
                        .build())
                .run();
        assertThat(results).hasSizeGreaterThan(5);
        for (RunResult result : results) {
            // What JMH itself allocates in an iteration is divided among its calls.
            double allocated = Objects.requireNonNull(
                            result.getSecondaryResults().get(ALLOCATED))
                    .getScore();
            assertThat(allocated)
                    .as("octets allocated by " + result.getParams().getBenchmark())
                    .isLessThan(1);
        }
    }
}
