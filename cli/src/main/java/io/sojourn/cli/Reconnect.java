// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.time.Duration;

/** Waiting for a controller to come back, for commands that outlive its restart. */
final class Reconnect {
    private static final Duration BETWEEN_TRIES = Duration.ofMillis(500);
    private static final int TRIES = 600;

    private Reconnect() {}

    /** @throws CommandFailure what the last try said, after five minutes */
    static void await(ControllerClient client) {
        for (int i = 1; ; i++) {
            try {
                client.get("/v1/sites");
                return;
            } catch (CommandFailure failure) {
                if (i == TRIES) {
                    throw failure;
                }
            }
            try {
                Thread.sleep(BETWEEN_TRIES);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CommandFailure("interrupted", e);
            }
        }
    }
}
