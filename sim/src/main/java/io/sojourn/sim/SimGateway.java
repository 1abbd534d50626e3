// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.Late;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timer;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A gateway: the production machines and codec around a model of the packet path. What is on its disk outlives it: the
 * journal, and the highest binding of each VM that it has followed.
 */
final class SimGateway {
    /** One handoff as this gateway sees it. */
    private static final class Machine {
        final HandoffPlan plan;
        final char role;
        Object state;
        boolean finished;
        final Map<Timer, Timeline.Entry> timers = new LinkedHashMap<>();

        Machine(HandoffPlan plan, char role, Object state) {
            this.plan = plan;
            this.role = role;
            this.state = state;
        }
    }

    private record Posted(Machine machine, HandoffEvent event) {}

    final int index;
    private final World world;
    private final GatewayId id;
    private final SignalCodec codec;
    private final long clockOffsetNs;
    private long number;

    // on disk
    private final List<String> journal = new ArrayList<>();
    private final Map<Integer, Binding> disk = new LinkedHashMap<>();

    // in memory
    private boolean up = true;
    private int life;
    private long lastKilledNs = -1;
    private Forwarder forwarder;
    private final Optional<SimLocators> locators;
    private final Map<MigrationId, Machine> machines = new LinkedHashMap<>();
    private final ArrayDeque<Posted> events = new ArrayDeque<>();
    private boolean busy;

    SimGateway(World world, int index) {
        this.world = world;
        this.index = index;
        id = world.names[index];
        codec = new SignalCodec(World.KEY);
        clockOffsetNs = world.random.nextLong(1_000 * Scenario.SECOND);
        forwarder = newForwarder();
        locators = world.scenario.ilnp() ? Optional.of(new SimLocators(world, this)) : Optional.empty();
    }

    SimLocators locators() {
        return locators.orElseThrow();
    }

    long lastKilledNs() {
        return lastKilledNs;
    }

    boolean isUp() {
        return up;
    }

    /** Changes with every start: what was meant for an earlier life is lost. */
    int life() {
        return life;
    }

    Forwarder forwarder() {
        return forwarder;
    }

    private long localNs() {
        return world.timeline.nowNs() + clockOffsetNs;
    }

    // what comes to a gateway

    void fromHost(Packet packet) {
        if (!up) {
            world.monitor.lost(packet, Loss.DEAD_GATEWAY, index);
            return;
        }
        forwarder.clock(localNs());
        forwarder.fromHost(packet);
        drain();
    }

    void fromGuest(int vm, Packet packet) {
        if (!up) {
            world.monitor.lost(packet, Loss.DEAD_GATEWAY, index);
            return;
        }
        sighted(vm, new HandoffEvent.FirstFrame());
        forwarder.clock(localNs());
        forwarder.fromGuest(vm, packet);
        drain();
    }

    /** A frame came out of the VM's port here. */
    void sighted(int vm, HandoffEvent sign) {
        if (!up) {
            return;
        }
        for (Machine machine : List.copyOf(machines.values())) {
            if (machine.role == 'D' && !machine.finished && world.vm(machine.plan) == vm) {
                post(machine, sign);
            }
        }
        drain();
    }

    void data(Packet packet, int from, long epoch, boolean relayed) {
        if (!up) {
            world.monitor.lost(packet, Loss.DEAD_GATEWAY, index);
            return;
        }
        forwarder.clock(localNs());
        forwarder.fromWan(packet, from, epoch, relayed);
        drain();
    }

    void located(Located located, int from) {
        if (up) {
            forwarder.clock(localNs());
            locators().arrived(from, located);
            drain();
        } else if (located.packet() != null) {
            world.monitor.lost(located.packet(), Loss.DEAD_GATEWAY, index);
        }
    }

