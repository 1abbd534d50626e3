// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The threads of a QEMU by their numbers on this host (proc(5)). QEMU tells its own numbers for them, which in a container are those of another PID namespace (pid_namespaces(7)) and here belong to
 * anybody, the kernel itself among them: what is not a QEMU's is none.
 *
 * @param processors those that are the guest's
 * @param services all others as of now: they serve its devices, tell its events, and free what its processors no longer use. Each of them holds the lock now and then that the others need.
 */
public record QemuThreads(List<Integer> processors, List<Integer> services) {
    private static final Path PROC = Path.of("/proc");
    private static final QemuThreads UNKNOWN = new QemuThreads(List.of(), List.of());

    /** @param processors as QEMU tells them */
    static QemuThreads of(List<Integer> processors) {
        Set<Optional<Integer>> processes = new HashSet<>();
        processors.forEach(thread -> processes.add(processOf(thread)));
        Optional<Integer> process = processes.size() == 1 ? processes.iterator().next() : Optional.empty();
        return process.filter(QemuThreads::isQemu)
                .map(QemuThreads::threadsOf)
                .map(all -> new QemuThreads(
                        List.copyOf(processors),
                        all.stream()
                                .filter(thread -> !processors.contains(thread))
                                .toList()))
                .orElse(UNKNOWN);
    }

    /** They are threads of this host that can be seen. */
    public boolean areKnown() {
        return !processors.isEmpty();
    }

    /** The main thread of a process has its number (proc(5), Tgid). */
    private static Optional<Integer> processOf(int thread) {
        try (Stream<String> lines =
                Files.lines(PROC.resolve(Integer.toString(thread)).resolve("status"))) {
            return lines.filter(line -> line.startsWith("Tgid:"))
                    .map(line ->
                            Integer.parseInt(line.substring("Tgid:".length()).strip()))
                    .findFirst();
        } catch (IOException | UncheckedIOException e) {
            return Optional.empty(); // it has just ended, or never was
        }
    }

    /** By the file that it runs: its name is what its user calls it. */
    private static boolean isQemu(int process) {
        try {
            Path file = Files.readSymbolicLink(
                    PROC.resolve(Integer.toString(process)).resolve("exe"));
            return file.getFileName().toString().contains("qemu");
        } catch (IOException e) {
            return false; // a thread of the kernel's runs none
        }
    }

    private static List<Integer> threadsOf(int process) {
        try (Stream<Path> threads =
                Files.list(PROC.resolve(Integer.toString(process)).resolve("task"))) {
            return threads.map(thread -> Integer.parseInt(thread.getFileName().toString()))
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of(); // it has just ended
        }
    }
}
