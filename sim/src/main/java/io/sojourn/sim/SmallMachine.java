// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One gateway's handoff machine in a {@link SmallWorld}: its state as a number, its timers as bits. Time stands still for it. */
final class SmallMachine {
    static final long NOW_NS = 1_000_000_000_000_000L;

    private static final Map<Object, Integer> NUMBERS = new HashMap<>();
    private static final List<Timer> TIMERS = new ArrayList<>();

    private Object state;
    private int number;
    boolean finished;
    /** One bit for each of {@link #timers}. */
    private int timers;

    SmallMachine(Object first) {
        state = plain(first);
        number = number(state);
    }

    private SmallMachine(SmallMachine other) {
        state = other.state;
        number = other.number;
        finished = other.finished;
        timers = other.timers;
    }

    SmallMachine copy() {
        return new SmallMachine(this);
    }

    Object state() {
        return state;
    }

    void become(Object next) {
        if (next != state) {
            state = plain(next);
            number = number(state);
        }
    }

    void finish() {
        finished = true;
        timers = 0;
    }

    /** What the production code makes of an event; null if it is none of this machine's. */
    @Nullable
    Step<?> apply(HandoffEvent event) {
        long nowNs = event instanceof HandoffEvent.Quiet ? 2 * NOW_NS : NOW_NS;
        if (state instanceof SourceHandoff.State s && event instanceof HandoffEvent.AtSource e) {
            return SourceHandoff.apply(s, e, nowNs);
        }
        if (state instanceof DestinationHandoff.State s && event instanceof HandoffEvent.AtDestination e) {
            return DestinationHandoff.apply(s, e, nowNs);
        }
        if (state instanceof CorrespondentHandoff.State s && event instanceof HandoffEvent.AtCorrespondent e) {
            return CorrespondentHandoff.apply(s, e, nowNs);
        }
        return null;
    }

    // timers, which are either set or not

    /** All that any machine has ever set. */
    static List<Timer> timers() {
        return TIMERS;
    }

    private static int bit(Timer timer) {
        int at = TIMERS.indexOf(timer);
        if (at < 0) {
            at = TIMERS.size();
            TIMERS.add(timer);
        }
        return 1 << at;
    }

    void set(Timer timer) {
        timers |= bit(timer);
    }

    void clear(Timer timer) {
        timers &= ~bit(timer);
    }

    /** @param timer as an index of {@link #timers} */
    boolean isSet(int timer) {
        return (timers & 1 << timer) != 0;
    }

    // telling states apart

    /** Equal objects have equal numbers. */
    static int number(Object object) {
        return NUMBERS.computeIfAbsent(object, k -> NUMBERS.size());
    }

    int number() {
        return number;
    }

    /** Timers and end as one number. */
    long flags() {
        return timers + (finished ? 1L << 40 : 0);
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
}
