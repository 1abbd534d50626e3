// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.sim.Scenario.Mishap;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The hypervisors of all sites. QEMU processes outlive their gateway; what a carrier carries does not. Everything takes
 * time, and what has to be told to a gateway that was killed meanwhile is lost.
 */
final class SimHost {
    private static final long MS = Scenario.MS;

    enum GuestState {
        RUNNING,
        STOPPED,
        /** Waits for its stream. */
        INCOMING,
        /** Has its stream, and waits to be continued. */
        LOADED,
        GONE
    }

    /** One QEMU process. */
    static final class Guest {
        final int vm;
        final int host;
        /** The migration that brought it here; null for the first. */
        final @Nullable HandoffPlan cameBy;

        GuestState state;
        boolean reading;
        boolean slowQueue;
        final ArrayDeque<Packet> queue = new ArrayDeque<>();

        Guest(int vm, int host, @Nullable HandoffPlan cameBy, GuestState state) {
            this.vm = vm;
            this.host = host;
            this.cameBy = cameBy;
            this.state = state;
        }
    }

    /** One migration's memory stream, carrier to carrier. */
    private static final class Stream {
        final HandoffPlan plan;
        final Scenario.Move move;
        final int from;
        final int to;
        final Guest source;
        final Guest target;
        boolean released;
        boolean parked;
        boolean selfStopped;
        boolean over;

        Stream(HandoffPlan plan, Scenario.Move move, int from, int to, Guest source, Guest target) {
            this.plan = plan;
            this.move = move;
            this.from = from;
            this.to = to;
            this.source = source;
            this.target = target;
        }
    }

    private final World world;
    private final List<Guest> guests = new ArrayList<>();
    private final Map<HandoffPlan, Stream> streams = new LinkedHashMap<>();

    SimHost(World world) {
        this.world = world;
    }

    // guests

    void boot(int vm, int host) {
        Guest guest = new Guest(vm, host, null, GuestState.LOADED);
        guests.add(guest);
        run(guest);
    }

    List<Guest> guests() {
        return guests;
    }

    /** The QEMU that a migration is about at its source: any of the VM here that this migration did not bring. */
    @Nullable
    Guest sourceGuest(HandoffPlan plan) {
        int vm = world.vm(plan);
        int host = world.index(plan.source());
        for (Guest guest : guests) {
            if (guest.vm == vm
                    && guest.host == host
                    && guest.state != GuestState.GONE
                    && (guest.cameBy == null || guest.cameBy.epoch().compareTo(plan.previous()) <= 0)) {
                return guest;
            }
        }
        return null;
    }

    @Nullable
    Guest targetGuest(HandoffPlan plan) {
        for (Guest guest : guests) {
            if (guest.cameBy != null
                    && guest.cameBy.migration().equals(plan.migration())
                    && guest.state != GuestState.GONE) {
                return guest;
            }
        }
        return null;
    }

    /** The guest whose port this gateway delivers to. */
    @Nullable
    Guest portOwner(int vm, int host) {
        Guest best = null;
        for (Guest guest : guests) {
            if (guest.vm == vm && guest.host == host && guest.state != GuestState.GONE) {
                if (guest.state == GuestState.RUNNING || guest.state == GuestState.STOPPED) {
                    return guest;
                }
                best = guest;
            }
        }
        return best;
    }

    @Nullable
    Guest running(int vm) {
        for (Guest guest : guests) {
            if (guest.vm == vm && guest.state == GuestState.RUNNING) {
                return guest;
            }
        }
        return null;
    }

    private void run(Guest guest) {
        if (guest.state == GuestState.RUNNING || guest.state == GuestState.GONE) {
            return;
        }
        guest.state = GuestState.RUNNING;
        world.monitor.mix(10, guest.vm, guest.host);
        world.monitor.say("vm" + guest.vm + " runs at " + guest.host);
        world.monitor.guestRuns(guest.vm, "host " + guest.host);
        read(guest);
    }

    private void stop(Guest guest) {
        if (guest.state == GuestState.RUNNING) {
            guest.state = GuestState.STOPPED;
            world.monitor.mix(11, guest.vm, guest.host);
            world.monitor.say("vm" + guest.vm + " stops at " + guest.host);
            world.monitor.guestStops(guest.vm);
        }
    }

