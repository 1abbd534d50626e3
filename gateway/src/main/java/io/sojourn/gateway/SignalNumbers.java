// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Where the numbers of a gateway's signals begin: above all that it ever used, also if the clock was set back meanwhile. */
final class SignalNumbers {
    /** More signals than a process sends in its life. */
    private static final long A_LIFE = 1_000_000_000;

    private SignalNumbers() {}

    static long first(Path stateDir) {
        Path file = stateDir.resolve("signal.number");
        try {
            long first = Math.max(WallClock.nowUs(), read(file));
            Path draft = file.resolveSibling("signal.number.new");
            Files.writeString(draft, (first + A_LIFE) + "\n");
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
            return first;
        } catch (IOException e) {
            throw new GatewayException("cannot read or write " + file + ": " + e.getMessage(), e);
        }
    }

    private static long read(Path file) throws IOException {
        if (!Files.exists(file)) {
            return 0;
        }
        try {
            return Long.parseLong(Files.readString(file).strip());
        } catch (NumberFormatException e) {
            throw new GatewayException(file + " holds no number; remove it if this host's clock was never set back", e);
        }
    }
}
