// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.hypervisor.TcgMemory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The QEMU that the lab's guests run on. Without KVM an old one spoils what the lab is there to measure: before 9.0 it loses a guest's writes in a
 * migration, and it holds the guest for milliseconds while it looks for dirty pages. So where the installed one is older, a newer one comes from Debian's backports, unpacked into the
 * cache and not installed; where there is none, the installed one does, with its slower guest.
 *
 * @param program name or path of {@code qemu-system-x86_64}
 * @param version such as {@code 10.0.2}; empty when it did not say
 */
record LabQemu(String program, String version) {
    private static final String INSTALLED = "qemu-system-x86_64";
    /** Names another: a path, or {@code qemu-system-x86_64} for the installed one. */
    private static final String OVERRIDE = "SOJOURN_LAB_QEMU";

    private static final List<String> PACKAGES =
            List.of("qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios");
    private static final Pattern VERSION = Pattern.compile("version (\\d+)(\\.\\d+)*");

    static LabQemu prepare(Progress progress) {
        String override = System.getenv(OVERRIDE);
        if (override != null && !override.isBlank()) {
            return of(override)
                    .orElseThrow(() -> new LabException(
                            OVERRIDE + "=" + override + " cannot be run; unset it, or give the path of a QEMU"));
        }
        LabQemu installed = of(INSTALLED).orElse(new LabQemu(INSTALLED, ""));
        if (installed.major() >= TcgMemory.FIXED_IN_QEMU_MAJOR) {
            return installed;
        }
        Path cache = Folders.cache();
        try {
            Files.createDirectories(cache);
            try (FileChannel channel = FileChannel.open(
                            cache.resolve("qemu.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = channel.lock()) {
                Optional<LabQemu> kept = lock.isValid() ? keptIn(cache) : Optional.empty();
                return kept.isPresent() ? kept.get() : fetch(cache);
            }
        } catch (IOException | LabException e) {
            progress.say("the lab runs on QEMU " + installed.version
                    + ", whose guests answer later after a move than a newer one's: none could be had from Debian's backports ("
                    + e.getMessage() + ")");
            return installed;
        }
    }

    /** What {@code ${memory}} is in a launch template. */
    String memory(int mebibytes) {
        return major() >= TcgMemory.FIXED_IN_QEMU_MAJOR ? mebibytes + "M" : TcgMemory.sizeFor(mebibytes, "tcg");
    }

    private int major() {
        int dot = version.indexOf('.');
        return dot < 0 ? 0 : Integer.parseInt(version.substring(0, dot));
    }

    private static Optional<LabQemu> keptIn(Path cache) throws IOException {
        try (Stream<Path> entries = Files.list(cache)) {
            return entries.filter(entry -> entry.getFileName().toString().matches("qemu-\\d.*"))
                    .max(Comparator.comparing(LabQemu::lastChange))
                    .flatMap(folder -> of(program(folder).toString()));
        }
    }

    private static LabQemu fetch(Path cache) throws IOException {
        Path work = cache.resolve("qemu.new");
        Folders.delete(work);
        Files.createDirectories(work);
        DebianPackages.Pocket.backports(work.resolve("apt")).unpack(PACKAGES, work);
        Folders.delete(work.resolve("apt"));
        // It looks for its firmware in places of the machine: those of the older one.
        Path start = program(work);
        Files.createDirectories(start.resolveSibling(""));
        Files.writeString(start, """
                #!/bin/sh
                here=$(dirname "$(readlink -f "$0")")/../usr
                exec "$here/bin/qemu-system-x86_64" -L "$here/share/qemu" -L "$here/share/seabios" "$@"
                """);
        if (!start.toFile().setExecutable(true)) {
            throw new LabException("cannot make " + start + " executable");
        }
        LabQemu fetched = of(start.toString())
                .orElseThrow(() -> new LabException("it does not run with this machine's libraries"));
        Path folder = cache.resolve("qemu-" + fetched.version);
        Folders.delete(folder);
        Files.move(work, folder, StandardCopyOption.ATOMIC_MOVE);
        return new LabQemu(program(folder).toString(), fetched.version);
    }

    private static Path program(Path folder) {
        return folder.resolve("start").resolve(INSTALLED);
    }

    private static Optional<LabQemu> of(String program) {
        try {
            Command.Outcome said = Command.attempt(List.of(program, "--version"), Map.of(), null);
            Matcher version = VERSION.matcher(said.out());
            return said.status() == 0 && version.find()
                    ? Optional.of(new LabQemu(program, version.group().substring("version ".length())))
                    : Optional.empty();
        } catch (LabException e) {
            return Optional.empty();
        }
    }

    private static long lastChange(Path folder) {
        return folder.toFile().lastModified();
    }
}
