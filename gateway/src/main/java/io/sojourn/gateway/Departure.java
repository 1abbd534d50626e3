// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.MigrationId;
import io.sojourn.hypervisor.GuestEvent;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.HypervisorException;
import io.sojourn.hypervisor.MigrationPhase;
import io.sojourn.hypervisor.MigrationPilot;
import io.sojourn.hypervisor.MigrationPilot.Decision;
import io.sojourn.hypervisor.MigrationProgress;
import io.sojourn.hypervisor.PathFacts;
import io.sojourn.hypervisor.QemuThreads;
import io.sojourn.linux.Threads;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Progress;
import io.sojourn.transfer.CarrierEvents;
import io.sojourn.transfer.SenderStats;
import io.sojourn.transfer.SourceCarrier;
import io.sojourn.transfer.StreamParameters;
import io.sojourn.transfer.StreamToken;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A guest on its way out: its hypervisor sends it into a carrier, a pilot parks the carrier near the end, and the handoff decides
 * the moment. All that blocks runs on the departure's own thread; what happens is posted to the forwarder.
 */
final class Departure implements GuestSide {
    private static final Logger LOG = LoggerFactory.getLogger(Departure.class);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** Of a path that nobody has capped; the pilot's forecast of the pause leans on it, the stream itself finds its own pace. */
    private static final long ASSUMED_BYTES_PER_S = 100_000_000;

    private static final Duration EXPECTED_HOLD = Duration.ofMillis(5);
    private static final long REPORT_EVERY_NS = 500_000_000L;
    private static final long SAMPLE_MS = 2;

    private final MigrationId migration;
    private final HostedGuest hosted;
    private final Forwarder forwarder;
    private final Peer destination;
    private final StreamToken token;
    private final Path socket;
    private final StreamParameters parameters;
    private final List<MacAddress> macs;
    private final List<Integer> ports;
    private final Consumer<MigrationReport.Builder> reports;
    private final Consumer<HostedGuest> left;
    private final ExecutorService thread;
    private final ScheduledExecutorService hand;
    private final MigrationPilot pilot;
    private volatile @Nullable SourceCarrier carrier;
    private volatile @Nullable GivenFrames given;
    private volatile int pump;
    private volatile @Nullable Spurt spurt;
    /** To be waited for once: a guest that is stopped again should not have run. */
    private volatile @Nullable IdleMoment idle;

    private volatile boolean copying;
    private volatile boolean parked;
    private volatile long bytesBeforePause;
    private long lastReportNs;
    private long lastSentBytes;

    Departure(
            MigrationId migration,
            HostedGuest hosted,
            Forwarder forwarder,
            Peer destination,
            StreamToken token,
            Path socket,
            StreamParameters parameters,
            MigrationPilot.Limits limits,
            List<MacAddress> macs,
            List<Integer> ports,
            Consumer<MigrationReport.Builder> reports,
            Consumer<HostedGuest> left) {
        this.migration = migration;
        this.hosted = hosted;
        this.forwarder = forwarder;
        this.destination = destination;
        this.token = token;
        this.socket = socket;
        this.parameters = parameters;
        this.macs = macs;
        this.ports = ports;
        this.reports = reports;
        this.left = left;
        this.thread = ReadyThread.named("departure-" + hosted.vm);
        this.pilot = new MigrationPilot(
                new PathFacts(
                        Math.min(parameters.capBytesPerS(), ASSUMED_BYTES_PER_S), Duration.ofNanos(destination.rttNs)),
                limits,
                EXPECTED_HOLD);
        this.hand = Hands.of(hosted);
        hosted.hold(this::guestEvent);
    }

    private void post(HandoffEvent event) {
        forwarder.post(() -> forwarder.handoffs().event(migration, event));
    }

    private void seen(String event, String detail) {
        long atUs = WallClock.nowUs();
        forwarder.post(() -> forwarder.handoffs().seen(migration, atUs, event, detail));
    }

    /** On the QMP connection's thread. */
    private void guestEvent(GuestEvent event) {
        switch (event) {
            case GuestEvent.Stopped(long atUs, long receivedNs) ->
                forwarder.post(() -> forwarder.handoffs().guestStopped(migration, atUs, receivedNs));
            case GuestEvent.Resumed(long atUs, long receivedNs) ->
                forwarder.post(() -> forwarder.handoffs().guestResumed(migration, atUs, receivedNs));
            case GuestEvent.MigrationStatus(MigrationPhase phase, long atUs, long receivedNs) -> {
                LOG.debug("VM {}: migration {}", hosted.vm, phase);
                if (phase == MigrationPhase.FAILED) {
                    copyFailed("QEMU at the source gave the migration up");
                }
            }
            case GuestEvent.Disconnected(String reason, long receivedNs) -> {
                copying = false;
                post(new HandoffEvent.GuestGone());
            }
            case GuestEvent.MigrationPass(int pass, long atUs, long receivedNs) -> passBegan(pass);
            case GuestEvent.ShutDown s -> {}
        }
    }

