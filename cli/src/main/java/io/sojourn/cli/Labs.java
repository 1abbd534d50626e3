// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The lab, as this module sees it. */
final class Labs {
    private Labs() {}

    private static CommandFailure notYet() {
        return new CommandFailure("this build has no lab yet");
    }

    static int demo(boolean headless, boolean json, @Nullable Path report, String mechanism) {
        throw notYet();
    }

    static int up(String prefix) {
        throw notYet();
    }

    static List<String> down(Optional<String> prefix) {
        throw notYet();
    }

    static int list(boolean json) {
        throw notYet();
    }

    static int run(String scenario, int moves, long seed, @Nullable Path report) {
        throw notYet();
    }

    static int exec(Optional<String> prefix, String place, List<String> command) {
        throw notYet();
    }

    static int image(Path out) {
        throw notYet();
    }
}
