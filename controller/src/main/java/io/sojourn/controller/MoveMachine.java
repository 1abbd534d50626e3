// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static io.sojourn.controller.MoveState.gateways;
import static io.sojourn.controller.MoveState.without;

import io.sojourn.controller.MoveAction.Abort;
import io.sojourn.controller.MoveAction.ArmCorrespondents;
import io.sojourn.controller.MoveAction.ArmDestination;
import io.sojourn.controller.MoveAction.ArmSource;
import io.sojourn.controller.MoveAction.AwaitWord;
import io.sojourn.controller.MoveAction.CommitBinding;
import io.sojourn.controller.MoveAction.Note;
import io.sojourn.controller.MoveAction.Release;
import io.sojourn.controller.MoveAction.Start;
import io.sojourn.controller.MoveEvent.Answered;
import io.sojourn.controller.MoveEvent.Begun;
import io.sojourn.controller.MoveEvent.CancelAsked;
import io.sojourn.controller.MoveEvent.GatewayBack;
import io.sojourn.controller.MoveEvent.GatewayGone;
import io.sojourn.controller.MoveEvent.Overdue;
import io.sojourn.controller.MoveEvent.Recovered;
import io.sojourn.controller.MoveEvent.Refused;
import io.sojourn.controller.MoveEvent.Reported;
import io.sojourn.controller.MoveEvent.Silent;
import io.sojourn.controller.MoveEvent.Step;
import io.sojourn.controller.MoveEvent.Unanswered;
import io.sojourn.controller.MoveEvent.Unreachable;
import io.sojourn.controller.MoveState.AbortingSource;
import io.sojourn.controller.MoveState.ArmingCorrespondents;
import io.sojourn.controller.MoveState.ArmingDestination;
import io.sojourn.controller.MoveState.ArmingSource;
import io.sojourn.controller.MoveState.Copying;
import io.sojourn.controller.MoveState.Disarming;
import io.sojourn.controller.MoveState.Done;
import io.sojourn.controller.MoveState.Draining;
import io.sojourn.controller.MoveState.Planned;
import io.sojourn.controller.MoveState.Releasing;
import io.sojourn.controller.MoveState.RolledBack;
import io.sojourn.controller.MoveState.Starting;
import io.sojourn.controller.MoveState.Switching;
import io.sojourn.rpc.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Decides what a move does next. Pure: no clock, no I/O; the same event twice changes nothing the second time.
 *
 * <p>Two rules stand above the rest. A destination that reports ACTIVATED (or a source that reports RELEASED) has the guest at the
 * destination, whatever we were doing. And a move is rolled back only on the word of the source or the destination.
 */
public final class MoveMachine {
    /** @param correspondents gateways of the VM's networks other than source and destination */
    public record Parties(String source, String destination, List<String> correspondents) {
        public Parties {
            correspondents = List.copyOf(correspondents);
        }

        SortedSet<String> all() {
            SortedSet<String> all = new TreeSet<>(correspondents);
            all.add(source);
            all.add(destination);
            return gateways(all);
        }

        boolean isCorrespondent(String gateway) {
            return !gateway.equals(source) && !gateway.equals(destination);
        }
    }

    public record Outcome(MoveState state, List<MoveAction> actions) {
        public Outcome {
            actions = List.copyOf(actions);
        }
    }

    private static final SortedSet<String> NOBODY = gateways(List.of());

    private final Parties parties;
    private final MoveState state;

    private MoveMachine(Parties parties, MoveState state) {
        this.parties = parties;
        this.state = state;
    }

