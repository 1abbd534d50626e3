// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.label.ControlMessage.Kind;
import io.sojourn.label.LabelState.Closed;
import io.sojourn.label.LabelState.Echoed;
import io.sojourn.label.LabelState.Legacy;
import io.sojourn.label.LabelState.Offered;
import io.sojourn.label.LabelState.Open;
import io.sojourn.label.LabelState.Request;
import java.util.List;
import java.util.Optional;

/** What becomes of a label, and what has to be done: a function of state, event and time. */
public final class LabelMachine {
    /** A set-up takes no longer: neither side goes by a label that the other may not know of. */
    public static final long SET_UP_MS = 60_000;
    /** How long a host that has stopped is waited for, and a RESUME sent: Linux gives a connection up after about as much (tcp_retries2). */
    public static final long SUSPENDED_MS = 15 * 60_000;

    private static final long CLOSED_MS = 60_000;
    private static final long FIRST_AGAIN_MS = 200;
    private static final long LAST_AGAIN_MS = 2_000;
    private static final int TIMES = 12;

    /** @param state the next one */
    public record Step(LabelState state, List<LabelAction> actions) {
        static Step of(LabelState state, LabelAction... actions) {
            return new Step(state, List.of(actions));
        }
    }

    private LabelMachine() {}

    public static Step apply(LabelState state, LabelEvent event, long nowMs) {
        return switch (state) {
            case Offered offered -> offered(offered, event, nowMs);
            case Echoed echoed -> echoed(echoed, event, nowMs);
            case Open open -> open(open, event, nowMs);
            case Closed closed -> closed(closed, event, nowMs);
            case Legacy legacy -> Step.of(legacy);
        };
    }

    private static Request request(Kind kind, long nowMs) {
        return new Request(kind, 1, nowMs, nowMs + FIRST_AGAIN_MS);
    }

    private static Request again(Request r, long nowMs) {
        long pause = Math.min(LAST_AGAIN_MS, FIRST_AGAIN_MS << Math.min(r.times(), 8));
        return new Request(r.kind(), r.times() + 1, r.sinceMs(), nowMs + pause);
    }

    private static Step forgotten() {
        return Step.of(new Legacy(), new LabelAction.Forget());
    }

    private static Step offered(Offered was, LabelEvent event, long nowMs) {
        return switch (event) {
            case LabelEvent.SynAgain e -> Step.of(new Offered(was.times() + 1, was.untilMs()));
            case LabelEvent.EchoCame e ->
                Step.of(
                        new Open(Optional.of(request(Kind.CONFIRM, nowMs)), false, LabelState.NEVER),
                        new LabelAction.Ask(Kind.CONFIRM));
            case LabelEvent.PlainAnswer e -> forgotten();
            case LabelEvent.Ended e -> forgotten();
            case LabelEvent.Tick e -> nowMs >= was.untilMs() ? forgotten() : Step.of(was);
            // Whoever moves before he is answered begins anew by himself.
            case LabelEvent.Moved e -> forgotten();
            case LabelEvent.Asked e -> Step.of(was);
            case LabelEvent.Answered e -> Step.of(was);
            case LabelEvent.Stopped e -> Step.of(was);
            case LabelEvent.Runs e -> Step.of(was);
        };
    }

    private static Step echoed(Echoed was, LabelEvent event, long nowMs) {
        return switch (event) {
            // Whatever the initiator asks, he knows the label.
            case LabelEvent.Asked e -> open(LabelState.settled(), event, nowMs);
            case LabelEvent.Moved e -> open(LabelState.settled(), event, nowMs);
            case LabelEvent.Ended e -> forgotten();
            case LabelEvent.Tick e -> nowMs >= was.untilMs() ? forgotten() : Step.of(was);
            case LabelEvent.SynAgain e -> Step.of(was);
            case LabelEvent.EchoCame e -> Step.of(was);
            case LabelEvent.PlainAnswer e -> Step.of(was);
            case LabelEvent.Answered e -> Step.of(was);
            case LabelEvent.Stopped e -> Step.of(was);
            case LabelEvent.Runs e -> Step.of(was);
        };
    }

    private static Step open(Open was, LabelEvent event, long nowMs) {
        return switch (event) {
            case LabelEvent.Asked(Kind kind, boolean isFree) -> asked(was, kind, isFree, nowMs);
            case LabelEvent.Answered(Kind kind) -> answered(was, kind, nowMs);
            case LabelEvent.Moved e -> ask(was, Kind.RESUME, false, nowMs);
            case LabelEvent.Stopped e -> ask(was, Kind.SUSPEND, true, nowMs);
            case LabelEvent.Runs e -> was.hasStopped() ? ask(was, Kind.RESUME, false, nowMs) : Step.of(was);
            case LabelEvent.Ended e ->
                Step.of(
                        new Closed(Optional.of(request(Kind.CLOSE, nowMs)), nowMs + CLOSED_MS),
                        new LabelAction.Ask(Kind.CLOSE));
            case LabelEvent.Tick e -> tick(was, nowMs);
            case LabelEvent.SynAgain e -> Step.of(was);
            case LabelEvent.EchoCame e -> Step.of(was);
            case LabelEvent.PlainAnswer e -> Step.of(was);
        };
    }

