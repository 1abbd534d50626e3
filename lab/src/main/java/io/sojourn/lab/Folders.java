// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** Where the lab keeps things, and how it removes them. */
final class Folders {
    private Folders() {}

    /** What is expensive to make and good for any run: {@code $SOJOURN_CACHE}, else {@code $XDG_CACHE_HOME/sojourn}, else {@code ~/.cache/sojourn}. */
    static Path cache() {
        String own = System.getenv("SOJOURN_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own);
        }
        String xdg = System.getenv("XDG_CACHE_HOME");
        return xdg != null && !xdg.isBlank()
                ? Path.of(xdg, "sojourn")
                : Path.of(System.getProperty("user.home"), ".cache", "sojourn");
    }

    /** What belongs to a run: {@code $SOJOURN_RUN}, else {@code /run/sojourn-lab} (FHS 3.0, 3.15). Short, as paths of Unix sockets must be. */
    static Path runs() {
        String own = System.getenv("SOJOURN_RUN");
        return own != null && !own.isBlank() ? Path.of(own) : Path.of("/run", "sojourn-lab");
    }

    /** Deletes a folder with all that is in it, never what a link in it points to. Nothing there: nothing done. */
    static void delete(Path folder) throws IOException {
        if (!Files.exists(folder, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> entries = Files.walk(folder)) {
            for (Path entry : entries.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(entry);
            }
        }
    }
}
