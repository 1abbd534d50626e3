// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * Starts QEMUs from a {@link LaunchTemplate} and finds them again.
 *
 * <p>What the template does not say itself is appended: {@code -qmp unix:${qmp},server=on,wait=off}, {@code -pidfile}, and for an incoming guest
 * {@code -incoming defer -S} (it arrives paused, and the gateway continues it). {@code -daemonize} must not be in it.
 *
 * <p>A QEMU belongs to no session or terminal of ours ({@code setsid}) and writes to a file, so it outlives a gateway that dies or is killed; {@link #running} finds it
 * again. Each start has its own file names, {@code VM.HEX.qmp}, {@code .pid} and {@code .log}: a VM may come back to a host that still holds the QEMU it left.
 */
public final class QemuLauncher {
    /** {@code sun_path} holds 108 bytes with the final zero (unix(7)). */
    private static final int MAX_SOCKET_PATH_BYTES = 107;

    private final Path directory;
    private final List<String> wrapper;

    /** {@code directory} holds sockets, pid files and logs; it is made if it is missing. */
    public QemuLauncher(Path directory) {
        this(directory, List.of());
    }

    /** As above; {@code wrapper} are words before QEMU's own, of a program that replaces itself by it, such as {@code nice -n 10}. */
    public QemuLauncher(Path directory, List<String> wrapper) {
        this.directory = directory.toAbsolutePath();
        this.wrapper = List.copyOf(wrapper);
    }

    /** Starts a QEMU that waits for {@link Guest#listenForMigration}; returns once QMP answers. The caller attaches with {@link QemuGuest#attach}. */
    public LaunchedGuest launchIncoming(
            LaunchTemplate template, String vm, Map<String, String> variables, Duration patience) {
        List<String> extra = new ArrayList<>();
        if (!template.says("-incoming")) {
            extra.addAll(List.of("-incoming", "defer"));
        }
        if (!template.says("-S")) {
            extra.add("-S");
        }
        return start(template, vm, variables, extra, patience);
    }

    /** Starts a guest that boots and runs: a VM's birth, not a move. */
    public LaunchedGuest launch(LaunchTemplate template, String vm, Map<String, String> variables, Duration patience) {
        return start(template, vm, variables, List.of(), patience);
    }

    private LaunchedGuest start(
            LaunchTemplate template, String vm, Map<String, String> variables, List<String> extra, Duration patience) {
        String stem = vm + "."
                + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
        Path qmp = directory.resolve(stem + ".qmp");
        Path pidFile = directory.resolve(stem + ".pid");
        Path log = directory.resolve(stem + ".log");
        if (qmp.toString().length() > MAX_SOCKET_PATH_BYTES) {
            throw new HypervisorException("QMP socket path " + qmp + " is longer than " + MAX_SOCKET_PATH_BYTES
                    + " bytes; choose a shorter run directory");
        }
        Map<String, String> all = new LinkedHashMap<>(variables);
        all.put("vm", vm);
        all.put("qmp", qmp.toString());
        memory(vm, variables).ifPresent(size -> all.putIfAbsent("memory", size));
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(wrapper);
        command.addAll(template.fill(vm, all));
        command.addAll(extra);
        if (!template.says("-qmp")) {
            command.addAll(List.of("-qmp", "unix:" + qmp + ",server=on,wait=off"));
        }
        command.addAll(List.of("-pidfile", pidFile.toString()));
        return await(new LaunchedGuest(vm, spawn(vm, command, log), qmp, pidFile, log), template, patience);
    }

    /** {@code memory-mb} as {@code -m} wants it. Both sides of a move must compute the same: {@code accel} has to be equal on both. */
    private static Optional<String> memory(String vm, Map<String, String> variables) {
        try {
            return Optional.ofNullable(variables.get("memory-mb"))
                    .map(Integer::valueOf)
                    .map(mebibytes -> TcgMemory.sizeFor(mebibytes, variables.getOrDefault("accel", "kvm")));
        } catch (NumberFormatException e) {
            throw new HypervisorException(
                    "VM " + vm + ": memory-mb is '" + variables.get("memory-mb") + "', not a whole number of MiB", e);
        }
    }

    /** setsid(1) replaces itself by QEMU without a fork here, as a child of ours leads no process group: the pid is QEMU's. */
    private long spawn(String vm, List<String> command, Path log) {
        try {
            Files.createDirectories(directory);
            return new ProcessBuilder(command)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start()
                    .pid();
        } catch (IOException e) {
            throw new HypervisorException(
                    "cannot start QEMU for VM " + vm + " in " + directory + ": " + e.getMessage(), e);
        }
    }

    private static LaunchedGuest await(LaunchedGuest guest, LaunchTemplate template, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!answers(guest.qmpSocket())) {
            boolean alive =
                    ProcessHandle.of(guest.pid()).map(ProcessHandle::isAlive).orElse(false);
            if (!alive || System.nanoTime() > deadline) {
                String said = complaint(guest.log());
                String what =
                        alive ? "does not open its QMP socket within " + patience.toMillis() + " ms" : "has ended";
                guest.destroy();
                throw new HypervisorException("QEMU for VM " + guest.vm() + " (template '" + template.name() + "') "
                        + what + (said.isEmpty() ? "; it said nothing" : ": " + said));
            }
            LockSupport.parkNanos(5_000_000);
        }
        return guest;
    }

    /** Looks whether somebody listens; QEMU sees a client that leaves at once and waits for the next. */
    private static boolean answers(Path qmp) {
        if (!Files.exists(qmp)) {
            return false;
        }
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            return channel.connect(UnixDomainSocketAddress.of(qmp));
        } catch (IOException e) {
            return false;
        }
    }

    /** QEMU's first complaint ({@code qemu-system-x86_64: ...}, the closest to the cause), else the last line; empty if it said nothing. */
    static String complaint(Path log) {
        try {
            List<String> lines = Files.readAllLines(log, StandardCharsets.ISO_8859_1).stream()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .toList();
            return lines.stream()
                    .filter(line -> line.startsWith("qemu-") && line.contains(": ") && !line.contains(": warning: "))
                    .findFirst()
                    .orElse(lines.isEmpty() ? "" : lines.getLast());
        } catch (IOException e) {
            return "";
        }
    }

    /** The processes of {@code vm} that are alive, started by us or by an earlier gateway with this directory; files of dead ones are removed. */
    public List<LaunchedGuest> running(String vm) {
        return find(vm + ".*.pid");
    }

    /** As {@link #running(String)}, for all VMs. */
    public List<LaunchedGuest> running() {
        return find("*.pid");
    }

    /** Removes the QMP socket of a process of ours that is gone; another's is left alone. */
    public void forget(Path qmp) {
        if (directory.equals(qmp.getParent())) {
            try {
                Files.deleteIfExists(qmp);
            } catch (IOException e) {
                throw new HypervisorException("cannot remove " + qmp + ": " + e.getMessage(), e);
            }
        }
    }

    private List<LaunchedGuest> find(String glob) {
        List<LaunchedGuest> found = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            return found;
        }
        try (DirectoryStream<Path> pidFiles = Files.newDirectoryStream(directory, glob)) {
            for (Path pidFile : pidFiles) {
                LaunchedGuest guest = fromPidFile(pidFile);
                if (guest.alive()) {
                    found.add(guest);
                } else {
                    guest.removeFiles();
                }
            }
        } catch (IOException e) {
            throw new HypervisorException("cannot look for guests in " + directory + ": " + e.getMessage(), e);
        }
        return found;
    }

    private LaunchedGuest fromPidFile(Path pidFile) throws IOException {
        String stem = pidFile.getFileName().toString().replaceFirst("\\.pid$", "");
        String pid = Files.readString(pidFile).strip();
        return new LaunchedGuest(
                stem.replaceFirst("\\.[0-9a-f]{8}$", ""),
                pid.matches("\\d{1,10}") ? Long.parseLong(pid) : -1,
                directory.resolve(stem + ".qmp"),
                pidFile,
                directory.resolve(stem + ".log"));
    }
}