    /** It is bound there, was until just now, or is on the move. */
    boolean isSoonOrLatelyAt(int vm, int gateway) {
        return forwarder.routeTo(vm) == gateway
                || forwarder.cameFrom(vm) == gateway
                || machines.values().stream().anyMatch(m -> !m.finished && world.vm(m.plan) == vm);
    }

    void datagram(byte[] octets, int from, boolean inOrder) {
        if (!up) {
            return;
        }
        switch (codec.decode(octets)) {
            case SignalCodec.Accepted(Signal signal, long ignored) -> {
                if (inOrder) {
                    forwarder.signalFromWan(signal, from);
                } else {
                    signal(signal, from);
                }
            }
            case SignalCodec.Rejected(SignalCodec.Reason reason) ->
                world.monitor.violate(6, "gateway " + index + " rejects a signal: " + reason);
        }
        drain();
    }

    private void signal(Signal signal, int from) {
        if (world.monitor.logging()) {
            world.monitor.say(index + " hears from " + from + ": " + signal);
        }
        Machine machine = machines.get(signal.migration());
        if (machine != null) {
            post(machine, new HandoffEvent.SignalReceived(signal, world.names[from]));
        } else {
            stranger(signal, from);
        }
        signal.proves().ifPresent(binding -> {
            for (Machine other : List.copyOf(machines.values())) {
                if (other != machine && !other.finished && other.plan.vm().equals(signal.vm())) {
                    post(other, new HandoffEvent.TableSaysBinding(binding.gateway(), binding.epoch()));
                }
            }
        });
    }

    /** About a migration that this gateway does not know, or no more. */
    private void stranger(Signal signal, int from) {
        int vm = world.vm(signal.vm());
        Optional<Binding> now = binding(vm);
        if (signal.body() instanceof Signal.Announce a
                && now.map(b -> b.epoch().compareTo(signal.epoch()) < 0).orElse(true)
                && !a.source().equals(id)) {
            Step<CorrespondentHandoff.State> step = CorrespondentHandoff.unarmed(signal, id, world.timing(), localNs());
            Machine machine = new Machine(step.state().plan(), 'C', step.state());
            machines.put(signal.migration(), machine);
            execute(machine, step.actions());
            return;
        }
        if (signal.body() instanceof Signal.Moved(GatewayId gateway, Epoch epoch)) {
            installRoute(vm, new Binding(signal.vm(), gateway, epoch));
            return;
        }
        if (world.mutator.is(Mutation.NO_LATE_ANSWERS)) {
            return;
        }
        for (HandoffAction action : Late.answer(signal, id, now)) {
            switch (action) {
                case HandoffAction.Send(GatewayId to, Signal answer) -> send(to, answer, false);
                case HandoffAction.SendInOrder(GatewayId to, Signal answer) -> send(to, answer, true);
                default -> throw new IllegalStateException("late answers are signals: " + action);
            }
        }
    }

    void hypervisorSays(HandoffPlan plan, char role, HandoffEvent event) {
        Machine machine = machines.get(plan.migration());
        if (machine != null && machine.role == role) {
            post(machine, event);
            drain();
        }
    }

    void reachable(GatewayId peer, boolean now) {
        if (!up) {
            return;
        }
        for (Machine machine : List.copyOf(machines.values())) {
            if (!machine.finished) {
                post(machine, now ? new HandoffEvent.PeerReachable(peer) : new HandoffEvent.PeerUnreachable(peer));
            }
        }
        drain();
    }

    // from the controller