    private void end(Guest guest) {
        if (guest.state == GuestState.GONE) {
            return;
        }
        stop(guest);
        guest.state = GuestState.GONE;
        world.monitor.mix(12, guest.vm, guest.host);
        world.monitor.say("QEMU of vm" + guest.vm + " at " + guest.host + " is gone");
        for (Packet packet : guest.queue) {
            world.monitor.lost(packet, Loss.QUEUE_OF_THE_GONE, guest.host);
        }
        guest.queue.clear();
        for (Stream stream : streams.values()) {
            if (stream.target == guest || (stream.source == guest && !stream.released)) {
                breakStream(stream, "QEMU ended");
            }
        }
    }

    /** A gateway puts a packet into the port's queue. */
    void toPort(Guest guest, Packet packet) {
        guest.queue.add(packet);
        read(guest);
    }

    private void read(Guest guest) {
        if (guest.reading || guest.state != GuestState.RUNNING || guest.queue.isEmpty()) {
            return;
        }
        guest.reading = true;
        long takesNs = 10_000 + world.random.nextLong(40_000) + (guest.slowQueue ? 60 * MS : 0);
        world.timeline.in(takesNs, () -> {
            guest.reading = false;
            if (guest.state == GuestState.RUNNING && !guest.queue.isEmpty()) {
                world.monitor.received(guest.queue.remove(), world.networkOf(guest.vm));
            }
            read(guest);
        });
    }

    // what a gateway asks for; answers come as events to the machine that asked, if its gateway still lives

    /** The incoming QEMU starts, or the operator's is found. */
    void launch(HandoffPlan plan) {
        guests.add(new Guest(world.vm(plan), world.index(plan.destination()), plan, GuestState.INCOMING));
    }

    void startCopy(HandoffPlan plan, Scenario.Move move) {
        Guest source = sourceGuest(plan);
        Guest target = targetGuest(plan);
        int from = world.index(plan.source());
        int to = world.index(plan.destination());
        if (source == null
                || target == null
                || target.state != GuestState.INCOMING
                || !world.gateway(to).isUp()) {
            tell(from, plan, 'S', MS, new HandoffEvent.StreamFailed("the destination does not answer"));
            return;
        }
        Stream stream = new Stream(plan, move, from, to, source, target);
        streams.put(plan, stream);
        if (move.mishap() == Mishap.STREAM_FAILS) {
            world.timeline.in(move.copyNs() / 2, () -> breakStream(stream, "the path broke"));
        } else if (move.mishap() == Mishap.INCOMING_DIES) {
            world.timeline.in(move.copyNs() / 2, () -> {
                end(target);
                tell(to, plan, 'D', MS, new HandoffEvent.GuestGone());
            });
        } else if (move.mishap() == Mishap.STOPS_UNASKED) {
            world.timeline.in(move.copyNs() * 3 / 4, () -> {
                if (!stream.over && source.state == GuestState.RUNNING) {
                    stream.selfStopped = true;
                    stop(source);
                    tell(from, plan, 'S', latencyNs(), new HandoffEvent.GuestStopped(world.timeline.nowNs()));
                }
            });
        }
        if (move.mishap() == Mishap.FORGED_FRAME) {
            world.timeline.in(move.copyNs() / 2, () -> world.gateway(to).sighted(source.vm, new HandoffEvent.Rarp()));
        }
        if (move.mishap() == Mishap.SLOW_QUEUE) {
            source.slowQueue = true;
            world.timeline.in(move.copyNs() + 300 * MS, () -> source.slowQueue = false);
        }
        world.timeline.in(move.copyNs(), () -> {
            if (!stream.over && !stream.released) {
                stream.parked = true;
                tell(from, plan, 'S', latencyNs(), new HandoffEvent.StreamParked());
            }
        });
    }

    void releaseStream(HandoffPlan plan) {
        Stream stream = streams.get(plan);
        if (stream == null || stream.over || stream.released) {
            return;
        }
        stream.released = true;
        world.timeline.in(world.wan.delayNs(stream.from, stream.to) + stream.move.restNs(), () -> lastPage(stream, 0));
    }

    private void lastPage(Stream stream, int tries) {
        if (stream.over) {
            return;
        }
        if (world.wan.isCut(stream.from, stream.to)) {
            // the carriers send again, for five seconds
            if (tries < 100) {
                world.timeline.in(50 * MS, () -> lastPage(stream, tries + 1));
            } else {
                breakStream(stream, "the path is gone");
            }
            return;
        }
        stream.over = true;
        Guest target = stream.target;
        if (target.state != GuestState.INCOMING) {
            return;
        }
        target.state = GuestState.LOADED;
        world.monitor.say("vm" + target.vm + " has arrived at " + target.host);
        if (stream.selfStopped) {
            continued(target, stream.plan, stream.move);
        } else {
            tell(stream.to, stream.plan, 'D', latencyNs(), new HandoffEvent.IncomingComplete());
        }
        tell(stream.from, stream.plan, 'S', world.wan.delayNs(stream.to, stream.from), new HandoffEvent.StreamDone());
    }

