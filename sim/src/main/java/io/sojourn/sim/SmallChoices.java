// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import static io.sojourn.sim.SmallWorld.C;
import static io.sojourn.sim.SmallWorld.D;
import static io.sojourn.sim.SmallWorld.S;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What may happen next in a {@link SmallWorld}, and what may go wrong. */
final class SmallChoices {
    private SmallChoices() {}

    /** A choice: something that may happen in a state. {@code tier} 0 happens by itself, 1 and up if nothing below can. */
    record Choice(int tier, String name, Consumer<SmallWorld> what) {}

    static List<Choice> of(SmallWorld world) {
        List<Choice> choices = new ArrayList<>();
        for (int path = 0; path < 9; path++) {
            if (!world.paths.get(path).isEmpty()) {
                int which = path;
                choices.add(new Choice(
                        0, "path " + path, w -> w.arrive(w.paths.get(which).removeFirst())));
            }
        }
        for (int i = 0; i < world.loose.size(); i++) {
            int which = i;
            choices.add(new Choice(0, "signal " + world.loose.get(i).signal(), w -> w.arrive(w.loose.remove(which))));
        }
        for (int side = S; side <= D; side++) {
            int which = side;
            if (!world.guests.commands(side).isEmpty()) {
                choices.add(
                        new Choice(0, "command " + world.guests.commands(side).getFirst(), w -> w.guests.obey(which)));
            }
            if (!world.guests.told(side).isEmpty()) {
                choices.add(new Choice(0, "event " + world.guests.told(side).getFirst(), w -> w.guests.hear(which)));
            }
        }
        if (world.guests.mayPark()) {
            choices.add(new Choice(0, "parked", w -> w.guests.park()));
        }
        if (world.guests.mayEnd()) {
            choices.add(new Choice(0, "last page", w -> w.guests.lastPage()));
        }
        for (int gateway = 0; gateway < 3; gateway++) {
            int which = gateway;
            if (!world.up[gateway]) {
                choices.add(new Choice(0, "restart " + gateway, w -> w.restart(which)));
            }
        }
        timers(world, choices);
        traffic(world, choices);
        faults(world, choices);
        return choices;
    }

    private static void timers(SmallWorld world, List<Choice> choices) {
        for (int gateway = 0; gateway < 3; gateway++) {
            SmallMachine machine = world.machines[gateway];
            if (machine == null || machine.finished) {
                continue;
            }
            int which = gateway;
            for (int t = 0; t < SmallMachine.timers().size(); t++) {
                if (!machine.isSet(t)) {
                    continue;
                }
                Timer timer = SmallMachine.timers().get(t);
                int tier = switch (timer.kind()) {
                    case RETRANSMIT, QUIET, DRAIN_BOUND -> 1;
                    case MARKER_BOUND, RETURN_BOUND, PAUSE_BOUND -> 2;
                    case GIVE_UP, ARM_EXPIRY -> 3;
                };
                choices.add(new Choice(tier, "timer " + gateway + " " + timer, w -> {
                    SmallMachine at = w.machines[which];
                    if (at != null) {
                        at.clear(timer);
                        w.post(which, new HandoffEvent.TimerFired(timer));
                    }
                }));
            }
        }
    }

    private static void traffic(SmallWorld world, List<Choice> choices) {
        if (world.toSend > 0) {
            choices.add(new Choice(-1, "C sends", w -> {
                w.toSend--;
                Packet packet = SmallWorld.packet(SmallWorld.INBOUND, ++w.inboundSent);
                if (w.up[C]) {
                    w.forwarder(C).fromHost(packet);
                } else {
                    w.lost(packet, Loss.DEAD_GATEWAY);
                }
            }));
        }
        if (world.toAnswer > 0) {
            for (int side = S; side <= D; side++) {
                int which = side;
                if (world.guests.isRunning(side)) {
                    choices.add(new Choice(-1, "VM sends", w -> {
                        w.toAnswer--;
                        Packet packet = SmallWorld.packet(SmallWorld.OUTBOUND, ++w.outboundSent);
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

    private static void faults(SmallWorld world, List<Choice> choices) {
        if (world.crashes > 0) {
            for (int gateway = 0; gateway < 3; gateway++) {
                int which = gateway;
                if (world.up[gateway]) {
                    choices.add(new Choice(-1, "kill " + gateway, w -> w.kill(which)));
                }
            }
        }
        if (world.aborts > 0 && world.up[S] && world.machines[S] != null && !world.machines[S].finished) {
            choices.add(new Choice(-1, "abort", w -> {
                w.aborts--;
                w.post(S, new HandoffEvent.AbortRequested("user"));
            }));
        }
        for (int i = 0; i < world.loose.size(); i++) {
            int which = i;
            if (world.losses > 0) {
                choices.add(new Choice(-1, "lose " + world.loose.get(i).signal(), w -> {
                    w.losses--;
                    w.loose.remove(which);
                }));
            }
            if (world.doubles > 0) {
                choices.add(new Choice(-1, "double " + world.loose.get(i).signal(), w -> {
                    w.doubles--;
                    w.loose.add(w.loose.get(which));
                }));
            }
        }
        for (int path = 0; path < 9; path++) {
            int which = path;
            if (world.paths.get(path).isEmpty()
                    || world.paths.get(path).getFirst().signal() == null) {
                continue;
            }
            if (world.losses > 0) {
                choices.add(new Choice(-1, "lose first of path " + path, w -> {
                    w.losses--;
                    w.paths.get(which).removeFirst();
                }));
            }
            if (world.doubles > 0) {
                choices.add(new Choice(-1, "double first of path " + path, w -> {
                    w.doubles--;
                    w.paths.get(which).addFirst(w.paths.get(which).getFirst());
                }));
            }
        }
    }
}