    /** True if the handoff is armed here now, or was before. */
    boolean arm(HandoffPlan plan) {
        Machine known = machines.get(plan.migration());
        if (known != null) {
            return !known.finished;
        }
        if (ended(plan)) {
            return false;
        }
        Machine machine;
        List<HandoffAction> actions;
        if (plan.source().equals(id)) {
            if (forwarder.routeTo(world.vm(plan)) != index) {
                return false;
            }
            Step<SourceHandoff.State> step = SourceHandoff.arm(plan, localNs());
            machine = new Machine(plan, 'S', step.state());
            actions = step.actions();
        } else if (plan.destination().equals(id)) {
            world.host.launch(plan);
            Step<DestinationHandoff.State> step = DestinationHandoff.arm(plan, localNs());
            machine = new Machine(plan, 'D', step.state());
            actions = step.actions();
        } else {
            Step<CorrespondentHandoff.State> step = CorrespondentHandoff.arm(plan, id, localNs());
            machine = new Machine(plan, 'C', step.state());
            actions = step.actions();
        }
        Step<?> first = world.mutator.mutate(machine, new HandoffEvent.Start(), new Step<>(machine.state, actions));
        machine.state = first.state();
        machines.put(plan.migration(), machine);
        entered(machine, "", machine.state);
        execute(machine, first.actions());
        drain();
        return true;
    }

    void tell(HandoffPlan plan, HandoffEvent event) {
        Machine machine = machines.get(plan.migration());
        if (machine != null && !machine.finished) {
            post(machine, event);
            drain();
        }
    }

    /** The state of this migration here: 'u'nknown, 'e'nded, or under way. */
    char status(HandoffPlan plan) {
        Machine machine = machines.get(plan.migration());
        return machine == null ? ended(plan) ? 'e' : 'u' : machine.finished ? 'e' : 'w';
    }

    boolean knows(HandoffPlan plan) {
        return machines.containsKey(plan.migration());
    }

    void table(List<Binding> bindings) {
        for (Binding binding : bindings) {
            int vm = world.vm(binding.vm());
            for (Machine machine : List.copyOf(machines.values())) {
                if (!machine.finished && machine.plan.vm().equals(binding.vm())) {
                    post(machine, new HandoffEvent.TableSaysBinding(binding.gateway(), binding.epoch()));
                }
            }
            drain();
            if (!binding.gateway().equals(id)) {
                installRoute(vm, binding);
            }
        }
        drain();
    }

    Optional<Binding> binding(int vm) {
        return forwarder.routeTo(vm) < 0
                ? Optional.empty()
                : Optional.of(new Binding(
                        world.vms[vm], world.names[forwarder.routeTo(vm)], new Epoch(forwarder.routeEpoch(vm))));
    }

    private boolean ended(HandoffPlan plan) {
        String mark = "migration=" + plan.migration();
        for (String line : journal) {
            if (line.contains(mark) && line.contains("stage=ENDED")) {
                return true;
            }
        }
        return false;
    }

    // the machines

    private void post(Machine machine, HandoffEvent event) {
        events.add(new Posted(machine, event));
    }

    private void drain() {
        if (busy) {
            return;
        }
        busy = true;
        while (!events.isEmpty()) {
            Posted posted = events.remove();
            apply(posted.machine, posted.event);
        }
        busy = false;
    }

    private void apply(Machine machine, HandoffEvent happened) {
        HandoffEvent event = happened;
        Object before = machine.state;
        event = world.mutator.event(before, event);
        Step<?> step;
        if (machine.state instanceof SourceHandoff.State s && event instanceof HandoffEvent.AtSource e) {
            step = SourceHandoff.apply(s, e, localNs());
        } else if (machine.state instanceof DestinationHandoff.State s
                && event instanceof HandoffEvent.AtDestination e) {
            step = DestinationHandoff.apply(s, e, localNs());
        } else if (machine.state instanceof CorrespondentHandoff.State s
                && event instanceof HandoffEvent.AtCorrespondent e) {
            step = CorrespondentHandoff.apply(s, e, localNs());
        } else {
            return;
        }
        step = world.mutator.mutate(before, event, step);
        machine.state = step.state();
        if (world.monitor.logging()
                && !(step.state().equals(before) && step.actions().isEmpty())) {
            world.monitor.say(index + " " + machine.role + machine.plan.epoch() + " "
                    + before.getClass().getSimpleName() + " --" + event + "--> "
                    + step.state().getClass().getSimpleName());
        }
        execute(machine, step.actions());
        if (before.getClass() != machine.state.getClass()) {
            entered(machine, before.getClass().getSimpleName(), machine.state);
        }
    }

