// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Phase;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A model of the controller: the registry of bindings and the orchestrator, both durable, and calls to gateways that may
 * find nobody there. Every call is repeated until it is answered; every one may come twice.
 */
final class SimController {
    private static final long MS = Scenario.MS;

    enum Progress {
        ARMING,
        STARTED,
        ABORTING,
        DONE,
        ROLLED_BACK
    }

    static final class Migration {
        final HandoffPlan plan;
        final Scenario.Move move;
        Progress progress = Progress.ARMING;
        // in memory
        final Set<Integer> armed = new HashSet<>();
        long beganNs;
        long endedNs = Long.MAX_VALUE;
        boolean endedAtSource;
        boolean endedAtDestination;

        Migration(HandoffPlan plan, Scenario.Move move) {
            this.plan = plan;
            this.move = move;
        }

        boolean over() {
            return progress == Progress.DONE || progress == Progress.ROLLED_BACK;
        }
    }

    private final World world;
    private final int me;

    // durable
    private final Binding[] registry;
    private final long[] reserved;
    private final List<Migration> migrations = new ArrayList<>();

    // in memory
    private boolean up = true;
    private int life;
    private final boolean[] tableSent;

    SimController(World world) {
        this.world = world;
        me = world.scenario.gateways();
        registry = new Binding[world.vms.length];
        reserved = new long[world.vms.length];
        tableSent = new boolean[me];
        java.util.Arrays.fill(tableSent, true);
    }

    void bind(int vm, Binding binding) {
        registry[vm] = binding;
        reserved[vm] = binding.epoch().number();
    }

    Binding binding(int vm) {
        return registry[vm];
    }

    List<Migration> migrations() {
        return migrations;
    }

    boolean isUp() {
        return up;
    }

    // PLAN and ARM

    /** Somebody wants a VM moved; refused if it is there, or on its way somewhere. */
    void migrate(Scenario.Move move) {
        if (!up) {
            return;
        }
        Binding now = registry[move.vm()];
        boolean moving = migrations.stream().anyMatch(m -> !m.over() && m.move.vm() == move.vm());
        if (moving || now.gateway().equals(world.names[move.to()])) {
            return;
        }
        Epoch epoch =
                world.mutator.is(Mutation.BURNT_EPOCH_REUSED) ? now.epoch().next() : new Epoch(++reserved[move.vm()]);
        reserved[move.vm()] = epoch.number();
        world.monitor.reserved(move.vm(), epoch.number());
        List<GatewayId> correspondents = new ArrayList<>();
        for (GatewayId gateway : world.names) {
            if (!gateway.equals(now.gateway()) && !gateway.equals(world.names[move.to()])) {
                correspondents.add(gateway);
            }
        }
        HandoffPlan plan = new HandoffPlan(
                new MigrationId(new UUID(world.scenario.seed(), migrations.size() + 1)),
                world.vms[move.vm()],
                now.gateway(),
                world.names[move.to()],
                now.epoch(),
                epoch,
                correspondents,
                world.scenario.strict() ? Ordering.STRICT : Ordering.RELAXED,
                world.timing());
        Migration migration = new Migration(plan, move);
        migration.beganNs = world.timeline.nowNs();
        migrations.add(migration);
        world.monitor.mix(30, move.vm(), epoch.number());
        world.monitor.say("controller plans " + plan);
        arm(migration, world.index(plan.destination()));
        after(2_000 * MS + 8 * world.scenario.rttNs(), () -> {
            if (migration.progress == Progress.ARMING) {
                abort(migration, "not armed in time");
            }
        });
    }

    private void arm(Migration migration, int gateway) {
        call(
                gateway,
                () -> migration.progress == Progress.ARMING && !migration.armed.contains(gateway),
                g -> g.arm(migration.plan),
                ok -> {
                    if (migration.progress != Progress.ARMING) {
                        return;
                    }
                    if (!ok) {
                        abort(migration, "gateway " + gateway + " refuses");
                        return;
                    }
                    migration.armed.add(gateway);
                    if (migration.armed.size() == 1) {
                        arm(migration, world.index(migration.plan.source()));
                        migration.plan.correspondents().forEach(c -> arm(migration, world.index(c)));
                    } else if (migration.armed.size()
                            == 2 + migration.plan.correspondents().size()) {
                        begin(migration);
                    }
                });
    }

