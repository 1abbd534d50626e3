// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** Starts QEMUs that wait for a stream. */
public final class QemuLauncher {
    /** {@code directory} holds sockets, pid files and logs; one launcher for a host. */
    public QemuLauncher(Path directory) {}

    /** Starts {@code -incoming defer -S}; returns once QMP answers. The caller attaches with {@link QemuGuest#attach} and {@link LaunchedGuest#qmpSocket}. */
    public LaunchedGuest launchIncoming(
            LaunchTemplate template, String vm, Map<String, String> variables, Duration patience) {
        throw new UnsupportedOperationException();
    }

    /** Starts a guest that boots and runs (a VM's birth, not a move). */
    public LaunchedGuest launch(LaunchTemplate template, String vm, Map<String, String> variables, Duration patience) {
        throw new UnsupportedOperationException();
    }

    /** Finds a process of an earlier life of this gateway by its QMP path and pid file; empty if it is gone. */
    public Optional<LaunchedGuest> reattach(String vm) {
        throw new UnsupportedOperationException();
    }
}
