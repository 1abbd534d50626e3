// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The lab, as this module sees it. */
final class Labs {
    private Labs() {}

    static int demo(boolean headless, boolean json, @Nullable Path report, String mechanism) {
        throw new CommandFailure("this build has no lab yet");
    }
}
