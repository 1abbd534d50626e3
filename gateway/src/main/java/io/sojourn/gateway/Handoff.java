// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.Counter;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.rpc.Role;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One gateway's part in one migration: the pure machine of its role, its state, and what belongs to it here. */
final class Handoff {
    /** The rules of a role: a pure function. */
    private interface Rules<S, E> {
        Step<S> apply(S state, E event, long nowNs);
    }

    /** A state that its rules carry from event to event; events of other roles pass it by. */
    private static final class Machine<S, E extends HandoffEvent> {
        private final Class<E> understood;
        private final Rules<S, E> rules;
        private S state;

        Machine(Class<E> understood, Rules<S, E> rules, S first) {
            this.understood = understood;
            this.rules = rules;
            this.state = first;
        }

        List<HandoffAction> apply(HandoffEvent event, long nowNs) {
            if (!understood.isInstance(event)) {
                return List.of();
            }
            Step<S> step = rules.apply(state, understood.cast(event), nowNs);
            state = step.state();
            return step.actions();
        }
    }

    final Role role;
    final HandoffPlan plan;
    final VmEntry vm;
    final GuestSide guest;
    final Map<Counter, Long> counts = new EnumMap<>(Counter.class);
    /** Source: the guest's ports, watched from the start of the copy so that HOLD knows when they are empty. */
    private @Nullable QueueWatch queue;
    /** Source: what the guest left unread is rescued when its hypervisor has said what it got. */
    boolean asksGiven;
    /** When the guest last stopped or resumed by its hypervisor's clock; 0: it has not. */
    long guestEventUs;
    /** What it does and counts; for the certificate. */
    @Nullable
    Account account;
    /** What keeps the VM's frames around the flip, if that was asked for. */
    @Nullable
    PacketRing ring;
    /** What its machine is told, for a replay; null: nobody wants to know. */
    EventLog.@Nullable Story story;
    /** It was taken up from the journal by another process than the one that began it. */
    boolean recovered;
    /** Where the journal said that it was; ARMED for a new one. */
    JournalRecord.Stage began = JournalRecord.Stage.ARMED;
    /** Nobody ordered it: the VM was seen elsewhere than where it is bound. */
    boolean detected;

    private final Machine<?, ?> machine;

    private Handoff(Role role, HandoffPlan plan, VmEntry vm, Machine<?, ?> machine, GuestSide guest) {
        this.role = role;
        this.plan = plan;
        this.vm = vm;
        this.machine = machine;
        this.guest = guest;
    }

    static Handoff atSource(SourceHandoff.State first, VmEntry vm, GuestSide guest) {
        return new Handoff(
                Role.SOURCE,
                first.plan(),
                vm,
                new Machine<>(HandoffEvent.AtSource.class, SourceHandoff::apply, first),
                guest);
    }

    static Handoff atDestination(DestinationHandoff.State first, VmEntry vm, GuestSide guest) {
        return new Handoff(
                Role.DESTINATION,
                first.plan(),
                vm,
                new Machine<>(HandoffEvent.AtDestination.class, DestinationHandoff::apply, first),
                guest);
    }

    static Handoff atCorrespondent(CorrespondentHandoff.State first, VmEntry vm) {
        return new Handoff(
                Role.CORRESPONDENT,
                first.plan(),
                vm,
                new Machine<>(HandoffEvent.AtCorrespondent.class, CorrespondentHandoff::apply, first),
                GuestSide.NONE);
    }

    /** Its memory is taken here, not between two packets. */
    Handoff capturing(boolean wanted) {
        ring = wanted ? new PacketRing(vm) : null;
        return this;
    }

    Handoff detected() {
        detected = true;
        return this;
    }

    Handoff recovered(JournalRecord last) {
        recovered = true;
        began = last.stage();
        return this;
    }

    List<HandoffAction> apply(HandoffEvent event, long nowNs) {
        if (account != null) {
            account.happened(event);
        }
        List<HandoffAction> actions = machine.apply(event, nowNs);
        if (story != null) {
            story.told(event, nowNs, machine.state, actions);
        }
        return actions;
    }

    /** The guest is about to leave, or is being stopped to: it will not read here what it has not read yet. */
    boolean isLeaving() {
        return machine.state instanceof SourceHandoff.Copying
                || machine.state instanceof SourceHandoff.Held
                || machine.state instanceof SourceHandoff.Stopping;
    }

    @Nullable
    QueueWatch queue() {
        return queue;
    }

    /** Takes the place of the one before, if there is one. */
    void queue(@Nullable QueueWatch watch) {
        QueueWatch before = queue;
        if (before != null) {
            before.close();
        }
        queue = watch;
    }
}
