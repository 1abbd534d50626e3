// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** Does what two gateways do to move a guest between two QEMUs on this machine, in the order of handoff.md; for tests and as their example. */
final class MoveRig {
    /** One end of a move: process, connection, events. */
    record Side(LaunchedGuest process, QemuGuest guest, EventLog events, Path console) {
        void destroy() {
            guest.close();
            process.destroy();
        }
    }

    /**
     * What was measured; times in ms.
     *
     * @param asked false if QEMU stopped the guest by itself
     * @param holdMs from parking to the stop
     * @param pauseMs RESUME at the destination minus STOP at the source, by QEMU's own time stamps
     * @param bytesAfterStop what the pump carried after the stop
     */
    record Measure(
            boolean asked,
            int pass,
            long remainingBytes,
            double stopMs,
            double eventMs,
            double holdMs,
            double pauseMs,
            long bytesAfterStop,
            long estimatedPauseMs,
            double totalMs) {}

    private final Path directory;
    private final QemuLauncher launcher;
    private int count;

    MoveRig(Path directory) {
        this.directory = directory;
        this.launcher = new QemuLauncher(directory);
    }

    Side boot(String append) {
        Path console = directory.resolve("console" + count++);
        LaunchedGuest process = launcher.launch(
                TestGuest.TEMPLATE, "vm", TestGuest.parameters(console, append), Duration.ofSeconds(10));
        Side side = attach(process, console);
        TestGuest.awaitUp(console);
        return side;
    }

    Side incoming(Map<String, String> overrides) {
        Path console = directory.resolve("console" + count++);
        Map<String, String> parameters = new HashMap<>(TestGuest.parameters(console, ""));
        parameters.putAll(overrides);
        return attach(launcher.launchIncoming(TestGuest.TEMPLATE, "vm", parameters, Duration.ofSeconds(10)), console);
    }

    private static Side attach(LaunchedGuest process, Path console) {
        EventLog events = new EventLog();
        return new Side(process, QemuGuest.attach(process.qmpSocket(), Duration.ofSeconds(5), events), events, console);
    }

    Path socket() {
        return directory.resolve("s" + count++);
    }

    /** The destination listens, the pump stands between, the source sends. */
    StreamPump begin(Side source, Side destination, long bytesPerS) throws IOException {
        source.events().clear();
        Path in = socket();
        Path out = socket();
        destination.guest().listenForMigration(in);
        StreamPump pump = new StreamPump(out, source.guest().streamGreeting(), in, bytesPerS);
        source.guest().startMigration(out);
        return pump;
    }

    Measure move(Side source, Side destination, long bytesPerS, Duration hold) throws IOException {
        long startNs = System.nanoTime();
        MigrationPilot pilot =
                new MigrationPilot(new PathFacts(bytesPerS, Duration.ZERO), new MigrationPilot.Limits(0, 12), hold);
        AtomicBoolean stopped = new AtomicBoolean();
        try (StreamPump pump = begin(source, destination, bytesPerS)) {
            source.events().react(event -> {
                if (event instanceof GuestEvent.Stopped) {
                    stopped.set(true);
                    pump.open(); // before anything else: QEMU may be finishing by itself
                } else if (event instanceof GuestEvent.MigrationPass pass && pass.pass() > 1 && !stopped.get()) {
                    pilot.passBegan(pass.pass());
                    pump.park(); // the place to decide; the next decision opens it again
                }
            });
            MigrationProgress sample;
            MigrationPilot.Decision decision;
            do {
                LockSupport.parkNanos(1_000_000);
                sample = source.guest().progress();
                decision = pilot.decide(sample);
                if (!stopped.get()) {
                    apply(pump, decision);
                }
                if (stopped.get()) {
                    pump.open();
                }
            } while (!(decision instanceof MigrationPilot.Decision.Park)
                    && !stopped.get()
                    && !sample.phase().ended());
            long parkedNs = System.nanoTime();
            boolean asked = !stopped.get();
            long holdUntilNs = parkedNs + hold.toNanos();
            while (!stopped.get() && System.nanoTime() < holdUntilNs) {
                LockSupport.parkNanos(200_000);
            }
            asked &= !stopped.get();
            long stopNs = System.nanoTime();
            source.guest().stop();
            long stoppedNs = System.nanoTime();
            long carried = pump.carriedBytes();
            pump.open();
            destination.events().awaitPhase(MigrationPhase.COMPLETED);
            destination.guest().cont();
            source.events().awaitPhase(MigrationPhase.COMPLETED);
            destination.events().await(event -> event instanceof GuestEvent.Resumed);
            GuestEvent.Stopped stop =
                    source.events().last(GuestEvent.Stopped.class).orElseThrow();
            GuestEvent.Resumed resume =
                    destination.events().last(GuestEvent.Resumed.class).orElseThrow();
            return new Measure(
                    asked,
                    sample.pass(),
                    sample.remainingBytes(),
                    ms(stoppedNs - stopNs),
                    ms(stop.receivedNs() - stopNs),
                    ms(stopNs - parkedNs),
                    (resume.atUs() - stop.atUs()) / 1000.0,
                    pump.carriedBytes() - carried,
                    decision instanceof MigrationPilot.Decision.Park park ? park.estimatedPauseMs() : -1,
                    ms(System.nanoTime() - startNs));
        } finally {
            source.events().react(event -> {});
        }
    }

    private static void apply(StreamPump pump, MigrationPilot.Decision decision) {
        switch (decision) {
            case MigrationPilot.Decision.Continue() -> pump.open();
            case MigrationPilot.Decision.Throttle(long bytes) -> pump.allow(bytes);
            case MigrationPilot.Decision.Park park -> pump.park();
            case MigrationPilot.Decision.GiveUp(String reason) -> throw new AssertionError(reason);
        }
    }

    private static double ms(long ns) {
        return TimeUnit.NANOSECONDS.toMicros(ns) / 1000.0;
    }

    static Path directory() throws IOException {
        return Files.createTempDirectory("hv"); // short: a socket's path holds 107 bytes
    }

    static void remove(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }
}