    /** A later request takes an earlier one's place: it says more. */
    private static Step ask(Open was, Kind kind, boolean hasStopped, long nowMs) {
        return Step.of(
                new Open(Optional.of(request(kind, nowMs)), hasStopped, was.suspendedUntilMs()),
                new LabelAction.Ask(kind));
    }

    private static Step asked(Open was, Kind kind, boolean isFree, long nowMs) {
        LabelAction done = new LabelAction.Answer(Kind.DONE);
        return switch (kind) {
            case CONFIRM -> Step.of(was, done);
            case SUSPEND -> Step.of(new Open(was.request(), was.hasStopped(), nowMs + SUSPENDED_MS), done);
            case RESUME -> {
                if (!isFree) {
                    yield Step.of(was, new LabelAction.Answer(Kind.TAKEN));
                }
                Open there = new Open(was.request(), was.hasStopped(), LabelState.NEVER);
                // The answer comes before what was held.
                yield there.request().isPresent()
                        ? Step.of(
                                there,
                                new LabelAction.Remap(),
                                done,
                                new LabelAction.AskAgain(),
                                new LabelAction.Release())
                        : Step.of(there, new LabelAction.Remap(), done, new LabelAction.Release());
            }
            case CLOSE -> Step.of(new Closed(Optional.empty(), nowMs + CLOSED_MS), done);
            case DONE, TAKEN, INVALID -> Step.of(was);
        };
    }

    private static Step answered(Open was, Kind kind, long nowMs) {
        Optional<Request> request = was.request();
        if (request.isEmpty()) {
            return Step.of(was);
        }
        boolean resumed = request.get().kind() == Kind.RESUME;
        if (kind == Kind.TAKEN && resumed) {
            return Step.of(
                    new Open(Optional.of(request(Kind.RESUME, nowMs)), was.hasStopped(), was.suspendedUntilMs()),
                    new LabelAction.TakeOtherPlace(),
                    new LabelAction.Ask(Kind.RESUME));
        }
        Open settled = new Open(Optional.empty(), was.hasStopped(), was.suspendedUntilMs());
        return resumed ? Step.of(settled, new LabelAction.Release()) : Step.of(settled);
    }

    private static Step tick(Open was, long nowMs) {
        if (nowMs >= was.suspendedUntilMs()) {
            return forgotten();
        }
        Request r = was.request().orElse(null);
        if (r == null || nowMs < r.nextMs()) {
            return Step.of(was);
        }
        if (r.kind() == Kind.RESUME ? nowMs - r.sinceMs() >= SUSPENDED_MS : r.times() >= TIMES) {
            // Without a confirmed label, or with nobody there, it is plain TCP; that a stop was not heard of changes
            // nothing.
            return r.kind() == Kind.SUSPEND
                    ? Step.of(new Open(Optional.empty(), was.hasStopped(), was.suspendedUntilMs()))
                    : forgotten();
        }
        return Step.of(
                new Open(Optional.of(again(r, nowMs)), was.hasStopped(), was.suspendedUntilMs()),
                new LabelAction.AskAgain());
    }

    private static Step closed(Closed was, LabelEvent event, long nowMs) {
        return switch (event) {
            case LabelEvent.Asked e -> Step.of(was, new LabelAction.Answer(Kind.DONE));
            case LabelEvent.Answered e -> Step.of(new Closed(Optional.empty(), was.untilMs()));
            case LabelEvent.Tick e -> {
                if (nowMs >= was.untilMs()) {
                    yield forgotten();
                }
                Request r = was.request().orElse(null);
                yield r == null || nowMs < r.nextMs() || r.times() >= TIMES
                        ? Step.of(was)
                        : Step.of(new Closed(Optional.of(again(r, nowMs)), was.untilMs()), new LabelAction.AskAgain());
            }
            case LabelEvent.SynAgain e -> Step.of(was);
            case LabelEvent.EchoCame e -> Step.of(was);
            case LabelEvent.PlainAnswer e -> Step.of(was);
            case LabelEvent.Moved e -> Step.of(was);
            case LabelEvent.Stopped e -> Step.of(was);
            case LabelEvent.Runs e -> Step.of(was);
            case LabelEvent.Ended e -> Step.of(was);
        };
    }
}