    private void entered(Machine machine, String before, Object state) {
        String name = state.getClass().getSimpleName();
        world.monitor.mix(20, index * 8L + machine.role, name.hashCode());
        if (state instanceof DestinationHandoff.Active && !before.equals("Finding")) {
            world.monitor.activated(world.vm(machine.plan), machine.plan.epoch().number(), index);
        }
        world.entered(machine.plan, machine.role, name);
    }

    private void execute(Machine machine, List<HandoffAction> actions) {
        forwarder.clock(localNs());
        for (HandoffAction action : actions) {
            if (world.monitor.logging()) {
                world.monitor.say("    " + index + " " + action);
            }
            execute(machine, action);
        }
    }

    private void execute(Machine machine, HandoffAction action) {
        HandoffPlan plan = machine.plan;
        int vm = world.vm(plan);
        switch (action) {
            case HandoffAction.Send(GatewayId to, Signal signal) -> send(to, signal, false);
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> send(to, signal, true);
            case HandoffAction.StartCopy() -> {
                locators.ifPresent(l -> l.leaves(plan));
                world.host.startCopy(plan, world.move(plan));
            }
            case HandoffAction.CancelCopy() -> world.host.cancelCopy(plan);
            case HandoffAction.StopGuest() -> world.host.stopGuest(plan);
            case HandoffAction.ReleaseStream() -> world.host.releaseStream(plan);
            case HandoffAction.ResumeGuest() -> world.host.resumeGuest(plan);
            case HandoffAction.ContinueGuest() -> world.host.continueGuest(plan);
            case HandoffAction.QuitGuest() -> world.host.quitGuest(plan, machine.role);
            case HandoffAction.RedirectOn(GatewayId to, Epoch epoch) -> {
                locators.ifPresent(l -> l.leaves(plan));
                forwarder.redirectOn(vm, world.index(to), epoch.number());
            }
            case HandoffAction.RedirectOff(GatewayId from, Epoch epoch, long bound) ->
                forwarder.redirectOff(vm, world.index(from), epoch.number());
            case HandoffAction.AwaitQueueDrained(long boundNs) -> world.host.awaitDrained(plan, boundNs);
            case HandoffAction.StartBuffering(Epoch epoch, long bound) -> forwarder.startBuffering(vm, epoch.number());
            case HandoffAction.FlushBuffer() -> {
                if (world.mutator.is(Mutation.FLUSH_AFTER_LIVE)) {
                    Forwarder now = forwarder;
                    world.timeline.in(
                            Scenario.MS, () -> now.flushBuffer(vm, plan.epoch().number()));
                } else {
                    forwarder.flushBuffer(vm, plan.epoch().number());
                }
            }
            case HandoffAction.DeliverLive() -> {
                forwarder.deliverLive(vm, plan.epoch().number());
                locators.ifPresent(l -> l.activated(plan));
            }
            case HandoffAction.ReturnBuffer(GatewayId to, Epoch epoch) ->
                post(
                        machine,
                        new HandoffEvent.BufferReturned(forwarder.returnBuffer(vm, world.index(to), epoch.number())));
            case HandoffAction.DropBuffer() -> {
                forwarder.dropBuffer(vm, plan.epoch().number());
                if (world.mutator.is(Mutation.BUFFER_NOT_RETURNED)) {
                    post(machine, new HandoffEvent.BufferReturned(0));
                }
            }
            case HandoffAction.HoldFrom(GatewayId from, long bound) ->
                forwarder.holdFrom(vm, world.index(from), plan.epoch().number());
            case HandoffAction.ReleaseHold(GatewayId from) -> forwarder.releaseHold(vm, world.index(from));
            case HandoffAction.HoldOutbound(GatewayId from, Epoch epoch, long bound) ->
                forwarder.holdOutbound(vm, world.index(from), epoch.number());
            case HandoffAction.ReleaseOutbound(GatewayId from) -> forwarder.releaseOutbound(vm, world.index(from));
            case HandoffAction.InstallRoute(Binding binding) -> installRoute(vm, binding);
            case HandoffAction.ForwardLate(GatewayId to, Epoch epoch) ->
                forwarder.forwardLate(vm, world.index(to), epoch.number());
            case HandoffAction.CheckQuiet() -> post(machine, new HandoffEvent.Quiet(forwarder.lastForwardedNs(vm)));
            case HandoffAction.RefreshNeighbours() -> {}
            case HandoffAction.Tombstone(Binding now) -> {
                if (world.mutator.is(Mutation.NO_TOMBSTONE)) {
                    forwarder.forget(vm);
                } else {
                    forwarder.tombstone(vm);
                }
            }
            case HandoffAction.DeleteState(var who, Epoch epoch) -> forwarder.deleteState(vm, epoch.number());
            case HandoffAction.SetTimer(Timer timer, long atNs) -> setTimer(machine, timer, atNs);
            case HandoffAction.CancelTimer(Timer timer) -> cancelTimer(machine, timer);
            case HandoffAction.Journal(JournalRecord entry) -> journal.add(entry.toLine());
            case HandoffAction.Report(Phase phase, String event, String detail) ->
                world.controller.report(index, plan, machine.role, phase);
            case HandoffAction.Count(var counter, long n) -> world.monitor.count(vm, counter, n);
            case HandoffAction.Finished() -> finish(machine);
        }
    }

