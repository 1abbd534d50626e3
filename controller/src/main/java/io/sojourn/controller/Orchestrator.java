// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.controller.MoveEvent.Step;
import io.sojourn.mechanism.Page;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.registry.ConflictException;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Reply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries moves out. For every event of a move, in this order: 1 let {@link MoveMachine} decide, 2 store the new state (and the
 * binding, in the same commit), 3 act. So a controller that dies between any two of them finds in the registry at least
 * as much as it has done, and goes on from there.
 *
 * <p>Threads: one, which owns all {@link Move}s; everybody else posts to it. It never waits for a gateway.
 */
final class Orchestrator implements Gateways.Moves, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Orchestrator.class);
    private static final int DEFAULT_TOTAL_S = 3600;
    private static final int OVERDUE_MARGIN_S = 60;
    private static final int ABORT_TIMES_COMMAND = 3;

    private final Realm realm;
    private final Gateways gateways;
    private final Detections detections;
    private final Certificates certificates;
    private final ControllerConfig.Timeouts timeouts;
    private final Time time;
    /** Moves under way, and those over that some gateway does not know to be over. */
    private final Map<String, Move> unsettled = new HashMap<>();

    private final AtomicLong endedDone = new AtomicLong();
    private final AtomicLong endedRolledBack = new AtomicLong();
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("orchestrator").factory());
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("orchestrator-timer").factory());

    Orchestrator(
            Realm realm, Gateways gateways, Certificates certificates, ControllerConfig.Timeouts timeouts, Time time) {
        this.realm = realm;
        this.gateways = gateways;
        this.detections = new Detections(realm, time);
        this.certificates = certificates;
        this.timeouts = timeouts;
        this.time = time;
    }

    /** Takes up what was under way when the controller ended. To be called before gateways can attach. */
    void start() {
        call(() -> {
            for (MoveDocument document : realm.moves()) {
                if (!document.state().isSettled()) {
                    Move move = new Move(document);
                    log.info(
                            "move {} was {} when the controller ended: going on",
                            move.id(),
                            document.shown().state());
                    unsettled.put(move.id(), move);
                    move.note(
                            time.nowUs(), "controller-restart", document.shown().state());
                    happen(move, new MoveEvent.Recovered());
                    move.parties().all().forEach(this::lookForLater);
                    watchTotal(move);
                }
            }
            return true;
        });
    }

    private void post(Runnable work) {
        try {
            thread.execute(() -> {
                try {
                    work.run();
                } catch (RuntimeException e) {
                    log.error("orchestrator: {}", e.getMessage(), e);
                }
            });
        } catch (RejectedExecutionException e) {
            log.debug("the controller is ending", e);
        }
    }

    private <T> T call(Callable<T> work) {
        try {
            return thread.submit(work).get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private void later(Duration delay, Runnable work) {
        try {
            var _ = timer.schedule(() -> post(work), delay.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            log.debug("the controller is ending", e);
        }
    }

    // ---- what people ask for

    /** Stores the plans in one commit, all or none, and sets out. @throws RefusalException if one of the VMs is moving already */
    List<Resource.Migration> begin(List<MovePlanner.Plan> plans) {
        return call(() -> {
            for (MovePlanner.Plan plan : plans) {
                activeMoveOf(plan.vm().name()).ifPresent(id -> {
                    throw MovePlanner.underWay(plan.vm().name(), id);
                });
            }
            List<Move> moves = new ArrayList<>();
            List<Write> records = new ArrayList<>();
            for (MovePlanner.Plan plan : plans) {
                Epoch epoch = reserveEpoch(plan.vm().name());
                Move move = new Move(plan.document(epoch.number(), time.now()));
                move.note(time.nowUs(), "planned", "epoch " + epoch.number());
                moves.add(move);
                records.add(Write.create(Kind.MIGRATION, move.id(), Json.write(move.document())));
            }
            realm.store().commit(records);
            for (Move move : moves) {
                unsettled.put(move.id(), move);
                log.info(
                        "move {}: {} to {}",
                        move.id(),
                        move.parties().source(),
                        move.parties().destination());
                post(() -> happen(move, new MoveEvent.Begun()));
            }
            return moves.stream().map(move -> move.document().shown()).toList();
        });
    }

    /** @param name an id, or what a person may write for one: see {@link Realm#findMove} */
    Resource.Migration cancel(String name) {
        String id = realm.findMove(name).shown().id();
        return call(() -> {
            Move move = unsettled.get(id);
            if (move == null || move.state().isFinal()) {
                MoveDocument over = realm.findMove(id);
                throw new RefusalException(
                        409,
                        "too-late",
                        "migration " + id + " has ended: " + over.shown().state());
            }
            switch (move.state()) {
                case MoveState.Switching _, MoveState.Draining _, MoveState.Releasing _ ->
                    throw new RefusalException(
                            409,
                            "too-late",
                            "migration " + id + " is " + move.state().shown()
                                    + ": the switch has begun and completes by itself");
                default -> happen(move, new MoveEvent.CancelAsked());
            }
            return move.document().shown();
        });
    }

    /** One that no page address can take for the binding's: of that it has four bits, which come round after sixteen moves that came to nothing. */
    private Epoch reserveEpoch(String vm) {
        long bound = realm.binding(vm).map(binding -> binding.epoch().number()).orElse(0L);
        Epoch epoch = realm.store().reserveEpoch(new VmId(vm));
        while ((epoch.number() - bound) % (1 << Page.EPOCH4_BITS) == 0) {
            epoch = realm.store().reserveEpoch(new VmId(vm));
        }
        return epoch;
    }

    /** Of a VM; empty if it is not moving. */
    Optional<String> moveOf(String vm) {
        return call(() -> activeMoveOf(vm));
    }

    Map<String, String> movesByVm() {
        return call(() -> {
            Map<String, String> moves = new HashMap<>();
            unsettled.values().stream()
                    .filter(m -> !m.state().isFinal())
                    .forEach(m -> moves.put(m.vm().name(), m.id()));
            return moves;
        });
    }

    /** Under way, newest first. */
    List<Resource.Migration> active() {
        return call(() -> unsettled.values().stream()
                .filter(m -> !m.state().isFinal())
                .map(m -> m.document().shown())
                .sorted(Comparator.comparing(Resource.Migration::createdAt).reversed())
                .toList());
    }

    /** Since the start of this process. */
    long ended(boolean done) {
        return done ? endedDone.get() : endedRolledBack.get();
    }

    private Optional<String> activeMoveOf(String vm) {
        return unsettled.values().stream()
                .filter(m -> m.vm().name().equals(vm) && !m.state().isFinal())
                .map(Move::id)
                .findFirst();
    }

    // ---- what gateways tell

    @Override
    public void attached(String gateway, boolean restarted, Set<String> runningVms, Set<String> unfinished) {
        post(() -> {
            for (Move move : List.copyOf(unsettled.values())) {
                if (move.parties().all().contains(gateway)) {
                    if (restarted && !move.state().isFinal()) {
                        move.note(time.nowUs(), "gateway-restart", gateway);
                    }
                    boolean runs = runningVms.contains(move.vm().name());
                    happen(move, new MoveEvent.GatewayBack(gateway, restarted, runs, unfinished.contains(move.id())));
                }
            }
        });
    }

    @Override
    public void detached(String gateway) {
        lookForLater(gateway);
    }

    /** If it is still away when the grace period is over, that is an event. */
    private void lookForLater(String gateway) {
        later(timeouts.gatewayGrace(), () -> {
            if (!gateways.isConnected(gateway)) {
                for (Move move : List.copyOf(unsettled.values())) {
                    if (move.parties().all().contains(gateway)) {
                        happen(move, new MoveEvent.GatewayGone(gateway));
                    }
                }
            }
        });
    }

    @Override
    public void reported(String gateway, long bootId, MigrationReport report, Runnable stored) {
        post(() -> {
            take(gateway, bootId, report);
            stored.run();
        });
    }

    private void take(String gateway, long bootId, MigrationReport report) {
        if (report.hasHalf()) {
            certificates.take(gateway, report);
            return;
        }
        Move move = unsettled.get(report.getMigration());
        if (move == null) {
            Optional<MoveDocument> over = realm.move(report.getMigration());
            if (over.isEmpty() && !report.getClaimedFrom().isEmpty()) {
                detections.take(gateway, report);
                return;
            }
            if (over.isEmpty()) {
                disown(gateway, report);
                return;
            }
            move = new Move(over.get());
        }
        if (!move.parties().all().contains(gateway) || !move.isNew(gateway, bootId, report.getSequence())) {
            return;
        }
        move.take(gateway, report, gateways.clock(gateway).offsetUs());
        MoveMachine.Outcome outcome = MoveMachine.apply(
                move.parties(), move.state(), new MoveEvent.Reported(gateway, report.getPhase(), report.getError()));
        follow(move, outcome, true);
    }

    /** Another registry's move, or one of before the registry was lost. What runs, stays; what has not yet begun, is undone. */
    private void disown(String gateway, MigrationReport report) {
        log.warn(
                "gateway {} reports {} of a move that nobody here knows: {}",
                gateway,
                report.getPhase(),
                report.getMigration());
        switch (report.getPhase()) {
            case ARMED, COPYING ->
                send(gateway, MoveCommands.abort(report.getMigration(), "not known to the controller"));
            case ACTIVATED, FLIPPED, DRAINING, RELEASED -> send(gateway, MoveCommands.release(report.getMigration()));
            case HELD, PAUSED, ABORTED, PHASE_INVALID, UNRECOGNIZED -> {}
        }
    }

    private void send(String gateway, Command.Builder command) {
        var _ = gateways.ask(gateway, command, timeouts.command())
                .whenComplete((reply, failure) -> log.debug("{}: {} {}", gateway, reply, failure));
    }

    // ---- the three steps

    private void happen(Move move, MoveEvent event) {
        follow(move, MoveMachine.apply(move.parties(), move.state(), event), false);
    }

    private void follow(Move move, MoveMachine.Outcome outcome, boolean alreadyChanged) {
        boolean changed = alreadyChanged;
        boolean bind = false;
        MoveState before = move.state();
        if (!outcome.state().equals(before)) {
            changed = true;
            if (!outcome.state().shown().equals(before.shown())) {
                log.info("move {}: {}{}", move.id(), outcome.state().shown(), reason(outcome.state()));
                move.note(time.nowUs(), outcome.state().shown().toLowerCase(Locale.ROOT), reason(outcome.state()));
            }
            if (outcome.state().isFinal() && !before.isFinal()) {
                (outcome.state() instanceof MoveState.Done ? endedDone : endedRolledBack).incrementAndGet();
            }
            move.enter(outcome.state(), time.now());
        }
        for (MoveAction action : outcome.actions()) {
            if (action instanceof MoveAction.Note note) {
                log.info("move {}: {} {}", move.id(), note.event(), note.detail());
                move.note(time.nowUs(), note.event(), note.detail());
                changed = true;
            }
            bind |= action instanceof MoveAction.CommitBinding;
        }
        if (changed) {
            store(move, bind);
        }
        if (move.state().isSettled()) {
            unsettled.remove(move.id());
        }
        outcome.actions().forEach(action -> act(move, action));
    }

    private static String reason(MoveState state) {
        return switch (state) {
            case MoveState.AbortingSource aborting -> ": " + aborting.reason();
            case MoveState.RolledBack rolledBack -> ": " + rolledBack.reason();
            default -> "";
        };
    }

    private void store(Move move, boolean bind) {
        List<Write> writes = new ArrayList<>();
        if (bind) {
            writes.addAll(rebinding(move));
        }
        Write record = Write.put(Kind.MIGRATION, move.id(), Json.write(move.document()));
        writes.add(record);
        try {
            realm.store().commit(writes);
        } catch (ConflictException e) {
            // Only if somebody wrote the binding around us: theirs is newer, and the record must say what was found.
            log.error("move {}: {}", move.id(), e.getMessage());
            move.note(time.nowUs(), "binding-conflict", String.valueOf(e.getMessage()));
            realm.store().commit(List.of(Write.put(Kind.MIGRATION, move.id(), Json.write(move.document()))));
        }
    }

    /** The VM is at the destination, its hypervisor is the one that received it, and the landing place is used up. */
    private List<Write> rebinding(Move move) {
        String vm = move.vm().name();
        String destination = move.parties().destination();
        List<Write> writes = new ArrayList<>();
        writes.add(new Write.Bind(
                new Binding(
                        new VmId(vm),
                        new GatewayId(destination),
                        new Epoch(move.plan().epoch())),
                move.id()));
        realm.vm(vm).ifPresent(registered -> {
            Resource.Vm now = Inventory.landed(registered.value(), move.destinationQmp());
            writes.add(Write.put(Kind.VM, vm, Json.write(now)));
        });
        writes.add(new Write.Delete(Kind.LANDING, Realm.landingKey(vm, destination)));
        return writes;
    }

    private void act(Move move, MoveAction action) {
        Duration command = timeouts.command();
        switch (action) {
            case MoveAction.ArmDestination _ ->
                ask(
                        move,
                        Step.ARM_DESTINATION,
                        move.parties().destination(),
                        MoveCommands.armDestination(move),
                        timeouts.armDestination());
            case MoveAction.ArmSource _ ->
                ask(move, Step.ARM_SOURCE, move.parties().source(), MoveCommands.armSource(move), command);
            case MoveAction.ArmCorrespondents arm ->
                arm.gateways()
                        .forEach(g ->
                                ask(move, Step.ARM_CORRESPONDENT, g, MoveCommands.armCorrespondent(move), command));
            case MoveAction.Start _ -> {
                ask(move, Step.START, move.parties().source(), MoveCommands.start(move), command);
                watchTotal(move);
            }
            case MoveAction.Abort abort ->
                abort.gateways()
                        .forEach(g -> ask(
                                move,
                                Step.ABORT,
                                g,
                                MoveCommands.abort(move.id(), abort.reason()),
                                command.multipliedBy(ABORT_TIMES_COMMAND)));
            case MoveAction.Release release ->
                release.gateways().forEach(g -> ask(move, Step.RELEASE, g, MoveCommands.release(move.id()), command));
            case MoveAction.AwaitWord await -> awaitWord(move, await.gateway());
            case MoveAction.CommitBinding _, MoveAction.Note _ -> {} // done with the store
        }
    }

    private void awaitWord(Move move, String gateway) {
        later(timeouts.command(), () -> {
            if (unsettled.containsKey(move.id()) && gateways.isConnected(gateway)) {
                happen(move, new MoveEvent.Silent(gateway));
            }
        });
    }

    private void watchTotal(Move move) {
        Integer maxTotalS = move.plan().maxTotalS();
        int totalS = maxTotalS == null || maxTotalS == 0 ? DEFAULT_TOTAL_S : maxTotalS;
        later(Duration.ofSeconds(totalS + OVERDUE_MARGIN_S), () -> {
            if (unsettled.containsKey(move.id())) {
                happen(move, new MoveEvent.Overdue());
            }
        });
    }

    private void ask(Move move, Step step, String gateway, Command.Builder command, Duration timeout) {
        var _ = gateways.ask(gateway, command, timeout)
                .whenComplete((reply, failure) -> post(() -> answered(move, step, gateway, reply, failure)));
    }

    private void answered(Move move, Step step, String gateway, @Nullable Reply reply, @Nullable Throwable failure) {
        if (reply != null) {
            if (step == Step.ARM_DESTINATION) {
                boolean detailIsPath =
                        reply.getQmp().isEmpty() && reply.getDetail().startsWith("/");
                move.destinationArmed(reply.getStreamToken(), detailIsPath ? reply.getDetail() : reply.getQmp());
            }
            if (step == Step.ARM_SOURCE && reply.getCorrespondentsCount() > 0) {
                move.note(time.nowUs(), "correspondents", String.join(" ", reply.getCorrespondentsList()));
            }
            happen(move, new MoveEvent.Answered(step, gateway));
            return;
        }
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        switch (cause) {
            case Attachment.RefusedException refused ->
                happen(move, new MoveEvent.Refused(step, gateway, String.valueOf(refused.getMessage())));
            case Attachment.GoneException _ -> {
                happen(move, new MoveEvent.Unreachable(step, gateway));
                lookForLater(gateway);
            }
            case null, default -> happen(move, new MoveEvent.Unanswered(step, gateway));
        }
    }

    @Override
    public void close() {
        timer.shutdownNow();
        thread.shutdown();
        try {
            if (!thread.awaitTermination(5, TimeUnit.SECONDS)) {
                log.warn("the orchestrator did not end within 5 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
