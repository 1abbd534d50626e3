// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Debian packages, fetched and unpacked into a folder without being installed. */
final class DebianPackages {
    private static final String KERNEL = "linux-image-cloud-amd64";

    private DebianPackages() {}

    /** The package that holds the newest cloud kernel, such as {@code linux-image-6.1.0-56-cloud-amd64}, or empty when apt knows none. */
    static String newestKernel() {
        Command.Outcome outcome = Command.attempt(List.of("apt-cache", "depends", KERNEL), Map.of(), null);
        return outcome.out()
                .lines()
                .map(String::strip)
                .filter(line -> line.startsWith("Depends: linux-image-"))
                .map(line -> line.substring("Depends: ".length()))
                .findFirst()
                .orElse("");
    }

    /** {@code packages} and every library package they need, as apt sees it: what of {@code lib*} is below them, at any depth of libraries. */
    static Set<String> withLibraries(List<String> packages) {
        Set<String> wanted = new LinkedHashSet<>(packages);
        List<String> command = new ArrayList<>(List.of("apt-cache", "depends", "--important", "--no-suggests"));
        List<String> next = new ArrayList<>(packages);
        while (!next.isEmpty()) {
            List<String> query = new ArrayList<>(command);
            query.addAll(next);
            next.clear();
            for (String line : Command.run(query).lines().map(String::strip).toList()) {
                if (!line.startsWith("Depends: lib") && !line.startsWith("PreDepends: lib")) {
                    continue;
                }
                String name = line.substring(line.indexOf(' ') + 1);
                if (!name.startsWith("libc6") && wanted.add(name)) {
                    next.add(name);
                }
            }
        }
        return wanted;
    }

    /** Downloads and unpacks; {@code folder} is made. @throws LabException with what to do when a package cannot be had */
    static void unpack(Set<String> packages, Path folder) throws IOException {
        unpack(List.of(), packages, folder);
    }

    private static void unpack(List<String> options, Iterable<String> packages, Path folder) throws IOException {
        Path download = Files.createDirectories(folder.resolveSibling(folder.getFileName() + ".deb"));
        List<String> command = new ArrayList<>(List.of("apt-get", "-q", "-o", "APT::Sandbox::User=root"));
        command.addAll(options);
        command.add("download");
        packages.forEach(command::add);
        requireDone(Command.attempt(command, Map.of(), download));
        try (Stream<Path> debs = Files.list(download)) {
            for (Path deb : debs.toList()) {
                Command.run("dpkg-deb", "-x", deb.toString(), folder.toString());
            }
        }
        Folders.delete(download);
    }

    private static void requireDone(Command.Outcome outcome) {
        if (outcome.status() != 0) {
            throw new LabException("cannot fetch Debian packages ("
                    + outcome.err()
                            .lines()
                            .filter(line -> line.startsWith("E:"))
                            .findFirst()
                            .orElse("apt-get failed")
                    + "); see to the network and run 'apt-get update', then try again");
        }
    }

    /** A part of Debian's archive that this machine's apt may not list, read by an apt with lists and a cache of its own but the machine's archive and keys. */
    record Pocket(List<String> options) {
        /** Backports for the machine's release, from the archive that the release itself comes from. @param folder for the lists */
        static Pocket backports(Path folder) throws IOException {
            String release = Command.run("sh", "-c", ". /etc/os-release && echo \"$VERSION_CODENAME\"")
                    .strip();
            String archive = Command.run(
                            "apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages")
                    .lines()
                    .filter(line -> line.startsWith(release + " "))
                    .map(line -> line.substring(line.indexOf(' ') + 1))
                    .findFirst()
                    .orElseThrow(() -> new LabException("apt lists no archive of Debian " + release));
            Path sources = Files.createDirectories(folder).resolve("sources.list");
            Files.writeString(sources, "deb " + archive + " " + release + "-backports main\n");
            Files.createDirectories(folder.resolve("lists/partial"));
            Files.createDirectories(folder.resolve("cache/archives/partial"));
            List<String> options = new ArrayList<>();
            for (String option : List.of(
                    "Dir::Etc::sourcelist=" + sources,
                    "Dir::Etc::sourceparts=-",
                    "Dir::State::lists=" + folder.resolve("lists"),
                    "Dir::Cache=" + folder.resolve("cache"),
                    "Acquire::Languages=none",
                    "APT::Sandbox::User=root")) {
                options.addAll(List.of("-o", option));
            }
            List<String> update = new ArrayList<>(List.of("apt-get", "-q"));
            update.addAll(options);
            // Without lists that were all read, what follows would take packages of the machine's release.
            update.addAll(List.of("-o", "APT::Update::Error-Mode=any", "update"));
            requireDone(Command.attempt(update, Map.of(), null));
            return new Pocket(options);
        }

        void unpack(List<String> packages, Path folder) throws IOException {
            DebianPackages.unpack(options, packages, folder);
        }
    }
}
