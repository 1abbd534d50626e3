// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/** The long-running processes, as this module sees them. Each returns when the process has been told to end. */
final class Processes {
    private Processes() {}

    static void controller(Path config) {
        throw new CommandFailure("this build has no controller yet");
    }

    static void gateway(Path config) {
        throw new CommandFailure("this build has no gateway yet");
    }

    static void wan(Path config) {
        throw new CommandFailure("this build has no WAN emulator yet");
    }

    /** Said here so that all three say it alike, and before anything has started. */
    static void requireReadable(Path config) {
        if (!Files.isRegularFile(config)) {
            throw new CommandFailure("--config " + config + ": there is no such file");
        }
        if (!Files.isReadable(config)) {
            throw new CommandFailure("--config " + config + ": it cannot be read by this user");
        }
    }
}
