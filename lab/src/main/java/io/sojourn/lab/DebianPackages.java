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
        Path download = Files.createDirectories(folder.resolveSibling(folder.getFileName() + ".deb"));
        List<String> command = new ArrayList<>(List.of("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download"));
        command.addAll(packages);
        Command.Outcome outcome = Command.attempt(command, Map.of(), download);
        if (outcome.status() != 0) {
            throw new LabException("cannot fetch the guest's Debian packages ("
                    + outcome.err()
                            .lines()
                            .filter(line -> line.startsWith("E:"))
                            .findFirst()
                            .orElse("apt-get failed")
                    + "); see to the network and run 'apt-get update', then try again");
        }
        try (Stream<Path> debs = Files.list(download)) {
            for (Path deb : debs.toList()) {
                Command.run("dpkg-deb", "-x", deb.toString(), folder.toString());
            }
        }
        Folders.delete(download);
    }
}
