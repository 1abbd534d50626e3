// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;

/**
 * A real Linux guest for system tests: Debian's cloud kernel and a busybox initramfs of one script, made once under {@code target/guest}. It counts
 * on its console ten times a second ({@code tick N}), writes {@code dirty=N} KiB to memory in a loop if asked, and brings its NIC up if told {@code net}.
 */
final class TestGuest {
    static final String UP = "SOJOURN-GUEST-UP";
    private static final Path DIRECTORY = Path.of("target", "guest").toAbsolutePath();

    static final LaunchTemplate TEMPLATE = new LaunchTemplate(
            "test",
            List.of(
                    "qemu-system-x86_64",
                    "-accel",
                    "${accel}",
                    "-machine",
                    "${machine}",
                    "-nodefaults",
                    "-display",
                    "none",
                    "-vga",
                    "none",
                    "-m",
                    "${memory}",
                    "-smp",
                    "1",
                    "-kernel",
                    "${kernel}",
                    "-initrd",
                    "${initrd}",
                    "-append",
                    "console=ttyS0 quiet ${append}",
                    "-serial",
                    "file:${console}",
                    "-netdev",
                    "user,id=n0,restrict=on",
                    "-device",
                    "virtio-net-pci,netdev=n0,mac=${mac.0}"));

    private TestGuest() {}

    static Map<String, String> parameters(Path console, String append) {
        return Map.of(
                "accel",
                "tcg",
                "machine",
                "q35",
                "memory-mb",
                "128",
                "kernel",
                kernel().toString(),
                "initrd",
                initrd().toString(),
                "append",
                append,
                "console",
                console.toString(),
                "mac.0",
                "52:54:00:00:00:01");
    }

    static synchronized Path kernel() {
        try {
            Files.createDirectories(DIRECTORY);
            Path boot = DIRECTORY.resolve("root/boot");
            if (!Files.isDirectory(boot)) {
                sh("V=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/{print $2; exit}')"
                        + " && apt-get -q download $V && dpkg -x $V*.deb part && mv part root");
            }
            try (Stream<Path> files = Files.list(boot)) {
                return files.filter(file -> file.getFileName().toString().startsWith("vmlinuz"))
                        .findFirst()
                        .orElseThrow();
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static synchronized Path initrd() {
        kernel(); // its modules are in there
        Path initrd = DIRECTORY.resolve("initrd.gz");
        if (!Files.exists(initrd)) {
            try {
                Files.createDirectories(DIRECTORY.resolve("ird"));
                Files.writeString(DIRECTORY.resolve("ird/init"), INIT);
                sh(
                        "cd ird && chmod 755 init && mkdir -p bin proc sys dev tmp modules && cp /bin/busybox bin/"
                                + " && cp $(find ../root/lib/modules -name '*virtio_[pnr]*.ko' -o -name virtio.ko -o -name '*failover.ko') modules/"
                                + " && find . | busybox cpio -o -H newc | gzip -1 > ../initrd.part && mv ../initrd.part ../initrd.gz");
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
        return initrd;
    }

    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox --install -s /bin
            mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs -o size=80% t /tmp
            DIRTY=0
            NET=
            for w in $(cat /proc/cmdline); do case $w in dirty=*) DIRTY=${w#dirty=};; net) NET=yes;; esac; done
            if [ $NET ]; then
              for round in 1 2 3; do for m in /modules/*; do insmod $m 2>/dev/null; done; done # each after what it needs
              ip link set eth0 up
            fi
            echo SOJOURN-GUEST-UP
            ( i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.1; done ) &
            if [ $DIRTY -gt 0 ]; then
              while true; do dd if=/dev/zero bs=1k count=$DIRTY 2>/dev/null | tr '\\0' x | dd of=/tmp/f bs=4k conv=notrunc 2>/dev/null; done
            fi
            while true; do sleep 1000; done
            """;

    private static void sh(String script) throws IOException {
        try {
            Process process = new ProcessBuilder("sh", "-ec", script)
                    .directory(DIRECTORY.toFile())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(120, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(script + ": " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    static void awaitUp(Path console) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(100))
                .until(() -> text(console).contains(UP));
    }

    /** Waits until a line appears that was not there: the guest runs. If none does, says what its processor is at. */
    static void awaitTick(MoveRig.Side side) {
        int before = text(side.console()).length();
        try {
            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .pollInterval(Duration.ofMillis(10))
                    .until(() -> text(side.console()).length() > before);
        } catch (ConditionTimeoutException e) {
            throw new AssertionError(
                    side + " prints nothing: " + side.guest().status() + "\n" + text(side.console()) + "\n"
                            + registers(side) + "\n" + registers(side),
                    e);
        }
    }

    private static String registers(MoveRig.Side side) {
        StringBuilder text = new StringBuilder();
        for (String command : List.of("info registers", "info lapic", "info pic", "info cpus")) {
            text.append(side.guest()
                    .qmp()
                    .execute("human-monitor-command", Map.of("command-line", command))
                    .asString(""));
        }
        return text.toString();
    }

    static String text(Path console) {
        try {
            return Files.exists(console) ? Files.readString(console, StandardCharsets.ISO_8859_1) : "";
        } catch (IOException e) {
            return "";
        }
    }
}