    /** Says so at once if the guest may stand still, else with what QEMU has to say of it. */
    private void copyFailed(String reason) {
        copying = false;
        if (parked) {
            post(new HandoffEvent.StreamFailed(reason));
            return;
        }
        try {
            hand.execute(() -> post(new HandoffEvent.StreamFailed(reason + qemuError())));
        } catch (RejectedExecutionException e) {
            LOG.debug("VM {}: {}, after the end of its handoff", hosted.vm, reason);
        }
    }

    private String qemuError() {
        try {
            return hosted.guest().progress().error().map(why -> ": " + why).orElse("");
        } catch (HypervisorException | GatewayException e) {
            return ""; // it is gone, or has no time
        }
    }

    /** A short pass may be over before the next sample: nothing more is read until the pilot has looked at this one. */
    private void passBegan(int pass) {
        SourceCarrier c = carrier;
        if (pass >= 2 && c != null && copying && !parked) {
            c.park();
            pilot.passBegan(pass);
        }
    }

    @Override
    public List<Integer> ports() {
        return ports;
    }

    @Override
    public void startCopy() {
        thread.execute(this::copy);
    }

    private void copy() {
        try {
            SourceCarrier c = SourceCarrier.listen(
                    token,
                    socket,
                    hosted.guest().streamGreeting(),
                    parameters,
                    new CarrierEvents() {
                        @Override
                        public void connected() {
                            pump = Threads.current();
                        }

                        @Override
                        public void drained() {
                            if (parked) {
                                streamParked();
                            }
                        }

                        @Override
                        public void emptied(long streamBytes) {
                            SourceCarrier emptied = carrier;
                            long sent = emptied == null ? 0 : emptied.stats().streamBytes();
                            seen(
                                    "emptied",
                                    streamBytes - bytesBeforePause + " bytes since it was let go, "
                                            + (streamBytes - sent) + " of them not sent yet");
                        }

                        @Override
                        public void finished(long streamBytes) {
                            copying = false;
                            LOG.info(
                                    "VM {}: stream done, {} bytes, {} of them in the pause",
                                    hosted.vm,
                                    streamBytes,
                                    streamBytes - bytesBeforePause);
                            post(new HandoffEvent.StreamDone());
                        }

                        @Override
                        public void failed(String reason) {
                            copyFailed(reason);
                        }
                    },
                    forwarder::wake);
            carrier = c;
            forwarder.post(() -> forwarder.streams().attach(c, destination));
            copying = true;
            given = GivenFrames.of(hosted.guest(), macs, ports);
            hosted.guest().startMigration(socket);
            pilot(c);
        } catch (RuntimeException e) {
            copying = false;
            post(new HandoffEvent.StreamFailed("cannot start the copy: " + e.getMessage()));
        }
    }

    /** Watches the copy until the moment is ours, the copy has ended, or there is no point in going on. */
    private void pilot(SourceCarrier c) {
        while (copying && !parked) {
            MigrationProgress progress = hosted.guest().progress();
            if (progress.phase().ended()) {
                return;
            }
            if (spurt == null && pump != 0) {
                QemuThreads threads = hosted.guest().threads();
                spurt = Spurt.atSource(threads).with(pump); // its thread for the migration is there by now
                idle = IdleMoment.of(threads);
            }
            report(progress, c.stats());
            switch (pilot.decide(progress)) {
                case Decision.Continue() -> c.unpark();
                case Decision.Throttle(long bytes) -> c.allow(bytes);
                case Decision.Park(long bytes, long pauseMs) -> {
                    LOG.info("VM {}: stream parked, {} bytes to go, about {} ms of pause", hosted.vm, bytes, pauseMs);
                    parked = true;
                    c.park();
                    if (c.drained()) {
                        streamParked();
                    }
                }
                case Decision.GiveUp(String reason) -> {
                    copying = false;
                    post(new HandoffEvent.StreamFailed(reason));
                }
            }
            pause();
        }
    }