    public static Outcome apply(Parties parties, MoveState state, MoveEvent event) {
        MoveMachine machine = new MoveMachine(parties, state);
        return switch (event) {
            case Begun _ ->
                state instanceof Planned ? to(new ArmingDestination(), new ArmDestination()) : machine.stay();
            case Answered answered -> machine.answered(answered.step(), answered.gateway());
            case Refused refused -> machine.refused(refused);
            case Unanswered unanswered -> machine.unanswered(unanswered);
            case Unreachable unreachable -> machine.unreachable(unreachable);
            case Reported reported -> machine.reported(reported);
            case GatewayBack back -> machine.back(back);
            case GatewayGone gone -> machine.gone(gone.gateway());
            case Silent silent -> machine.silent(silent.gateway());
            case CancelAsked _ -> machine.isBeforeSwitch() ? machine.giveUp("cancelled") : machine.stay();
            case Overdue _ -> machine.overdue();
            case Recovered _ -> machine.recovered();
        };
    }

    private static Outcome to(MoveState next, MoveAction... actions) {
        return new Outcome(next, List.of(actions));
    }

    private Outcome stay(MoveAction... actions) {
        return to(state, actions);
    }

    private boolean isBeforeSwitch() {
        return switch (state) {
            case Planned _, ArmingDestination _, ArmingSource _, ArmingCorrespondents _, Starting _, Copying _ -> true;
            default -> false;
        };
    }

    /** The guest stays at the source: undo as much as may have been done. */
    private Outcome giveUp(String reason) {
        return switch (state) {
            case Planned _ -> to(new RolledBack(reason, NOBODY));
            case ArmingDestination _ -> disarm(reason, gateways(List.of(parties.destination())), true);
            default ->
                to(
                        new AbortingSource(reason, state instanceof Switching),
                        new Abort(gateways(List.of(parties.source())), reason));
        };
    }

    private Outcome disarm(String reason, SortedSet<String> whom, boolean certain) {
        boolean beyondHold = state instanceof AbortingSource aborting && aborting.beyondHold();
        return to(new Disarming(reason, whom, NOBODY, certain, beyondHold), new Abort(whom, reason));
    }

    private Outcome sourceHasTheGuest(String reason) {
        return disarm(reason, without(parties.all(), parties.source()), true);
    }

    // ---- answers to commands

    private Outcome answered(Step step, String gateway) {
        return switch (step) {
            case ARM_DESTINATION ->
                state instanceof ArmingDestination ? to(new ArmingSource(), new ArmSource()) : stay();
            case ARM_SOURCE -> state instanceof ArmingSource ? armCorrespondents() : stay();
            case ARM_CORRESPONDENT -> correspondentSettled(gateway);
            case START -> state instanceof Starting ? to(new Copying()) : stay();
            case ABORT -> abortTaken(gateway);
            case RELEASE -> released(gateway);
        };
    }

    /** The command has been taken. What comes of it, source and destination report; a correspondent's part is over. */
    private Outcome abortTaken(String gateway) {
        boolean isEnd = !parties.isCorrespondent(gateway);
        return switch (state) {
            case AbortingSource _ -> gateway.equals(parties.source()) ? stay(new AwaitWord(gateway)) : stay();
            case Disarming disarming when isEnd && !disarming.certain() -> stay(new AwaitWord(gateway));
            default -> aborted(gateway, "");
        };
    }

    private Outcome silent(String gateway) {
        return switch (state) {
            case AbortingSource aborting ->
                aborting.beyondHold() || !gateway.equals(parties.source()) ? stay() : aborted(gateway, "");
            case Disarming disarming ->
                disarming.beyondHold() && gateway.equals(parties.source()) ? stay() : aborted(gateway, "");
            case Draining _ ->
                gateway.equals(parties.source())
                        ? to(new Releasing(parties.all(), NOBODY), new Release(parties.all()))
                        : stay();
            default -> stay();
        };
    }

    private Outcome armCorrespondents() {
        if (parties.correspondents().isEmpty()) {
            return to(new Starting(), new Start());
        }
        SortedSet<String> all = gateways(parties.correspondents());
        return to(new ArmingCorrespondents(all), new ArmCorrespondents(all));
    }

