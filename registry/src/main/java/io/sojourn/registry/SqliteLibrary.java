// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.sqlite.SQLiteJDBCLoader;

/**
 * SQLite's native library, which the driver carries in its jar and unpacks into a file to load it.
 *
 * <p>Left to itself the driver does so in the host's temporary directory and takes the file away when the JVM ends by itself: a
 * controller that is killed leaves a megabyte there each time, and a {@code /tmp} mounted {@code noexec} keeps it from starting. Here
 * the file lies in the state directory, and only until it is loaded.
 */
final class SqliteLibrary {
    /** The driver's own property: an operator who sets it has his way. */
    private static final String DIRECTORY = "org.sqlite.tmpdir";

    private static boolean loaded;

    private SqliteLibrary() {}

    /** Loads the library, once in a JVM. The caller holds the state directory's lock. @throws RegistryException with one clear line */
    static synchronized void load(Path stateDir) {
        if (loaded) {
            return;
        }
        boolean ours = System.getProperty(DIRECTORY) == null;
        Path directory = stateDir.resolve("native");
        try {
            if (ours) {
                remove(directory); // of a controller that was killed while it loaded
                Files.createDirectories(directory);
                System.setProperty(DIRECTORY, directory.toString());
            }
            SQLiteJDBCLoader.initialize();
            if (ours) {
                remove(directory); // a mapped file stays mapped without its name
            }
            loaded = true;
        } catch (Exception e) {
            throw new RegistryException(
                    "SQLite's native library cannot be unpacked and loaded in "
                            + (ours ? directory : System.getProperty(DIRECTORY)) + " (" + e.getMessage()
                            + "): state-dir must be writable and not mounted noexec",
                    e);
        }
    }

    private static void remove(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.deleteIfExists(file);
            }
        }
        Files.deleteIfExists(directory);
    }
}