    void cancelCopy(HandoffPlan plan) {
        Stream stream = streams.get(plan);
        if (stream != null) {
            breakStream(stream, "cancelled");
        }
    }

    private void breakStream(Stream stream, String why) {
        if (stream.over) {
            return;
        }
        stream.over = true;
        world.monitor.say("stream of vm" + stream.source.vm + " breaks: " + why);
        if (stream.selfStopped && stream.source.state == GuestState.STOPPED && !stream.released) {
            // QEMU takes its own stop back when it has not handed everything over
            run(stream.source);
            tell(stream.from, stream.plan, 'S', latencyNs(), new HandoffEvent.GuestResumed(world.timeline.nowNs()));
        }
        tell(stream.from, stream.plan, 'S', latencyNs(), new HandoffEvent.StreamFailed(why));
        long noticeNs = world.wan.isCut(stream.from, stream.to) ? 1000 * MS : world.wan.delayNs(stream.from, stream.to);
        world.timeline.in(noticeNs, () -> {
            if (stream.target.state == GuestState.INCOMING) {
                end(stream.target);
                tell(stream.to, stream.plan, 'D', latencyNs(), new HandoffEvent.GuestGone());
            }
        });
    }

    void stopGuest(HandoffPlan plan) {
        Guest guest = sourceGuest(plan);
        Scenario.Move move = world.move(plan);
        long takesNs = latencyNs() + (move.mishap() == Mishap.SLOW_STOP ? 100 * MS : 0);
        inOrder(plan, 'S', takesNs, () -> {
            if (guest != null) {
                stop(guest);
                tell(guest.host, plan, 'S', latencyNs(), new HandoffEvent.GuestStopped(world.timeline.nowNs()));
            }
        });
    }

    void resumeGuest(HandoffPlan plan) {
        Guest guest = sourceGuest(plan);
        inOrder(plan, 'S', latencyNs(), () -> {
            if (guest == null || guest.state == GuestState.GONE) {
                tell(world.index(plan.source()), plan, 'S', 0, new HandoffEvent.GuestGone());
            } else {
                guest.slowQueue = false;
                run(guest);
                tell(guest.host, plan, 'S', latencyNs(), new HandoffEvent.GuestResumed(world.timeline.nowNs()));
            }
        });
    }

    void continueGuest(HandoffPlan plan) {
        Guest guest = targetGuest(plan);
        Scenario.Move move = world.move(plan);
        int host = world.index(plan.destination());
        inOrder(plan, 'D', latencyNs(), () -> {
            if (guest == null || guest.state == GuestState.GONE) {
                tell(host, plan, 'D', 0, new HandoffEvent.GuestGone());
            } else if (guest.state == GuestState.RUNNING) {
                tell(host, plan, 'D', latencyNs(), new HandoffEvent.GuestResumed(world.timeline.nowNs()));
            } else if (move.mishap() == Mishap.CONTINUE_REFUSED) {
                tell(host, plan, 'D', latencyNs(), new HandoffEvent.IncomingFailed("cont was refused"));
            } else if (move.mishap() == Mishap.DIES_AT_CONTINUE) {
                end(guest);
                tell(host, plan, 'D', latencyNs(), new HandoffEvent.GuestGone());
            } else {
                continued(guest, plan, move);
            }
        });
    }

    private void continued(Guest guest, HandoffPlan plan, Scenario.Move move) {
        run(guest);
        if (move.mishap() != Mishap.NO_RESUME_EVENT) {
            tell(guest.host, plan, 'D', latencyNs(), new HandoffEvent.GuestResumed(world.timeline.nowNs()));
        }
        if (move.rarpNs() >= 0) {
            world.timeline.in(move.rarpNs(), () -> {
                if (guest.state == GuestState.RUNNING) {
                    world.gateway(guest.host).sighted(guest.vm, new HandoffEvent.Rarp());
                }
            });
        }
    }

