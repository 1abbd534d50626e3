// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Finds out by use whether KVM runs a Linux kernel here. That {@code /dev/kvm} opens, a VM can be made and SeaBIOS prints its banner proves nothing: under some
 * nested hypervisors a kernel still hangs. So a kernel is booted to a known console line within a limit; the verdict is kept in a file that
 * is good for this kernel of the host, this processor and this QEMU.
 */
public final class AccelerationProbe {
    /** What a kernel without initramfs and root device prints when all of its own start is over. */
    private static final String NO_ROOT_MARK = "Kernel panic - not syncing: VFS";

    private final String qemu;
    private final Path cacheDirectory;

    /** {@code qemu}: program name or path, such as {@code qemu-system-x86_64}. */
    public AccelerationProbe(String qemu, Path cacheDirectory) {
        this.qemu = qemu;
        this.cacheDirectory = cacheDirectory;
    }

    /** As {@link #probe(Path, Optional, String, Duration)} with nothing but a kernel: it is enough that it looks for its root file system in vain. */
    public ProbeResult probe(Path kernel, Duration patience) {
        return probe(kernel, Optional.empty(), NO_ROOT_MARK, patience);
    }

    /** Boots {@code kernel} under KVM until {@code consoleMark} appears on its serial console; {@code tcg} if it does not within {@code patience}. */
    public ProbeResult probe(Path kernel, Optional<Path> initrd, String consoleMark, Duration patience) {
        Path kvm = Path.of("/dev/kvm");
        if (!Files.isReadable(kvm) || !Files.isWritable(kvm)) {
            String why = Files.exists(kvm) ? "/dev/kvm may not be opened by this user" : "there is no /dev/kvm";
            return new ProbeResult("tcg", why); // costs nothing to find out: not cached
        }
        Path cache = cacheDirectory.resolve("acceleration");
        String key = key();
        Optional<ProbeResult> known = read(cache, key);
        if (known.isPresent()) {
            return known.get();
        }
        ProbeResult result = boot(kernel, initrd, consoleMark, patience);
        write(cache, key, result);
        return result;
    }

    private ProbeResult boot(Path kernel, Optional<Path> initrd, String consoleMark, Duration patience) {
        List<String> command = new ArrayList<>(List.of(
                qemu,
                "-accel",
                "kvm",
                "-machine",
                "q35",
                "-m",
                "128",
                "-smp",
                "1",
                "-nodefaults",
                "-display",
                "none",
                "-vga",
                "none",
                "-no-reboot",
                "-serial",
                "stdio",
                "-kernel",
                kernel.toString(),
                "-append",
                "console=ttyS0 panic=-1"));
        initrd.ifPresent(path -> command.addAll(List.of("-initrd", path.toString())));
        long startNs = System.nanoTime();
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            throw new HypervisorException(
                    "cannot start " + qemu + ": " + e.getMessage() + "; install qemu-system-x86", e);
        }
        try {
            CompletableFuture<String> verdict = new CompletableFuture<>();
            Thread.ofVirtual().name("kvm-probe").start(() -> watch(process, consoleMark, verdict));
            String last = verdict.get(patience.toMillis(), TimeUnit.MILLISECONDS);
            return last.contains(consoleMark)
                    ? new ProbeResult(
                            "kvm", "a kernel boots under KVM in " + (System.nanoTime() - startNs) / 1_000_000 + " ms")
                    : new ProbeResult("tcg", "QEMU ends under KVM: " + last);
        } catch (TimeoutException e) {
            return new ProbeResult(
                    "tcg",
                    "/dev/kvm opens, but a Linux kernel hangs under it (not booted after " + patience.toSeconds()
                            + " s)");
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HypervisorException("interrupted while probing KVM", e);
        } finally {
            process.destroyForcibly();
            process.onExit()
                    .orTimeout(5, TimeUnit.SECONDS)
                    .exceptionally(e -> process)
                    .join();
        }
    }

    /** Completes with the line that has the mark, or with the last line when the console ends. */
    private static void watch(Process process, String consoleMark, CompletableFuture<String> verdict) {
        String last = "it said nothing";
        try (BufferedReader console =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.ISO_8859_1))) {
            String line;
            while ((line = console.readLine()) != null) {
                if (!line.isBlank()) {
                    last = line.strip();
                }
                if (line.contains(consoleMark)) {
                    break;
                }
            }
        } catch (IOException e) {
            last = e.toString(); // the probe has ended it
        }
        verdict.complete(last);
    }

    private String key() {
        return String.join("|", List.of(read("/proc/sys/kernel/osrelease"), cpu(), qemu, qemuStamp()));
    }

    private static String cpu() {
        return read("/proc/cpuinfo")
                .lines()
                .filter(line -> line.startsWith("model name"))
                .findFirst()
                .orElse("");
    }

    /** Changes with an upgrade of QEMU. */
    private String qemuStamp() {
        Path program = qemu.contains("/") ? Path.of(qemu) : Path.of("/usr/bin", qemu);
        try {
            return Files.getLastModifiedTime(program).toString();
        } catch (IOException e) {
            return "";
        }
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file)).strip();
        } catch (IOException e) {
            return "";
        }
    }

    private static Optional<ProbeResult> read(Path cache, String key) {
        try {
            List<String> lines = Files.readAllLines(cache);
            return lines.size() == 3 && lines.get(0).equals(key)
                    ? Optional.of(new ProbeResult(lines.get(1), lines.get(2)))
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private void write(Path cache, String key, ProbeResult result) {
        try {
            Files.createDirectories(cacheDirectory);
            Files.write(cache, List.of(key, result.acceleration(), result.reason()));
        } catch (IOException e) {
            // the next start probes again
        }
    }
}
