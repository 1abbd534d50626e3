// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
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
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A Linux guest made of Debian's own packages: a cloud kernel and an initramfs with busybox, an echo service (port 7), SSH, iperf3 and HTTP. No disk, no
 * installation: packages are fetched and unpacked into the cache, and made once for a kernel version. Boots in about 3 s without KVM, in 96 MiB.
 *
 * @param sshKey private key that the guest's root accepts
 * @param hostKey the guest's public SSH host key, as a {@code known_hosts} entry without the host name
 */
public record GuestImage(Path kernel, Path initrd, Path sshKey, String hostKey) {
    /** Counts up when what is in the image changes. */
    private static final int EDITION = 14;

    public static final String READY = "SOJOURN GUEST READY";

    private static final List<String> PROGRAMS =
            List.of("busybox-static", "dropbear-bin", "iperf3", "inetutils-inetd", "iproute2", "util-linux");
    private static final List<String> MODULES = List.of("virtio_pci", "virtio_net");

    /** The image of the newest kernel Debian has, made now if need be; without a network, the newest that is in the cache. */
    public static GuestImage prepare() {
        return prepare(Folders.cache());
    }

    static GuestImage prepare(Path cache) {
        try {
            Files.createDirectories(cache);
            try (FileChannel channel = FileChannel.open(
                            cache.resolve("guest.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = channel.lock()) {
                return lock.isValid() ? prepareAlone(cache) : prepare(cache);
            }
        } catch (IOException e) {
            throw new LabException("cannot make the guest image in " + cache + ": " + e.getMessage(), e);
        }
    }

    private static GuestImage prepareAlone(Path cache) throws IOException {
        String kernel = DebianPackages.newestKernel();
        Path folder = cache.resolve("guest-" + EDITION + "-" + kernel);
        if (!kernel.isEmpty() && Files.exists(folder)) {
            return of(folder);
        }
        try {
            if (kernel.isEmpty()) {
                throw new LabException("apt knows no Debian cloud kernel: run 'apt-get update', then try again");
            }
            make(kernel, folder);
            return of(folder);
        } catch (LabException e) {
            return newestIn(cache).orElseThrow(() -> e);
        }
    }

    private static GuestImage of(Path folder) throws IOException {
        return new GuestImage(
                folder.resolve("vmlinuz"),
                folder.resolve("initrd.gz"),
                folder.resolve("id_ed25519"),
                Files.readString(folder.resolve("host-key.pub")).strip());
    }

    private static Optional<GuestImage> newestIn(Path cache) throws IOException {
        try (Stream<Path> folders = Files.list(cache)) {
            Optional<Path> newest = folders.filter(
                            folder -> folder.getFileName().toString().matches("guest-" + EDITION + "-linux.*-amd64"))
                    .max(Comparator.naturalOrder());
            return newest.isEmpty() ? Optional.empty() : Optional.of(of(newest.get()));
        }
    }

    private static void make(String kernel, Path folder) throws IOException {
        Path work = folder.resolveSibling(folder.getFileName() + ".new");
        Folders.delete(work);
        Path root = Files.createDirectories(work.resolve("root"));
        Set<String> packages = DebianPackages.withLibraries(PROGRAMS);
        packages.add(kernel);
        DebianPackages.unpack(packages, root);

        try (Stream<Path> boot = Files.list(root.resolve("boot"))) {
            Path image = boot.filter(file -> file.getFileName().toString().startsWith("vmlinuz-"))
                    .findFirst()
                    .orElseThrow(() -> new LabException("no kernel in Debian's package " + kernel));
            Files.move(image, work.resolve("vmlinuz"), StandardCopyOption.REPLACE_EXISTING);
        }
        Path key = work.resolve("id_ed25519");
        Command.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sojourn-lab", "-f", key.toString());
        try (Initramfs initramfs = new Initramfs(work.resolve("initrd.gz"))) {
            fill(initramfs, root, work);
        }
        Folders.delete(root);
        Files.move(work, folder, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void fill(Initramfs to, Path root, Path work) throws IOException {
        for (String folder : List.of("proc", "sys", "dev", "tmp", "run", "www", "bin", "sbin", "var/run", "var/log")) {
            to.folder(folder, 0755);
        }
        to.file("init", 0755, resource("guest-init.sh"));
        to.file("lease.sh", 0755, resource("guest-lease.sh"));
        to.file("bin/busybox", 0755, Files.readAllBytes(find(root, "busybox")));
        program(to, root, "inetutils-inetd", "sbin/inetd");
        program(to, root, "dropbear", "sbin/dropbear");
        program(to, root, "iperf3", "bin/iperf3");
        // busybox's ip loads no XDP program.
        program(to, root, "ip", "sbin/ip-xdp");
        // nor has it a chrt.
        program(to, root, "chrt", "bin/chrt");
        to.file("echo.o", 0644, EchoProgram.object());

        StringBuilder order = new StringBuilder();
        for (Path module : new KernelModules(root).inLoadingOrder(MODULES)) {
            to.file("modules/" + module.getFileName(), 0644, Files.readAllBytes(module));
            order.append(module.getFileName()).append('\n');
        }
        to.file("modules/order", 0644, order.toString());

        to.file("etc/passwd", 0644, "root:x:0:0:root:/root:/bin/sh\n");
        to.file("etc/group", 0644, "root:x:0:\n");
        to.file("etc/shells", 0644, "/bin/sh\n");
        to.file("etc/services", 0644, "echo 7/tcp\necho 7/udp\n");
        to.file("etc/protocols", 0644, "tcp 6 TCP\nudp 17 UDP\n");
        // A tcp6 listener of this inetd takes IPv4, too.
        to.file("etc/inetd.conf", 0644, """
                echo stream tcp6 nowait root internal
                echo dgram udp4 wait root internal
                echo dgram udp6 wait root internal
                """);
        to.file("www/index.html", 0644, "<!doctype html><title>Sojourn</title><p>A guest of the Sojourn lab.\n");
        to.folder("root/.ssh", 0700);
        to.file("root/.ssh/authorized_keys", 0600, Files.readAllBytes(work.resolve("id_ed25519.pub")));

        Path hostKey = work.resolve("host-key");
        Path dropbearKey = find(root, "dropbearkey");
        Command.Outcome made = Command.attempt(
                List.of(dropbearKey.toString(), "-t", "ed25519", "-f", hostKey.toString()), libraryPath(root), null);
        String publicKey = made.out()
                .lines()
                .filter(line -> line.startsWith("ssh-ed25519 "))
                .findFirst()
                .orElseThrow(() -> new LabException(
                        "dropbearkey made no key: " + made.err().strip()));
        Files.writeString(work.resolve("host-key.pub"), publicKey + "\n");
        to.file("etc/dropbear/dropbear_ed25519_host_key", 0600, Files.readAllBytes(hostKey));
        Files.delete(hostKey);
    }

    /** A program and the libraries it is linked with, its own packages' before this machine's. */
    private static void program(Initramfs to, Path root, String name, String target) throws IOException {
        Path program = find(root, name);
        to.file(target, 0755, Files.readAllBytes(program));
        Command.Outcome linked = Command.attempt(List.of("ldd", program.toString()), libraryPath(root), null);
        if (linked.status() != 0 || linked.out().contains("not found")) {
            throw new LabException("the guest's " + name + " lacks a library: "
                    + linked.out()
                            .lines()
                            .filter(line -> line.contains("not found"))
                            .collect(Collectors.joining(", ")));
        }
        for (String line : linked.out().lines().map(String::strip).toList()) {
            int from = line.indexOf('/');
            if (from < 0 || line.startsWith("linux-vdso")) {
                continue;
            }
            Path library = Path.of(line.substring(from, line.indexOf(" (")));
            // The dynamic loader's path is fixed in every program; the rest is searched for in /lib.
            String place =
                    line.startsWith("/") ? line.substring(1, line.indexOf(" (")) : "lib/" + library.getFileName();
            to.file(place, 0755, Files.readAllBytes(library));
        }
    }

    private static Map<String, String> libraryPath(Path root) throws IOException {
        Set<String> folders = new TreeSet<>();
        try (Stream<Path> files = Files.walk(root)) {
            files.filter(file -> file.getFileName().toString().contains(".so"))
                    .forEach(file -> folders.add(file.resolveSibling("").toString()));
        }
        return Map.of("LD_LIBRARY_PATH", String.join(":", folders));
    }

    private static Path find(Path root, String name) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(file -> file.getFileName().toString().equals(name)
                            && Files.isExecutable(file)
                            && !file.startsWith(root.resolve("etc"))
                            && Files.isRegularFile(file))
                    .findFirst()
                    .orElseThrow(() -> new LabException("no program '" + name + "' in Debian's packages"));
        }
    }

    private static byte[] resource(String name) {
        try (InputStream stream = GuestImage.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new IllegalStateException("resource " + name + " is not in the jar");
            }
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
