// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What a process said last. */
final class LastLine {
    private LastLine() {}

    /** The last line of a log that is not blank; empty when there is none. */
    static String of(Path log) {
        try {
            List<String> lines = Files.readAllLines(log);
            for (int i = lines.size() - 1; i >= 0; i--) {
                if (!lines.get(i).isBlank()) {
                    return lines.get(i).strip();
                }
            }
        } catch (IOException e) {
            return "";
        }
        return "";
    }
}
