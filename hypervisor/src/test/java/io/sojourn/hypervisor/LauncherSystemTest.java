// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("system")
class LauncherSystemTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final LaunchTemplate BARE = new LaunchTemplate(
            "bare",
            List.of(
                    "qemu-system-x86_64",
                    "-accel",
                    "tcg",
                    "-nodefaults",
                    "-display",
                    "none",
                    "-m",
                    "${memory}",
                    "-netdev",
                    "user,id=net0",
                    "-device",
                    "virtio-net-pci,netdev=net0,mac=52:54:00:00:00:0a"));

    private Path directory;
    private QemuLauncher launcher;

    @BeforeEach
    void directory() throws IOException {
        directory = MoveRig.directory();
        launcher = new QemuLauncher(directory);
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        launcher.running().forEach(LaunchedGuest::destroy);
        MoveRig.remove(directory);
    }

    @Test
    void anIncomingGuestIsFoundAgainByAnotherGatewayAndEndsWithItsFiles() throws IOException {
        LaunchedGuest guest =
                launcher.launchIncoming(BARE, "web1", Map.of("memory-mb", "32", "accel", "tcg"), PATIENCE);
        List<LaunchedGuest> found = new QemuLauncher(directory).running("web1");
        assertThat(found).containsExactly(guest);
        try (QemuGuest qemu = QemuGuest.attach(found.getFirst().qmpSocket(), PATIENCE, event -> {})) {
            assertThat(qemu.status()).isEqualTo(GuestState.INCOMING);
            assertThat(qemu.ramBytes()).isEqualTo((32 << 20) + (8 << 10)); // tcg: see QemuGuest.hazard
            assertThat(qemu.macs()).hasToString("[52:54:00:00:00:0a]");
            assertThat(qemu.taps()).isEmpty();
            assertThat(qemu.version()).startsWith("QEMU ");
            assertThat(qemu.cpuModel()).isEqualTo("qemu64");
            assertThat(qemu.threads().processors()).hasSize(1);
            assertThat(qemu.threads().services())
                    .contains((int) guest.pid())
                    .doesNotContainAnyElementsOf(qemu.threads().processors());
        }
        guest.destroy();
        assertThat(guest.alive()).isFalse();
        assertThat(launcher.running()).isEmpty();
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).allMatch(file -> file.toString().endsWith(".log"));
        }
    }

    @Test
    void itOutlivesAKilledParent() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process parent = new ProcessBuilder(
                        java,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Launch.class.getName(),
                        directory.toString())
                .redirectErrorStream(true)
                .start();
        assertThat(parent.inputReader().readLine()).isEqualTo("launched");
        parent.destroyForcibly().waitFor();
        LaunchedGuest guest = launcher.running("web1").getFirst();
        try (QemuGuest qemu = QemuGuest.attach(guest.qmpSocket(), PATIENCE, event -> {})) {
            assertThat(qemu.status()).isEqualTo(GuestState.INCOMING);
        }
        guest.destroy();
        assertThat(guest.alive()).isFalse();
    }

    /** What the test above kills. */
    static final class Launch {
        public static void main(String[] arguments) throws Exception {
            new QemuLauncher(Path.of(arguments[0]))
                    .launchIncoming(BARE, "web1", Map.of("memory-mb", "32", "accel", "tcg"), PATIENCE);
            System.out.println("launched");
            Thread.currentThread().join();
        }
    }

    @Test
    void qemusOwnWordsAreTheError() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() ->
                        launcher.launchIncoming(BARE, "web1", Map.of("memory-mb", "32", "memory", "much"), PATIENCE))
                .withMessageContaining("VM web1")
                .withMessageContaining("template 'bare'")
                .withMessageContaining("-m much");
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> launcher.launchIncoming(BARE, "web1", Map.of("memory-mb", "1G"), PATIENCE))
                .withMessage("VM web1: memory-mb is '1G', not a whole number of MiB");
        assertThat(launcher.running()).isEmpty();
    }

    @Test
    void aGuestThatTcgWouldCorruptIsNamed() {
        LaunchedGuest even =
                launcher.launchIncoming(BARE, "web1", Map.of("memory-mb", "32", "memory", "32M"), PATIENCE);
        try (QemuGuest qemu = QemuGuest.attach(even.qmpSocket(), PATIENCE, event -> {})) {
            boolean fixed = !qemu.version().matches("QEMU [1-8]\\..*");
            assertThat(qemu.hazard().isEmpty()).isEqualTo(fixed);
            qemu.hazard().ifPresent(hazard -> assertThat(hazard).contains("-m 32776K"));
        }
        even.destroy();
        LaunchedGuest odd = launcher.launchIncoming(BARE, "web1", Map.of("memory-mb", "32", "accel", "tcg"), PATIENCE);
        try (QemuGuest qemu = QemuGuest.attach(odd.qmpSocket(), PATIENCE, event -> {})) {
            assertThat(qemu.hazard()).isEmpty();
        }
        odd.destroy();
    }

    @Test
    void aQmpSocketInUseIsWaitedForAndNamed() {
        LaunchedGuest guest =
                launcher.launchIncoming(BARE, "web1", Map.of("memory-mb", "32", "accel", "tcg"), PATIENCE);
        try (QemuGuest first = QemuGuest.attach(guest.qmpSocket(), PATIENCE, event -> {})) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> QemuGuest.attach(guest.qmpSocket(), Duration.ofMillis(300), event -> {}))
                    .withMessageContaining("another client holds it");
            assertThat(first.status()).isEqualTo(GuestState.INCOMING);
        }
        try (QemuGuest second = QemuGuest.attach(guest.qmpSocket(), PATIENCE, event -> {})) {
            second.quit(PATIENCE);
            assertThat(second.status()).isEqualTo(GuestState.GONE);
            assertThat(second.attached()).isFalse();
        }
        guest.destroy();
    }

    @Test
    void accelerationIsProbedByBootingAndRemembered() {
        AccelerationProbe probe = new AccelerationProbe("qemu-system-x86_64", directory);
        ProbeResult result =
                probe.probe(TestGuest.kernel(), Optional.of(TestGuest.initrd()), TestGuest.UP, Duration.ofSeconds(8));
        System.out.println("probed: " + result);
        assertThat(result.acceleration()).isIn("kvm", "tcg");
        long startNs = System.nanoTime();
        assertThat(probe.probe(TestGuest.kernel(), Duration.ofSeconds(8))).isEqualTo(result);
        assertThat(System.nanoTime() - startNs).isLessThan(1_000_000_000L);
        assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive))
                .isEmpty();
    }
}