    /** Armed or not: without it the move still works, by way of the source, so it is not worth giving up for. */
    private Outcome correspondentSettled(String gateway, MoveAction... notes) {
        if (!(state instanceof ArmingCorrespondents arming)) {
            return state.isFinal() ? stay() : stay(notes);
        }
        SortedSet<String> waiting = without(arming.waiting(), gateway);
        List<MoveAction> actions = new ArrayList<>(List.of(notes));
        if (!waiting.isEmpty()) {
            return new Outcome(new ArmingCorrespondents(waiting), actions);
        }
        actions.add(new Start());
        return new Outcome(new Starting(), actions);
    }

    private Outcome aborted(String gateway, String error) {
        if (state instanceof AbortingSource aborting && gateway.equals(parties.source())) {
            return sourceHasTheGuest(aborting.reason());
        }
        if (state instanceof Disarming disarming) {
            boolean certain = disarming.certain() || !parties.isCorrespondent(gateway);
            return disarmed(new Disarming(
                    disarming.reason(),
                    without(disarming.waiting(), gateway),
                    without(disarming.gone(), gateway),
                    certain,
                    disarming.beyondHold()));
        }
        if (state instanceof RolledBack rolledBack) {
            return to(new RolledBack(rolledBack.reason(), without(rolledBack.owed(), gateway)));
        }
        return error.isEmpty() ? stay() : stay(new Note("abort", error));
    }

    private Outcome disarmed(Disarming now) {
        boolean over = now.certain() && now.gone().containsAll(now.waiting());
        return over ? to(new RolledBack(now.reason(), now.waiting())) : to(now);
    }

    private Outcome released(String gateway) {
        return switch (state) {
            case Releasing releasing ->
                settled(new Releasing(without(releasing.waiting(), gateway), without(releasing.gone(), gateway)));
            case Done done -> to(new Done(without(done.owed(), gateway)));
            default -> stay();
        };
    }

    private Outcome settled(Releasing now) {
        return now.gone().containsAll(now.waiting()) ? to(new Done(now.waiting())) : to(now);
    }

    private Outcome refused(Refused refused) {
        String gateway = refused.gateway();
        String reason = gateway + ": " + refused.error();
        return switch (refused.step()) {
            case ARM_DESTINATION -> state instanceof ArmingDestination ? giveUp(reason) : stay();
            // It has nothing of the move then; it is told nevertheless, in case it has half.
            case ARM_SOURCE -> state instanceof ArmingSource ? disarm(reason, parties.all(), true) : stay();
            case ARM_CORRESPONDENT -> correspondentSettled(gateway, new Note("not-armed", reason));
            case START -> state instanceof Starting ? giveUp(reason) : stay();
            case ABORT -> abortRefused(gateway, reason);
            case RELEASE -> released(gateway);
        };
    }

    private Outcome abortRefused(String gateway, String reason) {
        if (state instanceof AbortingSource && gateway.equals(parties.source())) {
            return to(new Switching(), new Note("too-late", reason));
        }
        if (!(state instanceof Disarming disarming)) {
            return state instanceof RolledBack ? aborted(gateway, "") : stay();
        }
        if (gateway.equals(parties.destination()) && !disarming.certain()) {
            return to(new Switching(), new Note("too-late", reason));
        }
        Disarming rest = new Disarming(
                disarming.reason(),
                without(disarming.waiting(), gateway),
                disarming.gone(),
                disarming.certain(),
                disarming.beyondHold());
        Outcome outcome = disarmed(rest);
        return to(outcome.state(), new Note("not-disarmed", reason));
    }

    private Outcome unanswered(Unanswered unanswered) {
        String gateway = unanswered.gateway();
        return switch (unanswered.step()) {
            case ABORT, RELEASE -> again(gateway);
            default -> refused(new Refused(unanswered.step(), gateway, "no answer in time; see its log"));
        };
    }

