// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.linux.TapQueue;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** One gateway's part in one migration: the pure machine of its role, its state, and what belongs to it here. */
final class Handoff {
    /** A machine without its role: it takes the events that it understands. */
    sealed interface Machine {
        List<HandoffAction> apply(HandoffEvent event, long nowNs);
    }

    static final class AtSource implements Machine {
        SourceHandoff.State state;

        AtSource(SourceHandoff.State state) {
            this.state = state;
        }

        @Override
        public List<HandoffAction> apply(HandoffEvent event, long nowNs) {
            if (!(event instanceof HandoffEvent.AtSource e)) {
                return List.of();
            }
            Step<SourceHandoff.State> step = SourceHandoff.apply(state, e, nowNs);
            state = step.state();
            return step.actions();
        }
    }

    static final class AtDestination implements Machine {
        DestinationHandoff.State state;

        AtDestination(DestinationHandoff.State state) {
            this.state = state;
        }

        @Override
        public List<HandoffAction> apply(HandoffEvent event, long nowNs) {
            if (!(event instanceof HandoffEvent.AtDestination e)) {
                return List.of();
            }
            Step<DestinationHandoff.State> step = DestinationHandoff.apply(state, e, nowNs);
            state = step.state();
            return step.actions();
        }
    }

    static final class AtCorrespondent implements Machine {
        CorrespondentHandoff.State state;

        AtCorrespondent(CorrespondentHandoff.State state) {
            this.state = state;
        }

        @Override
        public List<HandoffAction> apply(HandoffEvent event, long nowNs) {
            if (!(event instanceof HandoffEvent.AtCorrespondent e)) {
                return List.of();
            }
            Step<CorrespondentHandoff.State> step = CorrespondentHandoff.apply(state, e, nowNs);
            state = step.state();
            return step.actions();
        }
    }

    final HandoffPlan plan;
    final VmEntry vm;
    final Machine machine;
    final GuestSide guest;
    final Map<io.sojourn.handoff.Counter, Long> counts = new EnumMap<>(io.sojourn.handoff.Counter.class);
    /** Source: the guest's ports, watched from the start of the copy so that HOLD knows when they are empty. */
    final List<TapQueue> queues = new ArrayList<>();
    /** When the guest last stopped or resumed by its hypervisor's clock; 0: it has not. */
    long guestEventUs;

    Handoff(HandoffPlan plan, VmEntry vm, Machine machine, GuestSide guest) {
        this.plan = plan;
        this.vm = vm;
        this.machine = machine;
        this.guest = guest;
    }

    void closeQueues() {
        Later.close(List.copyOf(queues));
        queues.clear();
    }
}
