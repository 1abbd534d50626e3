// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether this process may do what only root may. */
final class Privileges {
    private Privileges() {}

    /**
     * @param command the command as typed
     * @param reason what it does that needs root
     * @throws CommandFailure when the effective user is not root
     */
    static void requireRoot(String command, String reason) {
        if (!isRoot()) {
            throw new CommandFailure("needs root (" + reason + "); run: sudo " + command);
        }
    }

    /** The second number of {@code Uid:} in /proc/self/status is the effective one (proc_pid_status(5)). */
    static boolean isRoot() {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith("Uid:")).anyMatch(line -> line.split("\\s+")[2].equals("0"));
        } catch (IOException e) {
            return false;
        }
    }
}
