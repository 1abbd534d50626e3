// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.GuestFiles.Remembered;
import io.sojourn.hypervisor.LaunchTemplate;
import io.sojourn.hypervisor.LaunchedGuest;
import io.sojourn.hypervisor.QemuLauncher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A gateway that was killed while guests came, and starts again; with real QEMUs. */
@Tag("system")
class HostedGuestsSystemTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final LaunchTemplate BARE = new LaunchTemplate(
            "bare",
            List.of("qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-display", "none", "-m", "${memory}"));
    private static final Map<String, String> SMALL = Map.of("memory-mb", "32", "accel", "tcg");

    private Path folder;
    private QemuLauncher launcher;
    private GuestFiles files;

    @BeforeEach
    void folder() throws IOException {
        folder = Files.createTempDirectory(Path.of("/tmp"), "sj"); // the name of a Unix socket has 107 octets at most
        launcher = new QemuLauncher(folder.resolve("qemu"));
        files = new GuestFiles(folder);
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        launcher.running().forEach(LaunchedGuest::destroy);
        try (var all = Files.walk(folder)) {
            for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private LaunchedGuest arriving(String vm, LaunchedGuest guest) {
        files.expect(new Remembered(vm, Optional.of(guest.qmpSocket()), List.of()));
        return guest;
    }

    @Test
    void aGuestThatHasBegunHereStaysThoughItsArrivalWasNotYetWrittenDown() {
        LaunchedGuest begun = arriving("begun", launcher.launch(BARE, "begun", SMALL, PATIENCE));
        LaunchedGuest waiting = arriving("waiting", launcher.launchIncoming(BARE, "waiting", SMALL, PATIENCE));
        LaunchedGuest takenUp = arriving("taken", launcher.launchIncoming(BARE, "taken", SMALL, PATIENCE));

        new HostedGuests(files, launcher).clearAway(Set.of("taken"));

        assertThat(begun.alive()).isTrue();
        assertThat(files.hosted("begun").flatMap(Remembered::qmp)).contains(begun.qmpSocket());
        assertThat(waiting.alive()).isFalse();
        assertThat(takenUp.alive()).isTrue();
        assertThat(files.arriving()).extracting(Remembered::vm).containsExactly("taken");
    }
}
