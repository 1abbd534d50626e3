// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("system")
class GuestImageSystemTest {
    @Test
    void anImageIsMadeFromDebiansPackagesAndFoundAgain(@TempDir Path cache) throws Exception {
        GuestImage made = GuestImage.prepare(cache);
        assertThat(Files.size(made.initrd())).isBetween(1_000_000L, 20_000_000L);
        assertThat(made.kernel()).exists();
        assertThat(made.hostKey()).startsWith("ssh-ed25519 ");
        long time = Files.getLastModifiedTime(made.initrd()).toMillis();
        assertThat(Files.getLastModifiedTime(GuestImage.prepare(cache).initrd()).toMillis())
                .isEqualTo(time);
    }
}
