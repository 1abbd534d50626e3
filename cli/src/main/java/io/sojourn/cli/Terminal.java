// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The terminal that stderr may be. */
final class Terminal {
    private Terminal() {}

    /** Whether stderr is a terminal: the kernel names it in /proc/self/fd/2. {@code System.console()} answers for stdin and stdout only. */
    static boolean hasOne() {
        return isTerminal(2);
    }

    static boolean isStdout() {
        return isTerminal(1);
    }

    private static boolean isTerminal(int descriptor) {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor))
                    .toString();
            return (target.startsWith("/dev/pts/") || target.startsWith("/dev/tty"))
                    && !"dumb".equals(System.getenv("TERM"));
        } catch (IOException e) {
            return false;
        }
    }

    /** Replaces the line that the cursor is in (ECMA-48: carriage return, text, erase to the end of the line). */
    static void redraw(String line) {
        System.err.print("\r" + line + "\033[K");
        System.err.flush();
    }
}
