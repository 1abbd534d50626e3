// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.controller.ControllerConfig;
import io.sojourn.controller.ControllerProcess;
import io.sojourn.gateway.GatewayProcess;
import io.sojourn.wan.WanProcess;
import java.nio.file.Files;
import java.nio.file.Path;

/** The long-running processes, as this module sees them. Each returns its exit status when the process has been told to end. */
final class Processes {
    private Processes() {}

    static int controller(Path config) {
        return ControllerProcess.run(ControllerConfig.load(config));
    }

    static int gateway(Path config) {
        return GatewayProcess.run(config);
    }

    static int wan(Path config) {
        try {
            return WanProcess.run(config);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 1;
        }
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
