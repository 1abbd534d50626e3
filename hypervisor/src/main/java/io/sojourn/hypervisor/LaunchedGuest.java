// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A QEMU process that {@link QemuLauncher} started, in this life of the gateway or an earlier one.
 *
 * @param log its standard output and error
 */
public record LaunchedGuest(String vm, long pid, Path qmpSocket, Path pidFile, Path log) {
    private static final Duration TERM_PATIENCE = Duration.ofSeconds(2);
    private static final Duration KILL_PATIENCE = Duration.ofSeconds(5);

    /** True while this very process runs; another one that has inherited the number does not count. */
    public boolean alive() {
        return process().isPresent();
    }

    /** The process, if it is alive and its command line names our QMP socket. */
    public Optional<ProcessHandle> process() {
        return ProcessHandle.of(pid).filter(ProcessHandle::isAlive).filter(handle -> commandLineNames(qmpSocket));
    }

    private boolean commandLineNames(Path socket) {
        try {
            String commandLine =
                    Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1);
            return commandLine.contains(socket.toString());
        } catch (IOException e) {
            return false; // gone meanwhile
        }
    }

    /** Why QEMU has refused something, in its own words (one line of its log); empty if it said nothing. */
    public String complaint() {
        return QemuLauncher.complaint(log);
    }

    /** Ends exactly this process, SIGTERM first, and removes its socket and pid file; the log stays. Harmless if it is gone. */
    public void destroy() {
        Optional<ProcessHandle> process = process();
        if (process.isPresent()) {
            ProcessHandle handle = process.get();
            handle.destroy();
            if (!ended(
                    handle, TERM_PATIENCE)) { // QEMU does not heed it while it blocks in the last write of a migration
                handle.destroyForcibly();
                if (!ended(handle, KILL_PATIENCE)) {
                    throw new HypervisorException("QEMU of VM " + vm + ", pid " + pid
                            + ", survives SIGKILL; look at its state in /proc/" + pid + "/status");
                }
            }
        }
        removeFiles();
    }

    private static boolean ended(ProcessHandle handle, Duration patience) {
        try {
            handle.onExit().get(patience.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return !handle.isAlive();
        }
    }

    void removeFiles() {
        for (Path file : List.of(qmpSocket, pidFile)) {
            try {
                Files.deleteIfExists(file);
            } catch (IOException e) {
                throw new HypervisorException("cannot remove " + file + " of VM " + vm + ": " + e.getMessage(), e);
            }
        }
    }
}