    private Outcome unreachable(Unreachable unreachable) {
        String gateway = unreachable.gateway();
        return switch (unreachable.step()) {
            case START, ABORT, RELEASE -> stay(); // GatewayBack sends it again, GatewayGone decides
            default -> refused(new Refused(unreachable.step(), gateway, "not connected to the controller"));
        };
    }

    /** What this gateway still has to be told. */
    private Outcome again(String gateway) {
        SortedSet<String> it = gateways(List.of(gateway));
        return switch (state) {
            case Starting _ when gateway.equals(parties.source()) -> stay(new Start());
            case AbortingSource aborting
            when gateway.equals(parties.source()) -> stay(new Abort(it, aborting.reason()));
            case Disarming disarming
            when disarming.waiting().contains(gateway) ->
                to(
                        new Disarming(
                                disarming.reason(),
                                disarming.waiting(),
                                without(disarming.gone(), gateway),
                                disarming.certain(),
                                disarming.beyondHold()),
                        new Abort(it, disarming.reason()));
            case Releasing releasing
            when releasing.waiting().contains(gateway) ->
                to(new Releasing(releasing.waiting(), without(releasing.gone(), gateway)), new Release(it));
            case Done done when done.owed().contains(gateway) -> stay(new Release(it));
            case RolledBack rolledBack
            when rolledBack.owed().contains(gateway) -> stay(new Abort(it, rolledBack.reason()));
            default -> stay();
        };
    }

    // ---- reports

    private Outcome reported(Reported report) {
        String gateway = report.gateway();
        if (state instanceof Done) {
            // It came back late: it must forget the move.
            boolean hasForgotten = report.phase() == Phase.RELEASED;
            return hasForgotten ? stay() : stay(new Release(gateways(List.of(gateway))));
        }
        if (state instanceof RolledBack rolledBack) {
            if (report.phase() == Phase.ACTIVATED) {
                // A gateway broke its word. Its epoch is burnt, so nobody will send to it; a person has to look.
                return stay(
                        new Note("activated-after-roll-back", gateway + " runs the guest too: stop that copy"),
                        new Abort(gateways(List.of(gateway)), rolledBack.reason()));
            }
            return report.phase() == Phase.ABORTED
                    ? aborted(gateway, "")
                    : stay(new Abort(gateways(List.of(gateway)), rolledBack.reason()));
        }
        boolean isSource = gateway.equals(parties.source());
        boolean isDestination = gateway.equals(parties.destination());
        return switch (report.phase()) {
            case COPYING -> isSource && state instanceof Starting ? to(new Copying()) : stay();
            case HELD, PAUSED -> isSource ? switching() : stay();
            case ACTIVATED -> isDestination ? activated() : stay();
            case DRAINING -> isSource ? activated() : stay();
            case RELEASED -> isSource ? sourceReleased() : stay();
            case ABORTED -> abortReported(gateway, report.error());
            default -> stay();
        };
    }

    private Outcome switching() {
        return switch (state) {
            case Starting _, Copying _ -> to(new Switching());
            case AbortingSource aborting -> to(new AbortingSource(aborting.reason(), true));
            default -> stay();
        };
    }

    private Outcome activated() {
        return switch (state) {
            case Draining _, Releasing _ -> stay();
            default -> to(new Draining(), new CommitBinding());
        };
    }

    private Outcome sourceReleased() {
        Release release = new Release(parties.all());
        return switch (state) {
            case Releasing _ -> stay();
            case Draining _ -> to(new Releasing(parties.all(), NOBODY), release);
            default -> to(new Releasing(parties.all(), NOBODY), new CommitBinding(), release);
        };
    }

    private Outcome abortReported(String gateway, String error) {
        String reason = gateway + ": " + (error.isEmpty() ? "aborted" : error);
        return switch (state) {
            case AbortingSource _, Disarming _ -> aborted(gateway, reason);
            case Draining _, Releasing _ -> stay(new Note("abort", reason));
            default -> {
                if (gateway.equals(parties.source())) {
                    yield sourceHasTheGuest(reason);
                }
                yield parties.isCorrespondent(gateway) ? stay(new Note("abort", reason)) : giveUp(reason);
            }
        };
    }

