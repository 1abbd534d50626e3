// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.certificate.TimelineStep;
import io.sojourn.gateway.Counters.Kind;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A mechanism fails at every step of a VM's handoffs; a second one is told after it. */
class HandoffsTest {
    private final PathStage here = new PathStage("here");
    private final PathStage there = new PathStage("there");
    private final Timers timers = new Timers();
    private final List<String> told = new ArrayList<>();
    private final List<Accounts.Closed> closed = new ArrayList<>();
    private boolean guestActivated;
    private boolean copying;

    private static final class Broken implements MovedState {
        @Override
        public String mechanism() {
            return "broken";
        }

        @Override
        public void leaves(VmEntry vm, GatewayId to, long epoch, long nowNs) {
            throw new IllegalStateException("leaves");
        }

        @Override
        public void held(VmEntry vm, long nowNs) {
            throw new IllegalStateException("held");
        }

        @Override
        public void expected(VmEntry vm, GatewayId from, long epoch) {
            throw new IllegalStateException("expected");
        }

        @Override
        public void activated(VmEntry vm, GatewayId from, long epoch, long nowNs) {
            throw new IllegalStateException("activated");
        }
    }

    private final class Good implements MovedState {
        @Override
        public String mechanism() {
            return "good";
        }

        @Override
        public void leaves(VmEntry vm, GatewayId to, long epoch, long nowNs) {
            told.add("leaves");
        }

        @Override
        public void held(VmEntry vm, long nowNs) {
            told.add("held");
        }

        @Override
        public void expected(VmEntry vm, GatewayId from, long epoch) {
            told.add("expected");
        }

        @Override
        public void activated(VmEntry vm, GatewayId from, long epoch, long nowNs) {
            told.add("activated");
        }
    }

    private final GuestSide guest = new GuestSide() {
        @Override
        public void startCopy() {
            copying = true;
        }

        @Override
        public void activated() {
            guestActivated = true;
        }
    };

    private Handoffs handoffs() {
        Handoffs all = new Handoffs(
                Runnable::run, here.table, here.wan, here.delivery, here.outside, timers, here.counters, new Nowhere() {
                    @Override
                    public void closed(Accounts.Closed account) {
                        closed.add(account);
                    }
                });
        all.joinedBy(new Broken());
        all.joinedBy(new Good());
        return all;
    }

    @BeforeEach
    void connect() {
        PathStage.connect(here, there);
    }

    @AfterEach
    void close() {
        here.close();
        there.close();
    }

    private HandoffPlan plan(GatewayId from, GatewayId to) {
        return new HandoffPlan(
                new MigrationId(new UUID(1, 2)),
                here.vm(1).id,
                from,
                to,
                new Epoch(1),
                new Epoch(2),
                List.of(),
                Ordering.STRICT,
                Timing.forRtt(1_000_000));
    }

    private List<String> steps() {
        here.delivery.flushDue(Long.MAX_VALUE / 2); // until it has given the guest back, a timer asks again and again
        timers.run(Long.MAX_VALUE / 2);
        return closed.getFirst().statement().orElseThrow().timeline().stream()
                .filter(step -> step.event().equals("state-failed"))
                .map(TimelineStep::detail)
                .toList();
    }

    @Test
    void atTheDestinationTheRestOfTheHandoffIsDoneAllTheSame() {
        PathStage.bind(1, "there", 1, here, there);
        HandoffPlan plan = plan(there.id, here.id);
        Handoff handoff = Handoff.atDestination(DestinationHandoff.arm(plan, 0).state(), here.vm(1), guest);

        handoffs()
                .begin(
                        handoff,
                        List.of(
                                new HandoffAction.StartBuffering(plan.epoch(), 1 << 20),
                                new HandoffAction.DeliverLive(),
                                new HandoffAction.Report(Phase.ABORTED, "end", ""),
                                new HandoffAction.Finished()));

        assertThat(told).containsExactly("expected", "activated");
        assertThat(guestActivated).isTrue();
        assertThat(here.counters.get(Kind.MOVED_STATE_FAILED)).isEqualTo(2);
        assertThat(steps()).containsExactly("broken at expected", "broken at activated");
    }

    @Test
    void atTheSourceTheRestOfTheHandoffIsDoneAllTheSame() {
        PathStage.bind(1, "here", 1, here, there);
        HandoffPlan plan = plan(here.id, there.id);
        Handoff handoff = Handoff.atSource(SourceHandoff.arm(plan, 0).state(), here.vm(1), guest);

        handoffs()
                .begin(
                        handoff,
                        List.of(
                                new HandoffAction.StartCopy(),
                                new HandoffAction.RedirectOn(there.id, plan.epoch()),
                                new HandoffAction.Report(Phase.ABORTED, "end", ""),
                                new HandoffAction.Finished()));

        assertThat(told).containsExactly("leaves", "held");
        assertThat(copying).isTrue();
        assertThat(here.vm(1).route).isSameAs(here.peer(there));
        assertThat(here.counters.get(Kind.MOVED_STATE_FAILED)).isEqualTo(2);
        assertThat(steps()).containsExactly("broken at leaves", "broken at held");
    }
}