    private void begin(Migration migration) {
        migration.progress = Progress.STARTED;
        int source = world.index(migration.plan.source());
        boolean[] started = new boolean[1];
        call(
                source,
                () -> !started[0] && !migration.over(),
                g -> {
                    g.tell(migration.plan, new HandoffEvent.Start());
                    return true;
                },
                ok -> started[0] = true);
        if (migration.move.abortNs() >= 0) {
            after(migration.move.abortNs(), () -> tellOnce(source, migration, new HandoffEvent.AbortRequested("user")));
        }
        watch(migration);
    }

    private void tellOnce(int gateway, Migration migration, HandoffEvent event) {
        boolean[] told = new boolean[1];
        call(
                gateway,
                () -> !told[0] && !migration.over(),
                g -> {
                    g.tell(migration.plan, event);
                    return true;
                },
                ok -> told[0] = true);
    }

    private void abort(Migration migration, String reason) {
        world.monitor.say("controller aborts " + migration.plan.epoch() + ": " + reason);
        migration.progress = Progress.ABORTING;
        tellOnce(world.index(migration.plan.source()), migration, new HandoffEvent.AbortRequested(reason));
        tellOnce(world.index(migration.plan.destination()), migration, new HandoffEvent.AbortRequested(reason));
        watch(migration);
    }

    // the outcome

    /** From a gateway; told again until it is heard, as long as that gateway lives. */
    void report(int gateway, HandoffPlan plan, char role, Phase phase) {
        if (phase != Phase.ACTIVATED && phase != Phase.RELEASED && phase != Phase.ABORTED) {
            return;
        }
        SimGateway sender = world.gateway(gateway);
        upcall(sender, sender.life(), () -> heard(gateway, plan, role, phase));
    }

    private void upcall(SimGateway sender, int senderLife, Runnable message) {
        world.timeline.in(world.wan.delayNs(sender.index, me), () -> {
            if (up && !world.wan.isCut(sender.index, me)) {
                message.run();
            } else {
                world.timeline.in(300 * MS, () -> {
                    if (sender.isUp() && sender.life() == senderLife) {
                        upcall(sender, senderLife, message);
                    }
                });
            }
        });
    }

    private void heard(int gateway, HandoffPlan plan, char role, Phase phase) {
        world.monitor.say("controller hears " + phase + " of " + plan.epoch() + " from " + gateway);
        // reports may come in any order, or die with their gateway: each tells all that it proves
        if (phase == Phase.ACTIVATED || phase == Phase.RELEASED) {
            commit(world.vm(plan), plan.after());
        }
        for (Migration migration : migrations) {
            if (migration.plan.migration().equals(plan.migration()) && !migration.over()) {
                migration.endedAtSource |= role == 'S' && phase != Phase.ACTIVATED;
                migration.endedAtDestination |= role == 'D' && phase != Phase.ACTIVATED;
                conclude(migration);
            }
        }
    }

    /** The higher epoch wins; an epoch belongs to whom it was reserved for. */
    private void commit(int vm, Binding binding) {
        if (binding.epoch().isAfter(registry[vm].epoch())) {
            if (binding.epoch().number() > reserved[vm]) {
                world.monitor.violate(7, "epoch " + binding.epoch() + " was never reserved");
            }
            registry[vm] = binding;
            world.monitor.mix(31, vm, binding.epoch().number());
            world.monitor.say("controller commits " + binding);
            for (int gateway = 0; gateway < me; gateway++) {
                sendTable(gateway);
            }
        }
    }

    private void conclude(Migration migration) {
        if (!migration.endedAtSource || !migration.endedAtDestination) {
            return;
        }
        boolean done = registry[migration.move.vm()].epoch().compareTo(migration.plan.epoch()) >= 0;
        migration.progress = done ? Progress.DONE : Progress.ROLLED_BACK;
        migration.endedNs = world.timeline.nowNs();
        world.monitor.mix(32, migration.plan.epoch().number(), done ? 1 : 0);
        world.monitor.say("controller: " + migration.plan.epoch() + " " + migration.progress);
        forget(migration);
    }

    private void forget(Migration migration) {
        for (GatewayId gateway : migration.plan.correspondents()) {
            boolean[] told = new boolean[1];
            call(
                    world.index(gateway),
                    () -> !told[0],
                    g -> {
                        g.tell(migration.plan, new HandoffEvent.Forget());
                        return true;
                    },
                    ok -> told[0] = true);
        }
    }

    /** Asks both ends again and again, for a report may have died with its gateway. */
    private void watch(Migration migration) {
        if (migration.over()) {
            return;
        }
        ask(migration, world.index(migration.plan.source()), 'S');
        ask(migration, world.index(migration.plan.destination()), 'D');
        after(1_000 * MS, () -> watch(migration));
    }