    void quitGuest(HandoffPlan plan, char role) {
        Guest guest = role == 'S' ? sourceGuest(plan) : targetGuest(plan);
        int host = world.index(role == 'S' ? plan.source() : plan.destination());
        inOrder(plan, role, 1 + world.random.nextLong(10 * MS), () -> {
            if (guest != null) {
                end(guest);
            }
            tell(host, plan, role, latencyNs(), new HandoffEvent.GuestGone());
        });
    }

    private final Map<String, Long> lastCommandNs = new LinkedHashMap<>();

    /** QMP executes one command after the other; a process that is killed takes those it had not sent with it. */
    private void inOrder(HandoffPlan plan, char role, long takesNs, Runnable command) {
        String connection = plan.migration() + " " + role;
        long atNs = Math.max(world.timeline.nowNs() + takesNs, lastCommandNs.getOrDefault(connection, 0L) + 1);
        lastCommandNs.put(connection, atNs);
        SimGateway gateway = world.gateway(world.index(role == 'S' ? plan.source() : plan.destination()));
        int life = gateway.life();
        boolean sent = world.random.nextBoolean(); // already written to the socket when the process dies
        world.timeline.at(atNs, () -> {
            if (sent || gateway.life() == life) {
                command.run();
            }
        });
    }

    void awaitDrained(HandoffPlan plan, long boundNs) {
        Guest guest = sourceGuest(plan);
        int host = world.index(plan.source());
        if (guest != null) {
            poll(guest, plan, host, world.timeline.nowNs() + boundNs);
        }
    }

    private void poll(Guest guest, HandoffPlan plan, int host, long untilNs) {
        if (guest.queue.isEmpty()) {
            tell(host, plan, 'S', 0, new HandoffEvent.QueueDrained());
        } else if (world.timeline.nowNs() >= untilNs || guest.state != GuestState.RUNNING) {
            tell(host, plan, 'S', 0, new HandoffEvent.QueueNotDrained());
        } else {
            world.timeline.in(MS / 4, () -> poll(guest, plan, host, untilNs));
        }
    }

    // the death of a gateway

    /** Its carriers die with it. */
    void gatewayDied(int host) {
        for (Stream stream : streams.values()) {
            if (stream.from == host || stream.to == host) {
                breakStream(stream, "a carrier died");
            }
        }
    }

    /** A restarted gateway asks for what its machine must know, and the answer takes a moment. */
    void query(HandoffPlan plan, char role) {
        Guest guest = role == 'S' ? sourceGuest(plan) : targetGuest(plan);
        int host = world.index(role == 'S' ? plan.source() : plan.destination());
        String connection = plan.migration() + " " + role; // what the last life had written is done first
        long atNs = Math.max(world.timeline.nowNs() + latencyNs(), lastCommandNs.getOrDefault(connection, 0L) + 1);
        world.timeline.at(atNs, () -> {
            GuestState state = guest == null ? GuestState.GONE : guest.state;
            long nowNs = world.timeline.nowNs();
            HandoffEvent event = switch (state) {
                case RUNNING -> new HandoffEvent.GuestResumed(nowNs);
                case GONE -> new HandoffEvent.GuestGone();
                default ->
                    role == 'S'
                            ? new HandoffEvent.GuestStopped(nowNs)
                            : new HandoffEvent.IncomingFailed("found " + state);
            };
            tell(host, plan, role, 0, event);
        });
    }

    /** An incoming QEMU that no machine knows was launched just before the gateway was killed. */
    void killUnknown(int host) {
        for (Guest guest : guests) {
            if (guest.host == host
                    && guest.state == GuestState.INCOMING
                    && guest.cameBy != null
                    && !world.gateway(host).knows(guest.cameBy)) {
                end(guest);
            }
        }
    }

    private long latencyNs() {
        return 50_000 + world.random.nextLong(world.random.nextInt(8) == 0 ? 30 * MS : MS);
    }

    private void tell(int host, HandoffPlan plan, char role, long afterNs, HandoffEvent event) {
        SimGateway gateway = world.gateway(host);
        int life = gateway.life();
        String connection = plan.migration() + " event " + role; // QMP events come in order
        long atNs = Math.max(world.timeline.nowNs() + afterNs, lastCommandNs.getOrDefault(connection, 0L) + 1);
        lastCommandNs.put(connection, atNs);
        world.timeline.at(atNs, () -> {
            if (gateway.isUp() && gateway.life() == life) {
                gateway.hypervisorSays(plan, role, event);
            }
        });
    }
}
