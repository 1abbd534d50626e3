// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SleepersTest {
    private static Process shell(String script) throws IOException {
        return new ProcessBuilder("sh", "-c", script)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static boolean comesToSleep(Sleepers sleepers) throws InterruptedException {
        for (int i = 0; i < 500 && !sleepers.allSleep(); i++) {
            Thread.sleep(10);
        }
        return sleepers.allSleep();
    }

    @Test
    void whoWaitsSleepsAndWhoComputesDoesNot() throws Exception {
        Process waiting = shell("exec sleep 60");
        Process busy = shell("while :; do :; done");
        try (Sleepers one = new Sleepers(List.of((int) waiting.pid()));
                Sleepers both = new Sleepers(List.of((int) waiting.pid(), (int) busy.pid()))) {
            assertThat(comesToSleep(one)).isTrue();
            for (int i = 0; i < 20; i++) {
                assertThat(both.allSleep()).isFalse();
                Thread.sleep(1);
            }
        } finally {
            waiting.destroyForcibly();
            busy.destroyForcibly();
        }
    }

    @Test
    void theRunningThreadItselfDoesNotSleep() {
        try (Sleepers self = new Sleepers(List.of(Threads.current()))) {
            assertThat(self.allSleep()).isFalse();
        }
    }

    @Test
    void aThreadThatHasEndedDoesNotSleep() throws Exception {
        Process process = shell("exec sleep 60");
        int number = (int) process.pid();
        try (Sleepers sleepers = new Sleepers(List.of(number))) {
            process.destroyForcibly();
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(sleepers.allSleep()).isFalse();
        }
        assertThatThrownBy(() -> new Sleepers(List.of(number))).isInstanceOf(UncheckedIOException.class);
    }

    @Test
    void aNameWithBracketsMisleadsNobody() throws Exception {
        String name = "a) S (b";
        Process process = shell("printf '" + name + "' > /proc/$$/comm; while :; do :; done");
        try (Sleepers busy = new Sleepers(List.of((int) process.pid()))) {
            Path comm = Path.of("/proc", Long.toString(process.pid()), "comm");
            for (int i = 0; i < 500 && !Files.readString(comm).strip().equals(name); i++) {
                Thread.sleep(10);
            }
            assertThat(Files.readString(comm).strip()).isEqualTo(name);
            for (int i = 0; i < 20; i++) {
                assertThat(busy.allSleep()).isFalse();
                Thread.sleep(1);
            }
        } finally {
            process.destroyForcibly();
        }
    }
}
