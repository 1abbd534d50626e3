// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.GuestFiles.Remembered;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestFilesTest {
    private static final Path QMP = Path.of("/run/q/web1.0badcafe.qmp");

    @TempDir
    Path folder;

    private static Remembered guest(Optional<Path> qmp) {
        return new Remembered("web1", qmp, List.of("sv1n0", "sv1n1"));
    }

    @Test
    void whatWasMadeBeforeTheHypervisorIsFoundAgain() {
        new GuestFiles(folder).expect(guest(Optional.empty()));
        assertThat(new GuestFiles(folder).arriving()).containsExactly(guest(Optional.empty()));
    }

    @Test
    void anArrivalThatSettlesIsNoArrivalAnyMore() {
        GuestFiles files = new GuestFiles(folder);
        files.expect(guest(Optional.of(QMP)));
        assertThat(files.hosted("web1")).isEmpty();
        files.settle(guest(Optional.of(QMP)));
        assertThat(files.arriving()).isEmpty();
        assertThat(new GuestFiles(folder).hosted("web1")).contains(guest(Optional.of(QMP)));
    }

    @Test
    void onlyTheHypervisorThatLeftIsForgotten() {
        GuestFiles files = new GuestFiles(folder);
        files.settle(guest(Optional.of(QMP)));
        files.forget("web1", Path.of("/run/q/web1.11111111.qmp"));
        assertThat(files.hosted("web1")).isPresent();
        files.forget("web1", QMP);
        assertThat(files.hosted("web1")).isEmpty();
    }

    @Test
    void halfAFileOfAWriterThatDiedCountsForNothing() throws Exception {
        Files.createDirectories(folder.resolve("arrivals"));
        Files.writeString(folder.resolve("arrivals/.web1.new"), "/run/q/we");
        assertThat(new GuestFiles(folder).arriving()).isEmpty();
    }
}
