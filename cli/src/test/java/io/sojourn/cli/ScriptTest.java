// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script at the top, as far as it goes before it builds: nothing here installs, builds or runs anything. */
class ScriptTest {
    private static final Path SCRIPT = SourceTree.root().resolve("sojourn");

    private record Ran(int status, String text) {}

    private static Ran run(Path folder, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
        builder.environment().put("SOJOURN_NO_BUILD", "1");
        builder.environment().put("SOJOURN_NO_INSTALL", "1");
        builder.environment().put("HOME", folder.toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return new Ran(process.exitValue(), text);
    }

    @Test
    void aWrongJavaHomeIsOneLine(@TempDir Path folder) throws Exception {
        Ran ran = run(folder, Map.of("SOJOURN_JAVA_HOME", "/nonexistent"), SCRIPT.toString(), "version");

        assertThat(ran.status()).isEqualTo(1);
        assertThat(ran.text())
                .isEqualTo("sojourn: SOJOURN_JAVA_HOME=/nonexistent is not a JDK 25; correct or unset it\n");
    }

    @Test
    void itFindsItsTreeThroughASymbolicLink(@TempDir Path folder) throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("s"), SCRIPT);

        assertThat(run(folder, Map.of("SOJOURN_JAVA_HOME", "/nonexistent"), link.toString(), "version")
                        .text())
                .contains("is not a JDK 25");
    }

    @Test
    @Tag("system")
    void withoutAJdk25ItSaysWhatToInstall(@TempDir Path folder) throws Exception {
        String hide =
                "for f in /usr/lib/jvm /usr/local/lib/jvm /usr/java /opt; do if [ -d $f ]; then mount -t tmpfs none $f; fi; done; exec \"$0\" version";

        Ran ran = run(
                folder,
                Map.of("JAVA_HOME", "", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                "unshare",
                "-m",
                "bash",
                "-c",
                hide,
                SCRIPT.toString());

        assertThat(ran.status()).isEqualTo(1);
        assertThat(ran.text().lines()).hasSize(1);
        assertThat(ran.text())
                .startsWith("sojourn: no JDK 25 found")
                .contains("install one")
                .contains("SOJOURN_JAVA_HOME");
    }

    @Test
    @Tag("system")
    void withoutRootTheDemoSaysSoBeforeAnythingElse(@TempDir Path folder) throws Exception {
        for (List<String> words : List.of(List.of("demo"), List.of("lab", "up"), List.of("lab", "run", "loop"))) {
            List<String> command = new java.util.ArrayList<>(List.of("unshare", "--user", SCRIPT.toString()));
            command.addAll(words);

            Ran ran = run(
                    folder,
                    Map.of("SOJOURN_JAVA_HOME", System.getProperty("java.home")),
                    command.toArray(String[]::new));

            assertThat(ran.status()).isEqualTo(1);
            assertThat(ran.text().lines()).hasSize(1);
            assertThat(ran.text()).contains(words.getFirst() + " needs root").contains("run: sudo");
        }
    }
}
