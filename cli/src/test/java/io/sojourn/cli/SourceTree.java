// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The checkout that these tests were built from. */
final class SourceTree {
    private static final Pattern MODULE = Pattern.compile("<module>([a-z]+)</module>");
    private static final Pattern OUR_DEPENDENCY =
            Pattern.compile("<groupId>io\\.sojourn</groupId>\\s*<artifactId>([a-z]+)</artifactId>");

    private SourceTree() {}

    static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.exists(folder.resolve("sojourn")) || !Files.exists(folder.resolve("pom.xml"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IllegalStateException("not inside a checkout of Sojourn");
            }
        }
        return folder;
    }

    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** In the order of the root pom: bottom first. */
    static List<String> modules() {
        return MODULE.matcher(read(root().resolve("pom.xml")))
                .results()
                .map(match -> match.group(1))
                .toList();
    }

    static List<String> declaredDependencies(String module) {
        String pom = read(root().resolve(module).resolve("pom.xml"));
        Matcher dependencies = OUR_DEPENDENCY.matcher(pom.substring(pom.indexOf("</parent>")));
        return dependencies.results().map(match -> match.group(1)).toList();
    }

    /** Every file under a module's src with one of these endings. */
    static List<Path> sources(String... endings) {
        return modules().stream()
                .map(module -> root().resolve(module).resolve("src"))
                .filter(Files::isDirectory)
                .flatMap(folder -> files(folder, endings))
                .toList();
    }

    private static Stream<Path> files(Path folder, String... endings) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files
                    .filter(Files::isRegularFile)
                    .filter(file -> Stream.of(endings)
                            .anyMatch(ending -> file.toString().endsWith(ending)))
                    .toList()
                    .stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