    /** The moment has come. */
    private void streamParked() {
        spurt();
        post(new HandoffEvent.StreamParked());
    }

    private void spurt() {
        Spurt s = spurt;
        if (s != null) {
            s.begin(hand);
        }
    }

    private static void pause() {
        try {
            Thread.sleep(SAMPLE_MS); // the pilot's sampling interval, not a wait for a condition
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void report(MigrationProgress p, SenderStats sent) {
        long now = System.nanoTime();
        if (now - lastReportNs < REPORT_EVERY_NS) {
            return;
        }
        long rate = lastReportNs == 0 ? 0 : (sent.wireBytes() - lastSentBytes) * 1_000_000_000L / (now - lastReportNs);
        lastReportNs = now;
        lastSentBytes = sent.wireBytes();
        long dirty = p.dirtyPagesPerS() * p.pageBytes();
        long etaMs = rate > dirty ? p.remainingBytes() * 1_000 / (rate - dirty) : -1;
        forwarder.post(() -> {
            Handoff h = forwarder.handoffs().find(migration);
            if (h != null) {
                reports.accept(forwarder
                        .handoffs()
                        .newReport(h)
                        .setPhase(io.sojourn.rpc.Phase.COPYING)
                        .setProgress(Progress.newBuilder()
                                .setBytesTotal(p.totalBytes())
                                .setBytesRemaining(p.remainingBytes())
                                .setBytesSent(sent.wireBytes())
                                .setBytesPerS(rate)
                                .setDirtyBytesPerS(dirty)
                                .setPass(p.pass())
                                .setEtaMs(etaMs)));
            }
        });
    }

    @Override
    public void stopGuest(boolean asksGiven) {
        hypervisor("stop", () -> {
            GivenFrames asked = asksGiven ? given : null;
            if (asked == null) {
                stopIdle();
                return;
            }
            asked.beforeStop();
            hosted.guest().stop();
            List<GivenFrames.Given> got = asked.afterStop();
            forwarder.post(() -> forwarder.handoffs().given(migration, got));
        });
    }

    private void stopIdle() {
        IdleMoment moment = idle;
        if (moment == null) {
            hosted.guest().stop();
            return;
        }
        idle = null;
        try (moment) {
            String came = moment.await() ? "idle" : "not-idle";
            long atUs = WallClock.nowUs();
            hosted.guest().stop();
            forwarder.post(() -> forwarder.handoffs().seen(migration, atUs, came, ""));
        }
    }

    @Override
    public void releaseStream() {
        SourceCarrier c = carrier;
        if (c != null) {
            LOG.debug("VM {}: stream let go: {}", hosted.vm, c.stats());
            bytesBeforePause = c.bytesRead();
            spurt();
            c.expedite();
        }
    }

    @Override
    public void cancelCopy() {
        copying = false;
        SourceCarrier c = carrier;
        if (c != null) {
            c.fail("the move was undone");
        }
        hypervisor("cancel", () -> hosted.guest().cancelMigration(PATIENCE));
    }

    @Override
    public void continueGuest() {
        hypervisor("continue", () -> {
            hosted.guest().cont();
            // QEMU says nothing if the guest ran anyway.
            if (hosted.guest().status() == GuestState.RUNNING) {
                post(new HandoffEvent.GuestResumed(System.nanoTime()));
            }
        });
    }

    @Override
    public void quitGuest() {
        copying = false;
        hypervisor("quit", () -> {
            Spurt s = spurt;
            if (s != null) {
                s.finish(); // 15 ms of giving memory back must not stand before the guest's next answers
            }
            hosted.guest().quit(PATIENCE);
            left.accept(hosted);
            post(new HandoffEvent.GuestGone());
        });
    }

    /** On a thread of its own: the pilot may be in the middle of a question, and the moment does not wait. */
    private void hypervisor(String what, Runnable command) {
        hand.execute(() -> {
            try {
                command.run();
            } catch (RuntimeException e) {
                LOG.warn("VM {}: {} failed: {}", hosted.vm, what, e.getMessage());
                if (!hosted.attached()) {
                    post(new HandoffEvent.GuestGone());
                }
            }
        });
    }

    @Override
    public void finished(boolean stays) {
        copying = false;
        SourceCarrier c = carrier;
        if (c != null) {
            forwarder.post(() -> forwarder.streams().detach(c));
        }
        hosted.hold(event -> {});
        hand.execute(() -> {
            IdleMoment unused = idle;
            if (unused != null) {
                unused.close();
            }
        });
        thread.shutdownNow();
        hand.shutdown();
    }
}
