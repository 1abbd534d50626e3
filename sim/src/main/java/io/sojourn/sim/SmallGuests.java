// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import static io.sojourn.sim.SmallWorld.D;
import static io.sojourn.sim.SmallWorld.S;

import io.sojourn.handoff.HandoffEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/** The two hypervisors of a {@link SmallWorld}, reduced to what is pending, and the memory stream between them. */
final class SmallGuests {
    enum Vm {
        RUNNING,
        STOPPED,
        INCOMING,
        LOADED,
        GONE
    }

    enum Command {
        STOP,
        RESUME,
        QUIT,
        CONTINUE
    }

    private enum Stream {
        NONE,
        COPYING,
        PARKED,
        RELEASED,
        DONE,
        BROKEN
    }

    /** The world around them. */
    interface World {
        boolean isUp(int side);

        void post(int side, HandoffEvent event);

        void received(Packet packet);

        void lost(Packet packet, Loss why);

        void violate(String what);
    }

    private final World world;
    private final Vm[] guests = {Vm.RUNNING, Vm.INCOMING};
    private final List<List<Command>> commands = List.of(new ArrayList<>(), new ArrayList<>());
    private final List<List<HandoffEvent>> told = List.of(new ArrayList<>(), new ArrayList<>());
    /** What a guest that does not run has not read. */
    private final List<Packet> stalled = new ArrayList<>();

    private Stream stream = Stream.NONE;

    SmallGuests(World world) {
        this.world = world;
    }

    SmallGuests copy(World elsewhere) {
        SmallGuests copy = new SmallGuests(elsewhere);
        for (int side = S; side <= D; side++) {
            copy.guests[side] = guests[side];
            copy.commands.get(side).addAll(commands.get(side));
            copy.told.get(side).addAll(told.get(side));
        }
        copy.stalled.addAll(stalled);
        copy.stream = stream;
        return copy;
    }

    Vm at(int side) {
        return guests[side];
    }

    boolean isRunning(int side) {
        return guests[side] == Vm.RUNNING;
    }

    /** What the hypervisor is about to do, in order. */
    List<Command> commands(int side) {
        return commands.get(side);
    }

    /** What the hypervisor has said and its gateway not yet heard, in order. */
    List<HandoffEvent> told(int side) {
        return told.get(side);
    }

    List<Packet> stalled() {
        return stalled;
    }

    // commands and events

    void command(int side, Command command) {
        // the same command twice in a row is once
        if (commands.get(side).isEmpty() || commands.get(side).getLast() != command) {
            commands.get(side).add(command);
        }
    }

    void say(int side, HandoffEvent event) {
        if (world.isUp(side)) {
            told.get(side).add(event);
        }
    }

    void hear(int side) {
        world.post(side, told.get(side).removeFirst());
    }

    void obey(int side) {
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
            world.violate("invariant 1: the VM runs in two places");
        }
        List<Packet> queue = new ArrayList<>(stalled);
        stalled.clear();
        queue.forEach(world::received);
    }

    private void end(int side) {
        boolean owner = guests[side] == Vm.STOPPED || guests[side] == Vm.RUNNING;
        guests[side] = Vm.GONE;
        if (owner && !stalled.isEmpty()) {
            stalled.forEach(p -> world.lost(p, Loss.QUEUE_OF_THE_GONE));
            stalled.clear();
        }
        breakStream();
    }

    /** The gateway of this side is dead, and with it what it had been told and was about to command. */
    void gatewayDied(int side) {
        commands.get(side).clear();
        told.get(side).clear();
        breakStream();
    }

    /** As a gateway finds it that has been started again. */
    HandoffEvent found(int side) {
        return switch (guests[side]) {
            case RUNNING -> new HandoffEvent.GuestResumed(0);
            case GONE -> new HandoffEvent.GuestGone();
            default -> side == S ? new HandoffEvent.GuestStopped(0) : new HandoffEvent.IncomingFailed("found");
        };
    }

    void deliver(int side, Packet packet) {
        if (guests[side] == Vm.GONE || guests[side] == Vm.INCOMING) {
            world.lost(packet, Loss.NO_PORT);
        } else if (guests[side] == Vm.RUNNING) {
            world.received(packet);
        } else {
            stalled.add(packet);
        }
    }

    // the stream

    void startCopy() {
        stream = Stream.COPYING;
    }

    boolean mayPark() {
        return stream == Stream.COPYING;
    }

    void park() {
        stream = Stream.PARKED;
        say(S, new HandoffEvent.StreamParked());
    }

    void release() {
        if (stream == Stream.PARKED || stream == Stream.COPYING) {
            stream = Stream.RELEASED;
        }
    }

    boolean mayEnd() {
        return stream == Stream.RELEASED;
    }

    void lastPage() {
        stream = Stream.DONE;
        if (guests[D] == Vm.INCOMING) {
            guests[D] = Vm.LOADED;
            say(D, new HandoffEvent.IncomingComplete());
            say(S, new HandoffEvent.StreamDone());
        }
    }

    void breakStream() {
        if (stream == Stream.COPYING || stream == Stream.PARKED || stream == Stream.RELEASED) {
            stream = Stream.BROKEN;
            say(S, new HandoffEvent.StreamFailed("broken"));
            if (guests[D] == Vm.INCOMING) {
                guests[D] = Vm.GONE;
                say(D, new HandoffEvent.GuestGone());
            }
        }
    }

    void encode(LongConsumer to) {
        for (int side = S; side <= D; side++) {
            to.accept(-6);
            to.accept(guests[side].ordinal());
            commands.get(side).forEach(c -> to.accept(c.ordinal()));
            to.accept(-7);
            told.get(side).forEach(e -> to.accept(SmallMachine.number(e)));
        }
        to.accept(-8);
        stalled.forEach(p -> to.accept(p.number));
        to.accept(stream.ordinal());
    }
}
