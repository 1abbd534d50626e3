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
    private static final long NOW_NS = 1_000_000_000_000_000L;
    private static final Flow INBOUND = new Flow(new FlowName(0, -1, 0, C), 0);
    private static final Flow OUTBOUND = new Flow(new FlowName(0, 0, -1, C), 1);

    /**
     * What may go wrong, and how much traffic there is.
     *
     * @param inbound packets from C's host to the VM; {@code outbound} the other way
     */
    record Budget(int crashes, int losses, int doubles, int aborts, int inbound, int outbound) {}

    private enum Vm {
        RUNNING,
        STOPPED,
        INCOMING,
        LOADED,
        GONE
    }

    private enum Stream {
        NONE,
        COPYING,
        PARKED,
        RELEASED,
        DONE,
        BROKEN
    }

    private enum Command {
        STOP,
        RESUME,
        QUIT,
        CONTINUE
    }

    /** One of packet and signal; {@code to} and {@code from} only matter where there is no path. */
    private record Item(@Nullable Packet packet, @Nullable Signal signal, int to, int from, long epoch, long id) {
        Item(@Nullable Packet packet, @Nullable Signal signal, int to, int from, long epoch) {
            this(packet, signal, to, from, epoch, idOf(packet, signal, to, from, epoch));
        }

        private static long idOf(@Nullable Packet packet, @Nullable Signal signal, int to, int from, long epoch) {
            int what = packet != null
                    ? (int) (packet.flow.index * 1000 + packet.number)
                    : signal != null ? 10_000 + number(signal) : 0;
            return ((long) what * 16 + to * 3 + from) * 16 + epoch + 8;
        }
    }

    private static final Map<Object, Integer> NUMBERS = new HashMap<>();

    /** Equal objects have equal numbers. */
    private static int number(Object object) {
        return NUMBERS.computeIfAbsent(object, k -> NUMBERS.size());
    }

    static final class Machine {
        private Object state;
        private int number;
        boolean finished;
        /** One bit for each of {@link #TIMERS}. */
        int timers;

        Machine(Object state) {
            this.state = state;
            number = number(state);
        }

        private Machine(Machine other) {
            state = other.state;
            number = other.number;
            finished = other.finished;
            timers = other.timers;
        }

        Machine copy() {
            return new Machine(this);
        }

        void become(Object next) {
            if (next != state) {
                state = next;
                number = number(next);
            }
        }
    }

    private static final List<Timer> TIMERS = new ArrayList<>();

    private static int bit(Timer timer) {
        int at = TIMERS.indexOf(timer);
        if (at < 0) {
            at = TIMERS.size();
            TIMERS.add(timer);
        }
        return 1 << at;
    }

    private final HandoffPlan plan;
    private final Mutator mutator;
    private final @Nullable Machine[] machines = new Machine[3];
    private final boolean[] up = {true, true, true};
    private final Forwarder[] forwarders = new Forwarder[3];
    /** A forwarder that another state may share is copied before it is changed. */
    private final boolean[] mine = new boolean[3];

    private final long[] diskEpoch = {1, 1, 1};
    private final int[] diskTo = {S, S, S};
    private final List<List<Item>> paths = new ArrayList<>();
    private final List<Item> loose = new ArrayList<>();
    private final JournalRecord.Stage[] journal = {JournalRecord.Stage.INVALID, JournalRecord.Stage.INVALID};
    private final Vm[] guests = {Vm.RUNNING, Vm.INCOMING};
    private final List<List<Command>> commands = List.of(new ArrayList<>(), new ArrayList<>());
    private final List<List<HandoffEvent>> told = List.of(new ArrayList<>(), new ArrayList<>());
    private final List<Packet> stalled = new ArrayList<>();
    private Stream stream = Stream.NONE;
    private int crashes;
    private int losses;
    private int doubles;
    private int aborts;
    private int toSend;
    private int toAnswer;
    private long inboundSent;
    private long outboundSent;
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
        begin(D, DestinationHandoff.arm(plan, NOW_NS));
        begin(S, SourceHandoff.arm(plan, NOW_NS));
        begin(C, CorrespondentHandoff.arm(plan, NAMES[C], NOW_NS));
        told.get(S).add(new HandoffEvent.Start());
    }

    private SmallWorld(SmallWorld other) {
        plan = other.plan;
        mutator = other.mutator;
        for (int i = 0; i < 3; i++) {
            Machine machine = other.machines[i];
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
            guests[i] = other.guests[i];
            commands.get(i).addAll(other.commands.get(i));
            told.get(i).addAll(other.told.get(i));
        }
        stalled.addAll(other.stalled);
        stream = other.stream;
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

    // what may happen next

    /** A choice: something that may happen in a state. {@code tier} 0 happens by itself, 1 and up if nothing below can. */
    record Choice(int tier, String name, java.util.function.Consumer<SmallWorld> what) {}

    List<Choice> choices() {
        List<Choice> choices = new ArrayList<>();
        for (int path = 0; path < 9; path++) {
            if (!paths.get(path).isEmpty()) {
                int which = path;
                choices.add(new Choice(
                        0, "path " + path, w -> w.arrive(w.paths.get(which).removeFirst())));
            }
        }
        for (int i = 0; i < loose.size(); i++) {
            int which = i;
            choices.add(new Choice(0, "signal " + loose.get(i).signal, w -> w.arrive(w.loose.remove(which))));
        }
        for (int side = S; side <= D; side++) {
            int which = side;
            if (!commands.get(side).isEmpty()) {
                choices.add(new Choice(0, "command " + commands.get(side).getFirst(), w -> w.obey(which)));
            }
            if (!told.get(side).isEmpty()) {
                choices.add(new Choice(0, "event " + told.get(side).getFirst(), w -> w.hear(which)));
            }
        }
        if (stream == Stream.COPYING) {
            choices.add(new Choice(0, "parked", w -> {
                w.stream = Stream.PARKED;
                w.say(S, new HandoffEvent.StreamParked());
            }));
        }
        if (stream == Stream.RELEASED) {
            choices.add(new Choice(0, "last page", SmallWorld::lastPage));
        }
        for (int gateway = 0; gateway < 3; gateway++) {
            int which = gateway;
            if (!up[gateway]) {
                choices.add(new Choice(0, "restart " + gateway, w -> w.restart(which)));
            }
        }
        timers(choices);
        traffic(choices);
        faults(choices);
        return choices;
    }

    private void timers(List<Choice> choices) {
        for (int gateway = 0; gateway < 3; gateway++) {
            Machine machine = machines[gateway];
            if (machine == null || machine.finished) {
                continue;
            }
            int which = gateway;
            for (int t = 0; t < TIMERS.size(); t++) {
                if ((machine.timers & 1 << t) == 0) {
                    continue;
                }
                Timer timer = TIMERS.get(t);
                int tier = switch (timer.kind()) {
                    case RETRANSMIT, QUIET, DRAIN_BOUND -> 1;
                    case MARKER_BOUND, RETURN_BOUND, PAUSE_BOUND -> 2;
                    case GIVE_UP, ARM_EXPIRY -> 3;
                };
                choices.add(new Choice(tier, "timer " + gateway + " " + timer, w -> {
                    Machine at = w.machines[which];
                    if (at != null) {
                        at.timers &= ~bit(timer);
                        w.post(which, new HandoffEvent.TimerFired(timer));
                    }
                }));
            }
        }
    }

    private void traffic(List<Choice> choices) {
        if (toSend > 0) {
            choices.add(new Choice(-1, "C sends", w -> {
                w.toSend--;
                Packet packet = packet(INBOUND, ++w.inboundSent);
                if (w.up[C]) {
                    w.forwarder(C).fromHost(packet);
                } else {
                    w.lost(packet, Loss.DEAD_GATEWAY);
                }
            }));
        }
        if (toAnswer > 0) {
            for (int side = S; side <= D; side++) {
                int which = side;
                if (guests[side] == Vm.RUNNING) {
                    choices.add(new Choice(-1, "VM sends", w -> {
                        w.toAnswer--;
                        Packet packet = packet(OUTBOUND, ++w.outboundSent);
                        if (!w.up[which]) {
                            w.lost(packet, Loss.DEAD_GATEWAY);
                            return;
                        }
                        if (which == D) {
                            w.post(D, new HandoffEvent.FirstFrame());
                            w.drain();
                        }
                        w.forwarder(which).fromGuest(0, packet);
                    }));
                }
            }
        }
    }

    private void faults(List<Choice> choices) {
        if (crashes > 0) {
            for (int gateway = 0; gateway < 3; gateway++) {
                int which = gateway;
                if (up[gateway]) {
                    choices.add(new Choice(-1, "kill " + gateway, w -> w.kill(which)));
                }
            }
        }
        if (aborts > 0 && up[S] && machines[S] != null && !machines[S].finished) {
            choices.add(new Choice(-1, "abort", w -> {
                w.aborts--;
                w.post(S, new HandoffEvent.AbortRequested("user"));
            }));
        }
        for (int i = 0; i < loose.size(); i++) {
            int which = i;
            if (losses > 0) {
                choices.add(new Choice(-1, "lose " + loose.get(i).signal, w -> {
                    w.losses--;
                    w.loose.remove(which);
                }));
            }
            if (doubles > 0) {
                choices.add(new Choice(-1, "double " + loose.get(i).signal, w -> {
                    w.doubles--;
                    w.loose.add(w.loose.get(which));
                }));
            }
        }
        for (int path = 0; path < 9; path++) {
            int which = path;
            if (paths.get(path).isEmpty() || paths.get(path).getFirst().signal == null) {
                continue;
            }
            if (losses > 0) {
                choices.add(new Choice(-1, "lose first of path " + path, w -> {
                    w.losses--;
                    w.paths.get(which).removeFirst();
                }));
            }
            if (doubles > 0) {
                choices.add(new Choice(-1, "double first of path " + path, w -> {
                    w.doubles--;
                    w.paths.get(which).addFirst(w.paths.get(which).getFirst());
                }));
            }
        }
    }

    private Forwarder forwarder(int gateway) {
        if (!mine[gateway]) {
            forwarders[gateway] = forwarders[gateway].copy(new Paths(gateway));
            mine[gateway] = true;
        }
        return forwarders[gateway];
    }

    /** Makes a choice in a copy of this state. */
    SmallWorld after(Choice choice) {
        SmallWorld next = copy();
        choice.what.accept(next);
        next.drain();
        next.check();
        return next;
    }

    private void arrive(Item item) {
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
        Machine machine = machines[at];
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
            begin(C, CorrespondentHandoff.unarmed(signal, NAMES[C], plan.timing(), NOW_NS));
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

    // hypervisors

    private void say(int side, HandoffEvent event) {
        if (up[side]) {
            told.get(side).add(event);
        }
    }

    private void hear(int side) {
        post(side, told.get(side).removeFirst());
    }

    private void obey(int side) {
        Command command = commands.get(side).removeFirst();
        Vm guest = guests[side];
        switch (command) {
            case STOP -> {
                if (guest == Vm.RUNNING) {
                    guests[side] = Vm.STOPPED;
                }
                say(side, new HandoffEvent.GuestStopped(0));
            }
            case RESUME -> {
                if (guest == Vm.GONE) {
                    say(side, new HandoffEvent.GuestGone());
                } else {
                    run(side);
                    say(side, new HandoffEvent.GuestResumed(0));
                }
            }
            case CONTINUE -> {
                if (guest == Vm.GONE) {
                    say(side, new HandoffEvent.GuestGone());
                } else if (guest == Vm.LOADED || guest == Vm.RUNNING) {
                    run(side);
                    say(side, new HandoffEvent.GuestResumed(0));
                }
            }
            case QUIT -> {
                end(side);
                say(side, new HandoffEvent.GuestGone());
            }
        }
    }

    private void run(int side) {
        guests[side] = Vm.RUNNING;
        if (guests[1 - side] == Vm.RUNNING) {
            violate("invariant 1: the VM runs in two places");
        }
        List<Packet> queue = new ArrayList<>(stalled);
        stalled.clear();
        queue.forEach(p -> received(p));
    }

    private void end(int side) {
        boolean owner = guests[side] == Vm.STOPPED || guests[side] == Vm.RUNNING;
        guests[side] = Vm.GONE;
        if (owner && !stalled.isEmpty()) {
            stalled.forEach(p -> lost(p, Loss.QUEUE_OF_THE_GONE));
            stalled.clear();
        }
        breakStream();
    }

    private void lastPage() {
        stream = Stream.DONE;
        if (guests[D] == Vm.INCOMING) {
            guests[D] = Vm.LOADED;
            say(D, new HandoffEvent.IncomingComplete());
            say(S, new HandoffEvent.StreamDone());
        }
    }

    private void breakStream() {
        if (stream == Stream.COPYING || stream == Stream.PARKED || stream == Stream.RELEASED) {
            stream = Stream.BROKEN;
            say(S, new HandoffEvent.StreamFailed("broken"));
            if (guests[D] == Vm.INCOMING) {
                guests[D] = Vm.GONE;
                say(D, new HandoffEvent.GuestGone());
            }
        }
    }

    // death and restart

    private void kill(int gateway) {
        crashes--;
        crashed = true;
        up[gateway] = false;
        machines[gateway] = null;
        forwarder(gateway).die();
        forwarders[gateway] = new Forwarder(gateway, NAMES, VMS, 1000, new Paths(gateway));
        mine[gateway] = true;
        if (gateway != C) {
            commands.get(gateway).clear();
            told.get(gateway).clear();
            breakStream();
        }
    }

    private void restart(int gateway) {
        up[gateway] = true;
        forwarder(gateway).installRoute(0, diskTo[gateway], diskEpoch[gateway]);
        if (gateway == C || journal[gateway] == JournalRecord.Stage.INVALID) {
            return;
        }
        JournalRecord last = new JournalRecord(
                gateway == S ? JournalRecord.Role.SOURCE : JournalRecord.Role.DESTINATION, journal[gateway], plan);
        Optional<? extends Step<?>> step =
                gateway == S ? SourceHandoff.recover(last, NOW_NS) : DestinationHandoff.recover(last, NOW_NS);
        step.ifPresent(s -> {
            begin(gateway, s);
            say(
                    gateway,
                    switch (guests[gateway]) {
                        case RUNNING -> new HandoffEvent.GuestResumed(0);
                        case GONE -> new HandoffEvent.GuestGone();
                        default ->
                            gateway == S ? new HandoffEvent.GuestStopped(0) : new HandoffEvent.IncomingFailed("found");
                    });
        });
    }

    // the machines

    private void begin(int at, Step<?> first) {
        Step<?> step = mutator.mutate(this, new HandoffEvent.Start(), first);
        machines[at] = new Machine(plain(step.state()));
        for (HandoffAction action : step.actions()) {
            execute(at, action);
        }
    }

    private void post(int at, HandoffEvent event) {
        events.add(new Posted(at, event));
    }

    private void drain() {
        while (!events.isEmpty()) {
            Posted posted = events.removeFirst();
            Machine machine = machines[posted.at];
            if (machine != null) {
                apply(posted.at, machine, mutator.event(machine.state, posted.event));
            }
        }
    }

    private void apply(int at, Machine machine, HandoffEvent event) {
        long nowNs = event instanceof HandoffEvent.Quiet ? 2 * NOW_NS : NOW_NS;
        Step<?> step;
        if (machine.state instanceof SourceHandoff.State s && event instanceof HandoffEvent.AtSource e) {
            step = SourceHandoff.apply(s, e, nowNs);
        } else if (machine.state instanceof DestinationHandoff.State s
                && event instanceof HandoffEvent.AtDestination e) {
            step = DestinationHandoff.apply(s, e, nowNs);
        } else if (machine.state instanceof CorrespondentHandoff.State s
                && event instanceof HandoffEvent.AtCorrespondent e) {
            step = CorrespondentHandoff.apply(s, e, nowNs);
        } else {
            return;
        }
        step = mutator.mutate(machine.state, event, step);
        if (step.state() != machine.state) {
            machine.become(plain(step.state()));
        }
        for (HandoffAction action : step.actions()) {
            execute(at, action);
        }
    }

    /** How often something was tried only matters for the time until the next try. */
    private static Object plain(Object state) {
        return switch (state) {
            case SourceHandoff.Paused s -> new SourceHandoff.Paused(s.plan(), s.unmarked(), 0);
            case SourceHandoff.Asking s ->
                new SourceHandoff.Asking(s.plan(), "", s.guestUnknown(), s.returned(), Math.min(3, s.attempt()));
            case SourceHandoff.TakingBack s ->
                new SourceHandoff.TakingBack(s.plan(), "", s.resuming(), s.burnt(), s.returned(), s.armed(), 0);
            case SourceHandoff.Draining s ->
                new SourceHandoff.Draining(
                        s.plan(), s.now(), s.unmarked(), s.unflipped(), s.tableAgrees(), s.guestGone(), s.sinceNs(), 0);
            case DestinationHandoff.Continuing s -> new DestinationHandoff.Continuing(s.plan(), s.sourceStopped(), 0);
            case DestinationHandoff.Active s ->
                new DestinationHandoff.Active(s.plan(), s.unacked(), s.held(), s.outboundHeld(), 0);
            case DestinationHandoff.Burning s ->
                new DestinationHandoff.Burning(s.plan(), "", s.guestGone(), s.asked(), s.returned(), 0);
            case CorrespondentHandoff.Flipped s ->
                new CorrespondentHandoff.Flipped(s.plan(), s.self(), s.now(), s.inboundPending(), s.outboundHeld(), 0);
            default -> state;
        };
    }

    private void execute(int at, HandoffAction action) {
        Machine machine = machines[at];
        switch (action) {
            case HandoffAction.Send(GatewayId to, Signal signal) -> send(at, to, signal, false);
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> send(at, to, signal, true);
            case HandoffAction.StartCopy() -> stream = Stream.COPYING;
            case HandoffAction.CancelCopy() -> breakStream();
            case HandoffAction.ReleaseStream() -> {
                if (stream == Stream.PARKED || stream == Stream.COPYING) {
                    stream = Stream.RELEASED;
                }
            }
            case HandoffAction.StopGuest() -> command(S, Command.STOP);
            case HandoffAction.ResumeGuest() -> command(S, Command.RESUME);
            case HandoffAction.ContinueGuest() -> command(D, Command.CONTINUE);
            case HandoffAction.QuitGuest() -> command(at, Command.QUIT);
            case HandoffAction.RedirectOn(GatewayId to, Epoch epoch) ->
                forwarder(at).redirectOn(0, index(to), epoch.number());
            case HandoffAction.RedirectOff(GatewayId from, Epoch epoch, long bound) ->
                forwarder(at).redirectOff(0, index(from), epoch.number());
            case HandoffAction.AwaitQueueDrained(long bound) -> told.get(S).add(new HandoffEvent.QueueDrained());
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
                    machine.timers |= bit(timer);
                }
            }
            case HandoffAction.CancelTimer(Timer timer) -> {
                if (machine != null) {
                    machine.timers &= ~bit(timer);
                }
            }
            case HandoffAction.Journal(JournalRecord entry) -> journal[at] = entry.stage();
            case HandoffAction.Report(Phase phase, String event, String detail) -> report(phase);
            case HandoffAction.Count(Counter counter, long n) -> counted.add(counter);
            case HandoffAction.Finished() -> {
                if (machine != null) {
                    machine.finished = true;
                    machine.timers = 0;
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

    private void command(int side, Command command) {
        // the same command twice in a row is once
        if (commands.get(side).isEmpty() || commands.get(side).getLast() != command) {
            commands.get(side).add(command);
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
    private static Packet packet(Flow flow, long number) {
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
            if (at == C || guests[at] == Vm.GONE || guests[at] == Vm.INCOMING) {
                lost(packet, Loss.NO_PORT);
            } else if (guests[at] == Vm.RUNNING) {
                received(packet);
            } else {
                stalled.add(packet);
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

    private void lost(Packet packet, Loss why) {
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
        if (guests[S] == Vm.RUNNING && guests[D] == Vm.RUNNING) {
            violate("invariant 1: the VM runs in two places");
        }
    }

    /** Nothing can happen any more: is all as it must be? */
    void judge() {
        for (int gateway = 0; gateway < 3; gateway++) {
            Machine machine = machines[gateway];
            if (machine != null && !machine.finished) {
                violate("invariant 6: " + NAMES[gateway] + " ends in " + machine.state);
            }
            if (!forwarders[gateway].leftovers(0).isEmpty()) {
                violate("invariant 6: left at " + NAMES[gateway] + ":" + forwarders[gateway].leftovers(0));
            }
        }
        boolean here = guests[S] == Vm.RUNNING && guests[D] == Vm.GONE;
        boolean there = guests[D] == Vm.RUNNING && guests[S] == Vm.GONE;
        if (!here && !there) {
            violate("invariant 6: the VM ends " + guests[S] + " at the source and " + guests[D]
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
        if (!stalled.isEmpty()) {
            violate("invariant 2: packets stay in a queue");
        }
    }

    // telling states apart

    void encode(LongConsumer to) {
        for (int i = 0; i < 3; i++) {
            Machine machine = machines[i];
            to.accept(machine == null ? -1 : machine.number);
            to.accept(machine == null ? 0 : machine.timers + (machine.finished ? 1L << 40 : 0));
            to.accept(up[i] ? -2 : -3);
            forwarders[i].encode(to, SmallWorld::number);
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
            to.accept(-6);
            to.accept(journal[i].ordinal());
            to.accept(guests[i].ordinal());
            commands.get(i).forEach(c -> to.accept(c.ordinal()));
            to.accept(-7);
            told.get(i).forEach(e -> to.accept(number(e)));
        }
        to.accept(-8);
        stalled.forEach(p -> to.accept(p.number));
        to.accept(stream.ordinal());
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
