// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Types what docs/operations.md says under 'Two sites by hand', block by block, under names of its own. */
@Tag("system")
class OperationsSystemTest {
    private static final Pattern BLOCK = Pattern.compile("^```sh\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);
    private static final int BOUND_MINUTES = 6;

    @Test
    void twoSitesByHandWorkAsWritten(@TempDir Path folder) throws Exception {
        String name =
                String.format(Locale.ROOT, "o%04x", ThreadLocalRandom.current().nextInt(0x10000));
        shim(folder.resolve("sojourn"));
        String walk = chapter().replaceAll("\\bop-", name + "-").replace("/run/by-hand", "/run/by-hand-" + name);
        String down = walk.substring(walk.lastIndexOf(
                "for n in a b ctl a-host b-host wan; do\n  ip netns pids " + name + "-$n | xargs -r kill 2>"));
        Path script = folder.resolve("walk.sh");
        // If a block fails, what the last block says is done all the same; done twice it does no harm.
        Files.writeString(
                script,
                "set -eu\ndown() {\n" + down + "\n}\ntrap '(set +e; down) >/dev/null 2>&1' EXIT\nset -x\n" + walk);

        Process process = new ProcessBuilder("bash", script.toString())
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("out").toFile())
                .start();
        if (!process.waitFor(BOUND_MINUTES, TimeUnit.MINUTES)) {
            process.destroy();
            process.waitFor(20, TimeUnit.SECONDS);
        }

        String text = Files.readString(folder.resolve("out"), StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as(text).isZero();
        assertThat(text)
                .as(text)
                .contains(" 0% packet loss")
                .contains("web1-e2  web1  a -> b  DONE")
                .contains("web1  b -> a  DONE");
        assertThat(Path.of("/run/netns"))
                .satisfiesAnyOf(
                        netns -> assertThat(netns).doesNotExist(),
                        netns -> assertThat(netns.toFile().list()).noneMatch(left -> left.startsWith(name)));
        assertThat(Path.of("/run/by-hand-" + name)).doesNotExist();
    }

    private static String chapter() {
        String text = SourceTree.read(SourceTree.root().resolve("docs/operations.md"));
        StringBuilder blocks = new StringBuilder();
        Matcher matcher =
                BLOCK.matcher(text.substring(text.indexOf("## Two sites by hand"), text.indexOf("## Configuration")));
        while (matcher.find()) {
            blocks.append(matcher.group(1));
        }
        return blocks.toString();
    }

    /** {@code ./sojourn} that runs the classes under test. */
    private static void shim(Path file) throws IOException {
        Files.writeString(
                file,
                "#!/bin/sh\nexec '" + System.getProperty("java.home")
                        + "/bin/java' --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -Xmx256m -cp '"
                        + System.getProperty("java.class.path") + "' io.sojourn.cli.Sojourn \"$@\"\n");
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }
}
