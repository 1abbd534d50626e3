// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.HypervisorException;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A gateway that was killed in the middle of a move takes it up from its journal, its guests and the controller's table. */
final class Recovery {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int ATTEMPTS = 3;

    private Recovery() {}

    /** On the forwarder's thread, with the table known. */
    static void begin(JournalRecord last, Forwarder forwarder, HostedGuests guests) {
        HandoffPlan plan = last.plan();
        VmEntry vm = forwarder.table().vm(plan.vm());
        if (vm == null) {
            LOG.warn("VM {} of an unfinished move is not in the table any more; the move is forgotten", plan.vm());
            return;
        }
        LOG.info("VM {} {}: taking up the move as {} was at {}", plan.vm(), plan.epoch(), last.role(), last.stage());
        boolean atSource = last.role() == JournalRecord.Role.SOURCE;
        // What the table says was said before there was a handoff to hear it.
        GatewayId tableGateway = vm.gateway;
        Epoch tableEpoch = vm.epoch;
        Found found = new Found(plan.migration(), plan.vm(), forwarder, guests, atSource);
        long now = System.nanoTime();
        if (atSource) {
            SourceHandoff.recover(last, now).ifPresent(step -> {
                forwarder
                        .handoffs()
                        .begin(Handoff.atSource(step.state(), vm, found).recovered(last), step.actions());
                found.look();
                forwarder.handoffs().tableSays(vm, tableGateway, tableEpoch);
            });
        } else {
            DestinationHandoff.recover(last, now).ifPresent(step -> {
                forwarder
                        .handoffs()
                        .begin(Handoff.atDestination(step.state(), vm, found).recovered(last), step.actions());
                found.look();
            });
        }
    }

    /** A guest as a restarted gateway finds it. */
    static final class Found implements GuestSide {
        private final MigrationId migration;
        private final VmId vm;
        private final Forwarder forwarder;
        private final HostedGuests guests;
        private final boolean atSource;

        Found(MigrationId migration, VmId vm, Forwarder forwarder, HostedGuests guests, boolean atSource) {
            this.migration = migration;
            this.vm = vm;
            this.forwarder = forwarder;
            this.guests = guests;
            this.atSource = atSource;
        }

        void look() {
            background(() -> {
                HostedGuest guest = find();
                if (guest == null) {
                    if (!atSource) {
                        guests.clear(vm);
                    }
                    post(new HandoffEvent.GuestGone());
                    return;
                }
                GuestState state = guest.guest().status();
                long now = System.nanoTime();
                if (state == GuestState.RUNNING) {
                    post(new HandoffEvent.GuestResumed(now));
                } else if (state == GuestState.GONE) {
                    post(new HandoffEvent.GuestGone());
                } else {
                    post(
                            atSource
                                    ? new HandoffEvent.GuestStopped(now)
                                    : new HandoffEvent.IncomingFailed("found " + state + " after a restart"));
                }
            });
        }

        /** Null if it does not answer: a busy one may take its time, and to call a guest gone that runs would be grave. */
        private @Nullable HostedGuest find() {
            for (int attempt = 1; ; attempt++) {
                try {
                    return guests.require(vm);
                } catch (GatewayException e) {
                    LOG.info("attempt {}: {}", attempt, e.getMessage());
                    if (attempt == ATTEMPTS) {
                        return null;
                    }
                }
            }
        }

        private void post(HandoffEvent event) {
            forwarder.post(() -> forwarder.handoffs().event(migration, event));
        }

        private void background(Runnable work) {
            Thread.ofPlatform().name("recovery-" + vm).daemon().start(() -> {
                try {
                    work.run();
                } catch (RuntimeException e) {
                    LOG.warn("VM {}: {}", vm, e.getMessage());
                }
            });
        }

        @Override
        public List<Integer> ports() {
            return List.of();
        }

        @Override
        public void stopGuest(boolean asksGiven) {
            background(() -> {
                guests.require(vm).guest().stop();
                post(new HandoffEvent.GuestStopped(System.nanoTime()));
            });
        }

        @Override
        public void cancelCopy() {
            background(() -> guests.require(vm).guest().cancelMigration(PATIENCE));
        }

        @Override
        public void continueGuest() {
            background(() -> {
                guests.require(vm).guest().cont();
                post(new HandoffEvent.GuestResumed(System.nanoTime()));
            });
        }

        @Override
        public void activated() {
            background(() -> guests.settled(guests.require(vm)));
        }

        @Override
        public void quitGuest() {
            background(() -> {
                try {
                    HostedGuest guest = guests.require(vm);
                    guest.guest().quit(PATIENCE);
                    guests.left(guest);
                } catch (GatewayException | HypervisorException e) {
                    LOG.info("VM {}: {}", vm, e.getMessage());
                    guests.clear(vm);
                }
                post(new HandoffEvent.GuestGone());
            });
        }
    }
}