    // ---- gateways that come and go, and ourselves

    private Outcome back(GatewayBack back) {
        String gateway = back.gateway();
        if (!back.restarted()) {
            return again(gateway);
        }
        String reason = gateway + " was restarted in the middle of the move";
        boolean isSource = gateway.equals(parties.source());
        boolean isDestination = gateway.equals(parties.destination());
        return switch (state) {
            case ArmingDestination _ -> isDestination ? giveUp(reason) : stay();
            case ArmingSource _, ArmingCorrespondents _, Starting _, Copying _ ->
                isSource || isDestination ? giveUp(reason) : rearm(gateway);
            // Both know from their journals how far they were, and report it; a guest that runs at the destination says
            // it all.
            case Switching _ -> isDestination && back.runsVm() ? activated() : stay();
            // One that does not take the move up had ended it, and died before it could say so.
            case Draining _ when isSource -> back.takesUp() ? stay(new AwaitWord(gateway)) : sourceReleased();
            case Draining _ -> stay();
            default -> again(gateway);
        };
    }

    private Outcome rearm(String gateway) {
        return state instanceof ArmingSource ? stay() : stay(new ArmCorrespondents(gateways(List.of(gateway))));
    }

    private Outcome gone(String gateway) {
        String reason = gateway + " is not connected to the controller";
        boolean isSource = gateway.equals(parties.source());
        boolean isEnd = !parties.isCorrespondent(gateway);
        return switch (state) {
            case ArmingDestination _ -> isEnd ? giveUp(reason) : stay();
            case ArmingSource _, Starting _, Copying _ -> isEnd ? giveUp(reason) : stay();
            case ArmingCorrespondents _ ->
                isEnd ? giveUp(reason) : correspondentSettled(gateway, new Note("not-armed", reason));
            case AbortingSource aborting -> isSource ? disarm(aborting.reason(), parties.all(), false) : stay();
            case Disarming disarming -> {
                SortedSet<String> gone = new TreeSet<>(disarming.gone());
                if (disarming.waiting().contains(gateway)) {
                    gone.add(gateway);
                }
                yield disarmed(new Disarming(
                        disarming.reason(),
                        disarming.waiting(),
                        gateways(gone),
                        disarming.certain(),
                        disarming.beyondHold()));
            }
            case Draining _ -> isSource ? to(new Releasing(parties.all(), NOBODY), new Release(parties.all())) : stay();
            case Releasing releasing -> {
                SortedSet<String> gone = new TreeSet<>(releasing.gone());
                if (releasing.waiting().contains(gateway)) {
                    gone.add(gateway);
                }
                yield settled(new Releasing(releasing.waiting(), gateways(gone)));
            }
            case Planned _, Switching _, Done _, RolledBack _ -> stay();
        };
    }

    private Outcome overdue() {
        return switch (state) {
            case Starting _, Copying _ -> giveUp("took longer than it may");
            case Switching _ -> stay(new Note("overdue", "waiting for a word of source or destination"));
            default -> stay();
        };
    }

    private Outcome recovered() {
        String reason = "the controller was restarted before the copy began";
        return switch (state) {
            case Planned _, ArmingDestination _, ArmingSource _, ArmingCorrespondents _ -> giveUp(reason);
            case Starting _ -> stay(new Start());
            case AbortingSource aborting -> stay(new Abort(gateways(List.of(parties.source())), aborting.reason()));
            case Disarming disarming -> stay(new Abort(disarming.waiting(), disarming.reason()));
            case Releasing releasing -> stay(new Release(releasing.waiting()));
            case Copying _, Switching _, Draining _ -> stay();
            case Done _, RolledBack _ -> stay(); // GatewayBack pays what is owed
        };
    }
}
