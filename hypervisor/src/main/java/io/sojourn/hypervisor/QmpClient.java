// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;

/** A QMP connection over a Unix-domain socket. */
public final class QmpClient implements AutoCloseable {
    private QmpClient() {}

    /** Connects, reads the greeting and leaves negotiation mode. */
    public static QmpClient connect(
            Path socket, Duration patience, Consumer<? super QmpEvent> events, Consumer<? super String> disconnected) {
        throw new UnsupportedOperationException();
    }

    public JsonNode execute(String command) {
        return execute(command, Map.of());
    }

    public JsonNode execute(String command, Map<String, ?> arguments) {
        throw new UnsupportedOperationException();
    }

    public JsonNode execute(String command, Map<String, ?> arguments, Duration patience) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
