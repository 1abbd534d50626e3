// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sojourn.model.binding.Epoch;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteStoreTest extends BindingStoreContract {
    @TempDir
    Path dir;

    @Override
    BindingStore open() {
        return SqliteStore.open(dir, Clock.systemUTC());
    }

    @Test
    void everythingIsThereAfterReopening() {
        store.reserveEpoch(WEB1);
        store.reserveEpoch(WEB1);
        store.commitBinding(WEB1, A, new Epoch(1), "registered");
        store.commit(List.of(Write.create(Kind.VM, "web1", "{}")));
        store.close();
        store = open();
        assertThat(store.revision()).isEqualTo(2);
        assertThat(store.reserveEpoch(WEB1)).isEqualTo(new Epoch(3));
        assertThat(store.get(Kind.VM, "web1")).isPresent();
        assertThat(store.history(WEB1)).hasSize(1);
    }

    @Test
    void onlyTheOwnerReadsTheFile() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dir.resolve("registry.db"))))
                .isEqualTo("rw-------");
    }

    @Test
    void aSecondControllerIsKeptOut() {
        assertThatThrownBy(this::open)
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("in use by another controller");
    }

    @Test
    void aFileThatIsNoDatabaseIsNamed() throws Exception {
        Path other = Files.createDirectory(dir.resolve("other"));
        Files.writeString(
                other.resolve("registry.db"), "this is not a database at all, but it is long enough".repeat(30));
        assertThatThrownBy(() -> SqliteStore.open(other, Clock.systemUTC()))
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("is not a registry")
                .hasMessageNotContaining("\n");
    }

    @Test
    void aDamagedFileIsNamed() throws Exception {
        for (int i = 0; i < 200; i++) {
            store.commit(List.of(Write.put(Kind.VM, "vm" + i, "x".repeat(500))));
        }
        store.close();
        byte[] bytes = Files.readAllBytes(dir.resolve("registry.db"));
        java.util.Arrays.fill(bytes, 4096, bytes.length, (byte) 0x5A);
        Files.write(dir.resolve("registry.db"), bytes);
        assertThatThrownBy(this::open)
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("is damaged")
                .hasMessageNotContaining("\n");
    }

    /** Nothing that opening reads lies there. */
    @Test
    void aDamagedPageInTheMiddleIsFoundBeforeItIsNeeded() throws Exception {
        for (int i = 0; i < 200; i++) {
            store.commit(List.of(Write.put(Kind.VM, "vm" + i, "x".repeat(500))));
        }
        store.close();
        byte[] bytes = Files.readAllBytes(dir.resolve("registry.db"));
        int middle = bytes.length / 8192 * 4096;
        java.util.Arrays.fill(bytes, middle, middle + 4096, (byte) 0x5A);
        Files.write(dir.resolve("registry.db"), bytes);
        assertThatThrownBy(this::open)
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("is damaged")
                .hasMessageNotContaining("\n");
    }

    @Test
    void aNewerSchemaIsRefused() throws Exception {
        store.close();
        try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + dir.resolve("registry.db"));
                Statement s = c.createStatement()) {
            s.execute("PRAGMA user_version = 99");
        }
        assertThatThrownBy(this::open).isInstanceOf(RegistryException.class).hasMessageContaining("newer Sojourn");
    }

    @Test
    void aDirectoryThatIsAFileIsNamed() throws Exception {
        Path file = Files.writeString(dir.resolve("file"), "");
        assertThatThrownBy(() -> SqliteStore.open(file, Clock.systemUTC()))
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("check state-dir");
    }

    @Test
    void aWatcherThatWasAwayTooLongIsToldToReadAgain() throws Exception {
        for (int i = 0; i < SqliteStore.KEPT_REVISIONS + 600; i++) {
            store.commit(List.of(Write.put(Kind.VM, "web1", "x")));
            if (i == 20) {
                makeFast();
            }
        }
        Recorder recorder = new Recorder();
        try (BindingStore.Watch watch = store.watch(3, recorder)) {
            assertThat(recorder.compacted.poll(5, java.util.concurrent.TimeUnit.SECONDS))
                    .isEqualTo(store.revision());
        }
    }

    /** This one test makes thousands of commits and does not care for a power cut. */
    private void makeFast() {
        ((SqliteStore) store).relaxForTest();
    }

    /** Commits as fast as it can and says each revision once it has returned. */
    public static final class Victim {
        public static void main(String[] args) {
            try (SqliteStore victim = SqliteStore.open(Path.of(args[0]), Clock.systemUTC())) {
                for (int i = 0; i < 1_000_000; i++) {
                    long epoch = victim.reserveEpoch(WEB1).number();
                    System.out.println(
                            victim.commitBinding(WEB1, i % 2 == 0 ? A : B, new Epoch(epoch), "m") + " " + epoch);
                }
            }
        }
    }

    @Test
    void aCommitThatReturnedSurvivesKillMinusNine() throws Exception {
        Path state = dir.resolve("victim");
        Process victim = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Victim.class.getName(),
                        state.toString())
                .redirectErrorStream(true)
                .start();
        String last = "";
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(victim.getInputStream(), StandardCharsets.UTF_8))) {
            for (int i = 0; i < 200; i++) {
                String line = out.readLine();
                assertThat(line).isNotNull();
                last = line;
            }
            victim.toHandle().destroyForcibly(); // unlike the Process, leaves what is in the pipe readable
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                last = line.matches("\\d+ \\d+") ? line : last;
            }
        }
        String[] said = last.split(" ");
        try (SqliteStore survivor = SqliteStore.open(state, Clock.systemUTC())) {
            assertThat(survivor.revision()).isBetween(Long.parseLong(said[0]), Long.parseLong(said[0]) + 1);
            assertThat(survivor.reserveEpoch(WEB1).number()).isGreaterThan(Long.parseLong(said[1]));
            assertThat(survivor.binding(WEB1).orElseThrow().epoch().number())
                    .isGreaterThanOrEqualTo(Long.parseLong(said[1]));
        }
    }
}
