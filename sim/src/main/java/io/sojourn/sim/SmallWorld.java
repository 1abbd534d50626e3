// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.Counter;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.Late;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timer;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One state of a small world for the exhaustive search: one VM that moves from S to D, one correspondent behind C, and
 * time as mere order. The machines and the packet path are those of the big simulator; hypervisors are reduced to what
 * is pending. A state can be copied, and told from others by {@link #encode}.
 *
 * <p>Timers fire only when nothing else can happen: they are long. Packets and faults are limited by budgets.
 */
final class SmallWorld {
    static final int S = 0;
    static final int D = 1;
    static final int C = 2;

    private static final GatewayId[] NAMES = {new GatewayId("s"), new GatewayId("d"), new GatewayId("c")};
    private static final VmId VM = new VmId("vm0");
    private static final VmId[] VMS = {VM};
    static final Flow INBOUND = new Flow(new FlowName(0, -1, 0, C), 0);
    static final Flow OUTBOUND = new Flow(new FlowName(0, 0, -1, C), 1);

    /**
     * What may go wrong, and how much traffic there is.
     *
     * @param inbound packets from C's host to the VM; {@code outbound} the other way
     */
    record Budget(int crashes, int losses, int doubles, int aborts, int inbound, int outbound) {}

    /** One of packet and signal; {@code to} and {@code from} only matter where there is no path. */
    record Item(@Nullable Packet packet, @Nullable Signal signal, int to, int from, long epoch, long id) {
        Item(@Nullable Packet packet, @Nullable Signal signal, int to, int from, long epoch) {
            this(packet, signal, to, from, epoch, idOf(packet, signal, to, from, epoch));
        }

        private static long idOf(@Nullable Packet packet, @Nullable Signal signal, int to, int from, long epoch) {
            int what = packet != null
                    ? (int) (packet.flow.index * 1000 + packet.number)
                    : signal != null ? 10_000 + SmallMachine.number(signal) : 0;
            return ((long) what * 16 + to * 3 + from) * 16 + epoch + 8;
        }
    }

    private final HandoffPlan plan;
    private final Mutator mutator;
    final @Nullable SmallMachine[] machines = new SmallMachine[3];
    final boolean[] up = {true, true, true};
    private final Forwarder[] forwarders = new Forwarder[3];
    /** A forwarder that another state may share is copied before it is changed. */
    private final boolean[] mine = new boolean[3];

    private final long[] diskEpoch = {1, 1, 1};
    private final int[] diskTo = {S, S, S};
    final List<List<Item>> paths = new ArrayList<>();
    final List<Item> loose = new ArrayList<>();
    private final JournalRecord.Stage[] journal = {JournalRecord.Stage.INVALID, JournalRecord.Stage.INVALID};
    final SmallGuests guests;
    int crashes;
    int losses;
    int doubles;
    int aborts;
    int toSend;
    int toAnswer;
    long inboundSent;
    long outboundSent;
    private long inboundLast;
    private long outboundLast;
    private int inboundLost;
    private int outboundLost;
    private boolean crashed;
    private final EnumSet<Counter> counted = EnumSet.noneOf(Counter.class);
    private boolean activated;

    // not part of the state
    private final List<Posted> events = new ArrayList<>();
    private final List<String> violations = new ArrayList<>();

    private record Posted(int at, HandoffEvent event) {}

    SmallWorld(Budget budget, Mutator mutator, boolean strict) {
        this.mutator = mutator;
        guests = new SmallGuests(new Surroundings());
        plan = new HandoffPlan(
                new MigrationId(new java.util.UUID(0, 1)),
                VM,
                NAMES[S],
                NAMES[D],
                new Epoch(1),
                new Epoch(2),
                List.of(NAMES[C]),
                strict ? Ordering.STRICT : Ordering.RELAXED,
                Timing.forRtt(1_000_000));
        crashes = budget.crashes;
        losses = budget.losses;
        doubles = budget.doubles;
        aborts = budget.aborts;
        toSend = budget.inbound;
        toAnswer = budget.outbound;
        for (int i = 0; i < 9; i++) {
            paths.add(new ArrayList<>());
        }
        for (int gateway = 0; gateway < 3; gateway++) {
            forwarders[gateway] = new Forwarder(gateway, NAMES, VMS, 1000, new Paths(gateway));
            mine[gateway] = true;
            forwarder(gateway).installRoute(0, S, 1);
        }
        begin(D, DestinationHandoff.arm(plan, SmallMachine.NOW_NS));
        begin(S, SourceHandoff.arm(plan, SmallMachine.NOW_NS));
        begin(C, CorrespondentHandoff.arm(plan, NAMES[C], SmallMachine.NOW_NS));
        guests.told(S).add(new HandoffEvent.Start());
    }

    private SmallWorld(SmallWorld other) {
        plan = other.plan;
        mutator = other.mutator;
        for (int i = 0; i < 3; i++) {
            SmallMachine machine = other.machines[i];
            machines[i] = machine == null ? null : machine.copy();
            up[i] = other.up[i];
            forwarders[i] = other.forwarders[i];
            other.mine[i] = false;
            diskEpoch[i] = other.diskEpoch[i];
            diskTo[i] = other.diskTo[i];
        }
        for (List<Item> path : other.paths) {
            paths.add(path.isEmpty() ? new ArrayList<>(2) : new ArrayList<>(path));
        }
        loose.addAll(other.loose);
        for (int i = 0; i < 2; i++) {
            journal[i] = other.journal[i];
        }
        guests = other.guests.copy(new Surroundings());
        crashes = other.crashes;
        losses = other.losses;
        doubles = other.doubles;
        aborts = other.aborts;
        toSend = other.toSend;
        toAnswer = other.toAnswer;
        inboundSent = other.inboundSent;
        outboundSent = other.outboundSent;
        inboundLast = other.inboundLast;
        outboundLast = other.outboundLast;
        inboundLost = other.inboundLost;
        outboundLost = other.outboundLost;
        crashed = other.crashed;
        counted.addAll(other.counted);
        activated = other.activated;
    }

    SmallWorld copy() {
        return new SmallWorld(this);
    }

    List<String> violations() {
        return violations;
    }

    Forwarder forwarder(int gateway) {
        if (!mine[gateway]) {
            forwarders[gateway] = forwarders[gateway].copy(new Paths(gateway));
            mine[gateway] = true;
        }
        return forwarders[gateway];
    }

    /** Makes a choice in a copy of this state. */
    SmallWorld after(SmallChoices.Choice choice) {
        SmallWorld next = copy();
        choice.what().accept(next);
        next.drain();
        next.check();
        return next;
    }

    void arrive(Item item) {
        int to = item.to;
        if (!up[to]) {
            if (item.packet != null) {
                lost(item.packet, Loss.DEAD_GATEWAY);
            }
        } else if (item.packet != null) {
            // the sign in the item's epoch says that it was passed on
            forwarder(to).fromWan(item.packet, item.from, Math.abs(item.epoch), item.epoch < 0);
        } else if (item.signal != null && item.epoch == 0) {
            forwarder(to).signalFromWan(item.signal, item.from);
        } else if (item.signal != null) {
            signal(to, item.signal, item.from);
        }
    }

    private void signal(int at, Signal signal, int from) {
        SmallMachine machine = machines[at];
        if (machine != null) {
            post(at, new HandoffEvent.SignalReceived(signal, NAMES[from]));
            return;
        }
        Forwarder forwarder = forwarders[at];
        Optional<Binding> now =
                Optional.of(new Binding(VM, NAMES[forwarder.routeTo(0)], new Epoch(forwarder.routeEpoch(0))));
        if (signal.body() instanceof Signal.Announce
                && signal.epoch().isAfter(now.get().epoch())
                && at == C) {
            begin(C, CorrespondentHandoff.unarmed(signal, NAMES[C], plan.timing(), SmallMachine.NOW_NS));
            return;
        }
        if (signal.body() instanceof Signal.Moved(GatewayId gateway, Epoch epoch)) {
            install(at, new Binding(VM, gateway, epoch));
            return;
        }
        if (mutator.is(Mutation.NO_LATE_ANSWERS)) {
            return;
        }
        for (HandoffAction answer : Late.answer(signal, NAMES[at], now)) {
            execute(at, answer);
        }
    }

    // death and restart

    void kill(int gateway) {
        crashes--;
        crashed = true;
        up[gateway] = false;
        machines[gateway] = null;
        forwarder(gateway).die();
        forwarders[gateway] = new Forwarder(gateway, NAMES, VMS, 1000, new Paths(gateway));
        mine[gateway] = true;
        if (gateway != C) {
            guests.gatewayDied(gateway);
        }
    }

    void restart(int gateway) {
        up[gateway] = true;
        forwarder(gateway).installRoute(0, diskTo[gateway], diskEpoch[gateway]);
        if (gateway == C || journal[gateway] == JournalRecord.Stage.INVALID) {
            return;
        }
        JournalRecord last = new JournalRecord(
                gateway == S ? JournalRecord.Role.SOURCE : JournalRecord.Role.DESTINATION, journal[gateway], plan);
        Optional<? extends Step<?>> step = gateway == S
                ? SourceHandoff.recover(last, SmallMachine.NOW_NS)
                : DestinationHandoff.recover(last, SmallMachine.NOW_NS);
        step.ifPresent(s -> {
            begin(gateway, s);
            guests.say(gateway, guests.found(gateway));
        });
    }

    // the machines

    private void begin(int at, Step<?> first) {
        Step<?> step = mutator.mutate(this, new HandoffEvent.Start(), first);
        machines[at] = new SmallMachine(step.state());
        for (HandoffAction action : step.actions()) {
            execute(at, action);
        }
    }

    void post(int at, HandoffEvent event) {
        events.add(new Posted(at, event));
    }

    void drain() {
        while (!events.isEmpty()) {
            Posted posted = events.removeFirst();
            SmallMachine machine = machines[posted.at];
            if (machine != null) {
                apply(posted.at, machine, mutator.event(machine.state(), posted.event));
            }
        }
    }

    private void apply(int at, SmallMachine machine, HandoffEvent event) {
        Step<?> plain = machine.apply(event);
        if (plain == null) {
            return;
        }
        Step<?> step = mutator.mutate(machine.state(), event, plain);
        machine.become(step.state());
        for (HandoffAction action : step.actions()) {
            execute(at, action);
        }
    }

    private void execute(int at, HandoffAction action) {
        SmallMachine machine = machines[at];
        switch (action) {
            case HandoffAction.Send(GatewayId to, Signal signal) -> send(at, to, signal, false);
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> send(at, to, signal, true);
            case HandoffAction.StartCopy() -> guests.startCopy();
            case HandoffAction.CancelCopy() -> guests.breakStream();
            case HandoffAction.ReleaseStream() -> guests.release();
            case HandoffAction.StopGuest() -> guests.command(S, SmallGuests.Command.STOP);
            case HandoffAction.ResumeGuest() -> guests.command(S, SmallGuests.Command.RESUME);
            case HandoffAction.ContinueGuest() -> guests.command(D, SmallGuests.Command.CONTINUE);
            case HandoffAction.QuitGuest() -> guests.command(at, SmallGuests.Command.QUIT);
            case HandoffAction.RedirectOn(GatewayId to, Epoch epoch) ->
                forwarder(at).redirectOn(0, index(to), epoch.number());
            case HandoffAction.RedirectOff(GatewayId from, Epoch epoch, long bound) ->
                forwarder(at).redirectOff(0, index(from), epoch.number());
            case HandoffAction.AwaitQueueDrained(long bound) -> guests.told(S).add(new HandoffEvent.QueueDrained());
            case HandoffAction.StartBuffering(Epoch epoch, long bound) ->
                forwarder(at).startBuffering(0, epoch.number());
            case HandoffAction.FlushBuffer() -> forwarder(at).flushBuffer(0, 2);
            case HandoffAction.DeliverLive() -> forwarder(at).deliverLive(0, 2);
            case HandoffAction.ReturnBuffer(GatewayId to, Epoch epoch) ->
                post(at, new HandoffEvent.BufferReturned(forwarder(at).returnBuffer(0, index(to), epoch.number())));
            case HandoffAction.DropBuffer() -> forwarder(at).dropBuffer(0, 2);
            case HandoffAction.HoldFrom(GatewayId from, long bound) ->
                forwarder(at).holdFrom(0, index(from), 2);
            case HandoffAction.ReleaseHold(GatewayId from) -> forwarder(at).releaseHold(0, index(from));
            case HandoffAction.HoldOutbound(GatewayId from, Epoch epoch, long bound) ->
                forwarder(at).holdOutbound(0, index(from), epoch.number());
            case HandoffAction.ReleaseOutbound(GatewayId from) -> forwarder(at).releaseOutbound(0, index(from));
            case HandoffAction.InstallRoute(Binding binding) -> install(at, binding);
            case HandoffAction.ForwardLate(GatewayId to, Epoch epoch) ->
                forwarder(at).forwardLate(0, index(to), epoch.number());
            case HandoffAction.CheckQuiet() -> post(at, new HandoffEvent.Quiet(0));
            case HandoffAction.RefreshNeighbours() -> {}
            case HandoffAction.Tombstone(Binding now) -> forwarder(at).tombstone(0);
            case HandoffAction.DeleteState(VmId vm, Epoch epoch) ->
                forwarder(at).deleteState(0, epoch.number());
            case HandoffAction.SetTimer(Timer timer, long atNs) -> {
                if (machine != null) {
                    machine.set(timer);
                }
            }
            case HandoffAction.CancelTimer(Timer timer) -> {
                if (machine != null) {
                    machine.clear(timer);
                }
            }
            case HandoffAction.Journal(JournalRecord entry) -> journal[at] = entry.stage();
            case HandoffAction.Report(Phase phase, String event, String detail) -> report(phase);
            case HandoffAction.Count(Counter counter, long n) -> counted.add(counter);
            case HandoffAction.Finished() -> {
                if (machine != null) {
                    machine.finish();
                }
            }
        }
    }

    /** Only the outcome matters to the others: the controller's table tells them. */
    private void report(Phase phase) {
        if (phase == Phase.ACTIVATED && !activated) {
            activated = true;
        }
    }

    private void send(int from, GatewayId name, Signal signal, boolean inOrder) {
        int to = index(name);
        if (to == from) {
            if (inOrder) {
                forwarder(from).signalFromWan(signal, from);
            } else {
                signal(from, signal, from);
            }
        } else if (inOrder) {
            paths.get(from * 3 + to).add(new Item(null, signal, to, from, 0));
        } else {
            loose.add(new Item(null, signal, to, from, 1));
        }
    }

    private void install(int at, Binding binding) {
        if (forwarder(at)
                .installRoute(0, index(binding.gateway()), binding.epoch().number())) {
            diskTo[at] = index(binding.gateway());
            diskEpoch[at] = binding.epoch().number();
        }
    }

    private static int index(GatewayId name) {
        return name.equals(NAMES[S]) ? S : name.equals(NAMES[D]) ? D : C;
    }

    private static final Map<Long, Packet> PACKETS = new HashMap<>();

    /** Packets are values here: what becomes of them is in the world's state. */
    static Packet packet(Flow flow, long number) {
        return PACKETS.computeIfAbsent(flow.index * 1000L + number, k -> new Packet(flow, number, 0));
    }

    /** How one gateway's packet path leads on, in one state. */
    private final class Paths implements Forwarder.Out {
        private final int at;

        Paths(int at) {
            this.at = at;
        }

        @Override
        public void wan(int to, Packet packet, long epoch, boolean relayed) {
            paths.get(at * 3 + to).add(new Item(packet, null, to, at, relayed ? -epoch : epoch));
        }

        @Override
        public void port(int vm, Packet packet) {
            if (at == C) {
                lost(packet, Loss.NO_PORT);
            } else {
                guests.deliver(at, packet);
            }
        }

        @Override
        public void host(Packet packet) {
            received(packet);
        }

        @Override
        public void lost(Packet packet, Loss why) {
            SmallWorld.this.lost(packet, why);
        }

        @Override
        public void event(int vm, long epoch, HandoffEvent event) {
            post(at, event);
        }

        @Override
        public void signal(Signal signal, int from) {
            SmallWorld.this.signal(at, signal, from);
        }

        @Override
        public void moved(int to, int vm, int gateway, long epoch) {
            send(
                    at,
                    NAMES[to],
                    new Signal(
                            plan.migration(),
                            VM,
                            new Epoch(epoch),
                            NAMES[at],
                            new Signal.Moved(NAMES[gateway], new Epoch(epoch))),
                    false);
        }

        @Override
        public boolean mutant(Mutation mutation) {
            return mutator.is(mutation);
        }
    }

    /** What the hypervisors see of this state. */
    private final class Surroundings implements SmallGuests.World {
        @Override
        public boolean isUp(int side) {
            return up[side];
        }

        @Override
        public void post(int side, HandoffEvent event) {
            SmallWorld.this.post(side, event);
        }

        @Override
        public void received(Packet packet) {
            SmallWorld.this.received(packet);
        }

        @Override
        public void lost(Packet packet, Loss why) {
            SmallWorld.this.lost(packet, why);
        }

        @Override
        public void violate(String what) {
            SmallWorld.this.violate(what);
        }
    }

    // the invariants

    private void violate(String what) {
        violations.add(what);
    }

    private void received(Packet packet) {
        boolean inbound = packet.flow == INBOUND;
        long last = inbound ? inboundLast : outboundLast;
        boolean explained =
                crashed || counted.contains(Counter.MARKER_MISSED) || counted.contains(Counter.RETURN_MISSED);
        if (packet.number == last) {
            violate("invariant 2: " + packet + " was delivered twice");
        } else if (packet.number < last && !explained) {
            violate("invariant 3: " + packet + " came after #" + last);
        }
        if (inbound) {
            inboundLast = Math.max(last, packet.number);
        } else {
            outboundLast = Math.max(last, packet.number);
        }
    }

    void lost(Packet packet, Loss why) {
        if (!crashed) {
            violate("invariant 2: " + packet + " was lost: " + why);
        }
        if (packet.flow == INBOUND) {
            inboundLost++;
        } else {
            outboundLost++;
        }
    }

    private void check() {
        if (guests.isRunning(S) && guests.isRunning(D)) {
            violate("invariant 1: the VM runs in two places");
        }
    }

    /** Nothing can happen any more: is all as it must be? */
    void judge() {
        for (int gateway = 0; gateway < 3; gateway++) {
            SmallMachine machine = machines[gateway];
            if (machine != null && !machine.finished) {
                violate("invariant 6: " + NAMES[gateway] + " ends in " + machine.state());
            }
            if (!forwarders[gateway].leftovers(0).isEmpty()) {
                violate("invariant 6: left at " + NAMES[gateway] + ":" + forwarders[gateway].leftovers(0));
            }
        }
        boolean here = guests.isRunning(S) && guests.at(D) == SmallGuests.Vm.GONE;
        boolean there = guests.isRunning(D) && guests.at(S) == SmallGuests.Vm.GONE;
        if (!here && !there) {
            violate("invariant 6: the VM ends " + guests.at(S) + " at the source and " + guests.at(D)
                    + " at the destination");
        }
        int at = here ? S : D;
        if (forwarders[at].routeTo(0) != at) {
            violate("invariant 4: the VM's own gateway routes elsewhere");
        }
        for (int gateway = 0; gateway < 3; gateway++) {
            int hop = gateway;
            for (int hops = 0; hops < 3 && hop != at; hops++) {
                hop = forwarders[hop].routeTo(0);
            }
            if (hop != at) {
                violate("invariant 4: " + NAMES[gateway] + " does not reach the VM");
            }
        }
        if (!guests.stalled().isEmpty()) {
            violate("invariant 2: packets stay in a queue");
        }
    }

    // telling states apart

    void encode(LongConsumer to) {
        for (int i = 0; i < 3; i++) {
            SmallMachine machine = machines[i];
            to.accept(machine == null ? -1 : machine.number());
            to.accept(machine == null ? 0 : machine.flags());
            to.accept(up[i] ? -2 : -3);
            forwarders[i].encode(to, SmallMachine::number);
            to.accept(diskEpoch[i]);
        }
        for (List<Item> path : paths) {
            to.accept(-4);
            for (Item item : path) {
                to.accept(item.id);
            }
        }
        to.accept(-5);
        long[] looseIds = new long[loose.size()];
        for (int i = 0; i < looseIds.length; i++) {
            looseIds[i] = loose.get(i).id;
        }
        Arrays.sort(looseIds);
        for (long id : looseIds) {
            to.accept(id);
        }
        for (int i = 0; i < 2; i++) {
            to.accept(journal[i].ordinal());
        }
        guests.encode(to);
        to.accept(crashes + 8L * losses + 64L * doubles + 512L * aborts + 4096L * toSend + 32768L * toAnswer);
        to.accept(inboundLast + 64 * outboundLast + 4096L * inboundSent + 262144L * outboundSent);
        to.accept((crashed ? 1 : 0)
                + (counted.contains(Counter.MARKER_MISSED) ? 2 : 0)
                + (counted.contains(Counter.RETURN_MISSED) ? 4 : 0));
    }

    int packetsLost() {
        return inboundLost + outboundLost;
    }
}
