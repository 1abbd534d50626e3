// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** A QEMU in a container tells numbers that are other threads' here; LauncherSystemTest has one that is on this host. */
class QemuThreadsTest {
    private static QemuThreads of(int... threads) {
        return QemuThreads.of(java.util.Arrays.stream(threads).boxed().toList());
    }

    @Test
    void threadsOfAnotherProgramOrTheKernelAreNone() {
        int self = (int) ProcessHandle.current().pid();
        for (QemuThreads threads : List.of(of(), of(self), of(1), of(2), of(1, self), of(0), of(Integer.MAX_VALUE))) {
            assertThat(threads.areKnown()).isFalse();
            assertThat(threads.processors()).isEmpty();
            assertThat(threads.services()).isEmpty();
        }
    }
}