    private void ask(Migration migration, int gateway, char role) {
        boolean[] asked = new boolean[1];
        call(
                gateway,
                () -> !asked[0] && !migration.over(),
                g -> {
                    char status = g.status(migration.plan);
                    // its own bindings come with the answer: the report of an activation may be lost
                    g.binding(migration.move.vm())
                            .filter(b -> b.gateway().equals(world.names[gateway]))
                            .ifPresent(b -> commit(migration.move.vm(), b));
                    return status != 'w';
                },
                over -> {
                    asked[0] = true;
                    if (over && !migration.over()) {
                        migration.endedAtSource |= role == 'S';
                        migration.endedAtDestination |= role == 'D';
                        conclude(migration);
                    }
                });
    }

    // calls

    private interface Call {
        boolean at(SimGateway gateway);
    }

    private void call(int gateway, java.util.function.BooleanSupplier wanted, Call call, Consumer<Boolean> answered) {
        if (!up || !wanted.getAsBoolean()) {
            return;
        }
        int now = life;
        long delayNs = world.wan.delayNs(me, gateway);
        boolean lost = world.random.nextDouble() < world.scenario.signalLoss();
        world.timeline.in(delayNs, () -> {
            if (lost || world.wan.isCut(me, gateway) || !world.gateway(gateway).isUp()) {
                return;
            }
            boolean result = call.at(world.gateway(gateway));
            world.timeline.in(delayNs, () -> {
                if (up && life == now && !world.wan.isCut(me, gateway)) {
                    answered.accept(result);
                }
            });
        });
        after(2 * delayNs + 300 * MS, () -> call(gateway, wanted, call, answered));
    }

    private void after(long delayNs, Runnable action) {
        int now = life;
        world.timeline.in(delayNs, () -> {
            if (up && life == now) {
                action.run();
            }
        });
    }

    private void sendTable(int gateway) {
        tableSent[gateway] = false;
        List<Binding> bindings = List.of(registry);
        call(
                gateway,
                () -> !tableSent[gateway],
                g -> {
                    g.table(bindings);
                    return true;
                },
                ok -> tableSent[gateway] |= bindings.equals(List.of(registry)));
    }

    void gatewayDied(int gateway) {}

    void gatewayStarted(int gateway) {
        if (up) {
            after(world.wan.delayNs(me, gateway), () -> sendTable(gateway));
        }
    }

    void kill() {
        up = false;
        life++;
        world.monitor.say("controller is killed");
    }

    void start() {
        up = true;
        world.monitor.say("controller starts");
        for (int gateway = 0; gateway < me; gateway++) {
            sendTable(gateway);
        }
        for (Migration migration : migrations) {
            migration.endedAtSource = false;
            migration.endedAtDestination = false;
            migration.armed.clear();
            if (migration.progress == Progress.ARMING || migration.progress == Progress.ABORTING) {
                abort(migration, "the controller restarted before the start");
            } else if (migration.progress == Progress.STARTED) {
                begin(migration);
            } else {
                forget(migration);
            }
        }
    }

    /** The cases of docs/protocol/handoff.md, Limits, in which order is not promised. */
    boolean unordered(FlowName flow) {
        if (flow.sourceVm() >= 0 && flow.targetVm() >= 0) {
            return crossedAgain(flow.sourceVm(), flow.targetVm());
        }
        return flow.sourceVm() >= 0 && forgotten(flow.sourceVm(), flow.hostAt());
    }

    /** Both VMs have been on the move at one time, and one of them had moved before. */
    boolean crossedAgain(int a, int b) {
        boolean again = migrations.stream().filter(m -> m.move.vm() == a).count() > 1
                || migrations.stream().filter(m -> m.move.vm() == b).count() > 1;
        return again
                && migrations.stream()
                        .filter(one -> one.move.vm() == a)
                        .anyMatch(one -> migrations.stream()
                                .anyMatch(other -> other.move.vm() == b
                                        && one.beganNs < other.endedNs
                                        && other.beganNs < one.endedNs));
    }

    /** This gateway was killed while the VM was on the move: it has forgotten what it was to hold. */
    boolean forgotten(int vm, int gateway) {
        long killedNs = world.gateway(gateway).lastKilledNs();
        return migrations.stream().anyMatch(m -> m.move.vm() == vm && m.beganNs < killedNs && killedNs < m.endedNs);
    }

    @Nullable
    Migration find(HandoffPlan plan) {
        for (Migration migration : migrations) {
            if (migration.plan.migration().equals(plan.migration())) {
                return migration;
            }
        }
        return null;
    }
}
