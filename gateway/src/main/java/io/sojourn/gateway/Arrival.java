// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.MigrationId;
import io.sojourn.hypervisor.GuestEvent;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.LaunchedGuest;
import io.sojourn.hypervisor.MigrationPhase;
import io.sojourn.linux.Threads;
import io.sojourn.transfer.CarrierEvents;
import io.sojourn.transfer.DestinationCarrier;
import io.sojourn.transfer.StreamParameters;
import io.sojourn.transfer.StreamToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A guest on its way in: a carrier feeds the incoming QEMU, which arrives paused and is continued on the handoff's word. */
final class Arrival implements GuestSide {
    private static final Logger LOG = LoggerFactory.getLogger(Arrival.class);
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final MigrationId migration;
    private final HostedGuest hosted;
    private final Forwarder forwarder;
    private final List<Integer> ports;
    private final Consumer<HostedGuest> gone;
    private final DestinationCarrier carrier;
    private final Path socket;
    private final AtomicBoolean complete = new AtomicBoolean();
    private final ScheduledExecutorService hand;
    private volatile Spurt spurt;

    /** The incoming QEMU must already listen at {@code socket}. */
    Arrival(
            MigrationId migration,
            HostedGuest hosted,
            Forwarder forwarder,
            Peer source,
            StreamToken token,
            Path socket,
            StreamParameters parameters,
            List<Integer> ports,
            Consumer<HostedGuest> gone) {
        this.migration = migration;
        this.hosted = hosted;
        this.forwarder = forwarder;
        this.ports = ports;
        this.gone = gone;
        this.socket = socket;
        hand = Hands.of(hosted);
        spurt = Spurt.atDestination(hosted.guest());
        hosted.hold(this::guestEvent);
        carrier = DestinationCarrier.connectTo(
                token,
                socket,
                parameters,
                new CarrierEvents() {
                    @Override
                    public void connected() {
                        spurt = spurt.with(Threads.current());
                    }

                    @Override
                    public void arrived(long streamBytes) {
                        seen(WallClock.nowUs(), "arrived");
                    }

                    @Override
                    public void finished(long streamBytes) {
                        seen(WallClock.nowUs(), "taken");
                    }

                    @Override
                    public void failed(String reason) {
                        incomingFailed(reason + lastWords());
                    }
                },
                forwarder::wake);
        forwarder.post(() -> forwarder.streams().attach(carrier, source));
    }

    private void incomingFailed(String reason) {
        if (!complete.get()) {
            post(new HandoffEvent.IncomingFailed(reason));
        }
    }

    private void post(HandoffEvent event) {
        forwarder.post(() -> forwarder.handoffs().event(migration, event));
    }

    private void seen(long atUs, String event) {
        forwarder.post(() -> forwarder.handoffs().seen(migration, atUs, event, ""));
    }

    private void guestEvent(GuestEvent event) {
        switch (event) {
            case GuestEvent.MigrationStatus(MigrationPhase phase, long atUs, long receivedNs) -> {
                if (phase == MigrationPhase.COMPLETED && complete.compareAndSet(false, true)) {
                    post(new HandoffEvent.IncomingComplete());
                    seen(atUs, "loaded");
                } else if (phase == MigrationPhase.FAILED) {
                    incomingFailed("the destination's QEMU refused the stream" + lastWords());
                }
            }
            case GuestEvent.Resumed(long atUs, long receivedNs) ->
                forwarder.post(() -> forwarder.handoffs().guestResumed(migration, atUs, receivedNs));
            case GuestEvent.Disconnected(String reason, long receivedNs) -> {
                if (!complete.get()) {
                    incomingFailed("the destination's QEMU ended" + lastWords());
                }
                post(new HandoffEvent.GuestGone());
            }
            case GuestEvent.Stopped s -> {}
            case GuestEvent.MigrationPass p -> {}
            case GuestEvent.ShutDown s -> {}
        }
    }

    /** What QEMU itself said, if it was launched here and said anything. */
    private String lastWords() {
        return hosted.launched
                .map(LaunchedGuest::complaint)
                .filter(line -> !line.isEmpty())
                .map(line -> ": " + line)
                .orElse("");
    }

    @Override
    public List<Integer> ports() {
        return ports;
    }

    @Override
    public void stoppedAtSource() {
        if (!complete.get()) { // the news may come twice
            spurt.begin(hand);
        }
    }

    @Override
    public void continueGuest() {
        hand.execute(() -> {
            try {
                spurt.begin(hand);
                hosted.guest().cont();
                if (hosted.guest().status() == GuestState.RUNNING) {
                    post(new HandoffEvent.GuestResumed(System.nanoTime()));
                }
            } catch (RuntimeException e) {
                LOG.error("VM {}: cannot continue: {}", hosted.vm, e.getMessage());
            }
        });
    }

    @Override
    public void quitGuest() {
        hand.execute(() -> {
            try {
                if (hosted.attached()) {
                    hosted.guest().quit(PATIENCE);
                }
            } catch (RuntimeException e) {
                LOG.warn("VM {}: the incoming QEMU did not quit: {}", hosted.vm, e.getMessage());
            }
            gone.accept(hosted);
            post(new HandoffEvent.GuestGone());
        });
    }

    @Override
    public void finished(boolean stays) {
        forwarder.post(() -> forwarder.streams().detach(carrier));
        hosted.hold(event -> {});
        if (!stays) {
            quitGuest();
        }
        hand.execute(this::removeSocket); // QEMU removes it itself, unless it was killed
        hand.shutdown();
    }

    private void removeSocket() {
        try {
            Files.deleteIfExists(socket);
        } catch (IOException e) {
            LOG.warn("cannot remove {}: {}", socket, e.getMessage());
        }
    }
}