    private void installRoute(int vm, Binding binding) {
        if (forwarder.installRoute(
                vm, world.index(binding.gateway()), binding.epoch().number())) {
            disk.put(vm, binding);
            if (!binding.gateway().equals(id)) {
                locators.ifPresent(l -> l.leave(vm));
            }
            world.monitor.mix(
                    21,
                    index * 8L + world.index(binding.gateway()),
                    binding.epoch().number());
        }
    }

    /** How the world begins: bound before there was a handoff. */
    void bind(int vm, Binding binding) {
        installRoute(vm, binding);
    }

    private void send(GatewayId to, Signal signal, boolean inOrder) {
        if (to.equals(id)) {
            if (inOrder) {
                forwarder.signalFromWan(signal, index);
            } else {
                signal(signal, index);
            }
            return;
        }
        world.wan.signal(index, world.index(to), codec.encode(signal, ++number), inOrder);
    }

    private void setTimer(Machine machine, Timer timer, long atLocalNs) {
        cancelTimer(machine, timer);
        machine.timers.put(timer, world.timeline.at(atLocalNs - clockOffsetNs, () -> {
            machine.timers.remove(timer);
            post(machine, new HandoffEvent.TimerFired(timer));
            drain();
        }));
    }

    private static void cancelTimer(Machine machine, Timer timer) {
        Timeline.Entry set = machine.timers.remove(timer);
        if (set != null) {
            set.cancel();
        }
    }

    private void finish(Machine machine) {
        machine.finished = true;
        machine.timers.values().forEach(Timeline.Entry::cancel);
        machine.timers.clear();
        if (world.scenario.forget()) {
            machines.remove(machine.plan.migration());
        }
    }

    // death and restart

    void kill() {
        up = false;
        life++;
        lastKilledNs = world.timeline.nowNs();

        world.monitor.say("gateway " + index + " is killed");
        for (Machine machine : machines.values()) {
            machine.timers.values().forEach(Timeline.Entry::cancel);
        }
        machines.clear();
        events.clear();
        forwarder.die();
        forwarder = newForwarder();
        locators.ifPresent(SimLocators::kill);
        world.host.gatewayDied(index);
        world.controller.gatewayDied(index);
    }

