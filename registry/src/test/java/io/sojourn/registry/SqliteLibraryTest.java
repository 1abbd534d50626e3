// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process of its own each: the library is loaded once in a JVM, and its end is what matters. */
class SqliteLibraryTest {
    private static final int OPENED = 7;

    @TempDir
    Path dir;

    @Test
    void aControllerThatIsKilledLeavesNoLibraryBehind() throws Exception {
        assertThat(openAndDie()).isEqualTo(OPENED);
        assertThat(names(dir.resolve("tmp"))).isEmpty();
        assertThat(names(dir.resolve("state"))).contains("registry.db").doesNotContain("native");
    }

    @Test
    void whatAnEarlierOneLeftWhileItLoadedIsTakenAway() throws Exception {
        Path left = Files.createDirectories(dir.resolve("state").resolve("native"));
        Files.writeString(left.resolve("sqlite-0-libsqlitejdbc.so"), "torn");
        Files.writeString(left.resolve("sqlite-0-libsqlitejdbc.so.lck"), "");
        assertThat(openAndDie()).isEqualTo(OPENED);
        assertThat(names(dir.resolve("state"))).contains("registry.db").doesNotContain("native");
    }

    /** The status of a process that opens a registry and ends without a word. */
    private int openAndDie() throws Exception {
        Path tmp = Files.createDirectories(dir.resolve("tmp"));
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:-UsePerfData",
                        "-Djava.io.tmpdir=" + tmp,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Victim.class.getName(),
                        dir.resolve("state").toString())
                .inheritIO()
                .start();
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            return process.exitValue();
        } finally {
            process.destroyForcibly();
        }
    }

    private static List<String> names(Path directory) throws Exception {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    static final class Victim {
        public static void main(String[] args) {
            SqliteStore.open(Path.of(args[0]), Clock.systemUTC());
            Runtime.getRuntime().halt(OPENED); // no shutdown hook runs, as after SIGKILL
        }
    }
}
