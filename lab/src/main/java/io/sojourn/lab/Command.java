// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** A program that is run to its end, with a bound on its time. */
public final class Command {
    private static final Duration BOUND = Duration.ofSeconds(120);
    /** On two processors the common pool has one thread, and a command that fills one pipe waits until it is read. */
    private static final Executor ITS_OWN_THREAD =
            task -> Thread.ofPlatform().daemon().start(task);

    /** Exit status (0 is success) and what the program wrote. */
    public record Outcome(int status, String out, String err) {}

    private Command() {}

    /** Standard output. @throws LabException with the program's own last words when its status is not 0 */
    public static String run(String... command) {
        return run(List.of(command));
    }

    public static String run(List<String> command) {
        Outcome outcome = attempt(command, Map.of(), null);
        if (outcome.status() != 0) {
            throw failure(command, outcome);
        }
        return outcome.out();
    }

    static LabException failure(List<String> command, Outcome outcome) {
        String words = outcome.err().isBlank() ? outcome.out() : outcome.err();
        return new LabException("'" + String.join(" ", command) + "' failed (status " + outcome.status() + "): "
                + words.strip().replace('\n', ' '));
    }

    /** Runs whatever the outcome is. {@code directory} null: here. */
    public static Outcome attempt(
            List<String> command, Map<String, String> environment, @org.jspecify.annotations.Nullable Path directory) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().putAll(environment);
        builder.environment().put("LC_ALL", "C");
        if (directory != null) {
            builder.directory(directory.toFile());
        }
        try {
            Process process = builder.redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .start();
            CompletableFuture<String> err =
                    CompletableFuture.supplyAsync(() -> text(process.getErrorStream()), ITS_OWN_THREAD);
            CompletableFuture<String> out =
                    CompletableFuture.supplyAsync(() -> text(process.getInputStream()), ITS_OWN_THREAD);
            if (!process.waitFor(BOUND.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new LabException(
                        "'" + String.join(" ", command) + "' took more than " + BOUND.toSeconds() + " s");
            }
            return new Outcome(process.exitValue(), out.join(), err.join());
        } catch (IOException e) {
            throw new LabException(
                    "cannot run '" + command.getFirst() + "': " + e.getMessage()
                            + "; ./sojourn installs what is missing",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted while running '" + command.getFirst() + "'", e);
        }
    }

    private static String text(java.io.InputStream stream) {
        try (stream) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }
}
