// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.lab.GuestImage;
import io.sojourn.lab.Lab;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The lab, as this module sees it. */
final class Labs {
    private Labs() {}

    private static CommandFailure notYet() {
        return new CommandFailure("this build has no lab yet");
    }

    static int demo(boolean headless, boolean json, @Nullable Path report, String mechanism) {
        throw notYet();
    }

    static int up(String prefix) {
        throw notYet();
    }

    static List<String> down(Optional<String> prefix) {
        return Lab.down(prefix);
    }

    static int list(boolean json) {
        throw notYet();
    }

    static int run(String scenario, int moves, long seed, @Nullable Path report) {
        throw notYet();
    }

    static int exec(Optional<String> prefix, String place, List<String> command) {
        throw notYet();
    }

    /** Copies the guest out of the lab's cache: vmlinuz, initrd.gz and id_ed25519, the key that its root accepts. */
    static void image(Path out) {
        GuestImage image = GuestImage.prepare();
        try {
            Files.createDirectories(out);
            for (Path file : List.of(image.kernel(), image.initrd(), image.sshKey())) {
                Files.copy(
                        file,
                        out.resolve(file.getFileName()),
                        StandardCopyOption.REPLACE_EXISTING,
                        StandardCopyOption.COPY_ATTRIBUTES);
            }
        } catch (IOException e) {
            throw new CommandFailure("cannot write to " + out + ": " + CommandFailure.reason(e), e);
        }
    }
}
