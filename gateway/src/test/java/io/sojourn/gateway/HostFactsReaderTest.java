// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostFactsReaderTest {
    @TempDir
    Path dir;

    @Test
    void aFieldIsWhatStandsBehindItsColon() throws IOException {
        Path file = dir.resolve("cpuinfo");
        Files.writeString(file, "processor\t: 0\nmodel name\t: Some Model: 3\nflags\t\t: fpu");
        assertThat(HostFactsReader.field(file, "processor")).isEqualTo("0");
        assertThat(HostFactsReader.field(file, "model name")).isEqualTo("Some Model: 3");
        assertThat(HostFactsReader.field(file, "flags")).isEqualTo("fpu");
        assertThat(HostFactsReader.field(file, "name")).isEmpty();
        assertThat(HostFactsReader.field(dir.resolve("none"), "flags")).isEmpty();
    }

    @Test
    void thereIsMemoryButNotMoreThanThisHostHas() {
        String total = HostFactsReader.field(Path.of("/proc/meminfo"), "MemTotal");
        assertThat(HostFactsReader.memoryFreeBytes())
                .isGreaterThan(1 << 20)
                .isLessThan(Long.parseLong(total.substring(0, total.indexOf(' '))) * 1024);
    }
}