    void start() {
        up = true;
        world.monitor.say("gateway " + index + " starts");
        disk.forEach((vm, binding) -> forwarder.installRoute(
                vm, world.index(binding.gateway()), binding.epoch().number()));
        Map<MigrationId, JournalRecord> last = new LinkedHashMap<>();
        for (String line : journal) {
            JournalRecord entry = JournalRecord.parse(line).orElseThrow();
            last.put(entry.plan().migration(), entry);
        }
        last.values().forEach(this::recover);
        world.host.killUnknown(index);
        drain();
        world.controller.gatewayStarted(index);
    }

    private void recover(JournalRecord entry) {
        boolean source = entry.role() == JournalRecord.Role.SOURCE;
        Optional<? extends Step<?>> recovered =
                source ? SourceHandoff.recover(entry, localNs()) : DestinationHandoff.recover(entry, localNs());
        if (recovered.isEmpty()) {
            return;
        }
        Step<?> step = recovered.get();
        Machine machine = new Machine(entry.plan(), source ? 'S' : 'D', step.state());
        machines.put(entry.plan().migration(), machine);
        world.monitor.say(index + " " + machine.role + " recovers " + entry.stage() + " as "
                + step.state().getClass().getSimpleName());
        execute(machine, step.actions());
        entered(machine, "Finding", machine.state);
        world.host.query(entry.plan(), machine.role);
    }

    private Forwarder newForwarder() {
        return new Forwarder(index, world.names, world.vms, world.scenario.bufferPackets(), new Paths());
    }

    /** How this gateway's packet path leads on. */
    private final class Paths implements Forwarder.Out {
        @Override
        public void wan(int to, Packet packet, long epoch, boolean relayed) {
            if (locators.isEmpty() || !locators.get().send(to, packet, epoch, relayed)) {
                world.wan.data(index, to, packet, epoch, relayed);
            }
        }

        @Override
        public void port(int vm, Packet packet) {
            SimHost.@Nullable Guest guest = world.host.portOwner(vm, index);
            if (guest == null) {
                world.monitor.lost(packet, Loss.NO_PORT, index);
                return;
            }
            world.monitor.delivers(vm, index, forwarder.routeEpoch(vm));
            world.host.toPort(guest, packet);
        }

        @Override
        public void host(Packet packet) {
            world.monitor.received(packet, packet.flow.name.network());
        }

        @Override
        public void lost(Packet packet, Loss why) {
            world.monitor.lost(packet, why, index);
        }

        @Override
        public void event(int vm, long epoch, HandoffEvent event) {
            for (Machine machine : machines.values()) {
                if (world.vm(machine.plan) == vm && machine.plan.epoch().number() == epoch) {
                    post(machine, event);
                }
            }
        }

        @Override
        public void signal(Signal signal, int from) {
            SimGateway.this.signal(signal, from);
        }

        @Override
        public void moved(int to, int vm, int gateway, long epoch) {
            Signal moved = new Signal(
                    World.TOMBSTONE,
                    world.vms[vm],
                    new Epoch(epoch),
                    id,
                    new Signal.Moved(world.names[gateway], new Epoch(epoch)));
            send(world.names[to], moved, false);
        }

        @Override
        public boolean mutant(Mutation mutation) {
            return world.mutator.is(mutation);
        }
    }

    /** What is not over although it should be; empty if all is well. */
    String leftovers() {
        StringBuilder left = new StringBuilder();
        for (Machine machine : machines.values()) {
            if (!machine.finished) {
                left.append(" gateway ")
                        .append(index)
                        .append(' ')
                        .append(machine.role)
                        .append(machine.plan.epoch())
                        .append(' ')
                        .append(machine.state.getClass().getSimpleName());
            }
        }
        for (int vm = 0; vm < world.vms.length; vm++) {
            String path = forwarder.leftovers(vm);
            if (!path.isEmpty()) {
                left.append(" gateway ").append(index).append(" vm").append(vm).append(path);
            }
        }
        return left.toString();
    }
}
