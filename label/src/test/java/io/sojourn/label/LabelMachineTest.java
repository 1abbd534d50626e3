// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.label.ControlMessage.Kind;
import io.sojourn.label.LabelState.Open;
import io.sojourn.label.LabelState.Request;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LabelMachineTest {
    private static final long NOW = 1_000_000;
    private static final Map<String, LabelState> STATES = Map.of(
            "offered", new LabelState.Offered(1, NOW + 60_000),
            "echoed", new LabelState.Echoed(NOW + 60_000),
            "open", LabelState.settled(),
            "confirming", asking(Kind.CONFIRM, false),
            "resuming", asking(Kind.RESUME, false),
            "stopped", asking(Kind.SUSPEND, true),
            "suspended", new Open(Optional.empty(), false, NOW + 60_000),
            "closed", new LabelState.Closed(Optional.empty(), NOW + 60_000),
            "legacy", new LabelState.Legacy());
    private static final Map<String, LabelEvent> EVENTS = Map.ofEntries(
            Map.entry("syn-again", new LabelEvent.SynAgain()),
            Map.entry("echo", new LabelEvent.EchoCame()),
            Map.entry("plain", new LabelEvent.PlainAnswer()),
            Map.entry("confirm?", new LabelEvent.Asked(Kind.CONFIRM, true)),
            Map.entry("suspend?", new LabelEvent.Asked(Kind.SUSPEND, true)),
            Map.entry("resume?", new LabelEvent.Asked(Kind.RESUME, true)),
            Map.entry("resume-taken?", new LabelEvent.Asked(Kind.RESUME, false)),
            Map.entry("close?", new LabelEvent.Asked(Kind.CLOSE, true)),
            Map.entry("done", new LabelEvent.Answered(Kind.DONE)),
            Map.entry("taken", new LabelEvent.Answered(Kind.TAKEN)),
            Map.entry("moved", new LabelEvent.Moved()),
            Map.entry("stops", new LabelEvent.Stopped()),
            Map.entry("runs", new LabelEvent.Runs()),
            Map.entry("ended", new LabelEvent.Ended()),
            Map.entry("tick", new LabelEvent.Tick()));

    private static Open asking(Kind kind, boolean stopped) {
        return new Open(Optional.of(new Request(kind, 1, NOW, NOW + 200)), stopped, LabelState.NEVER);
    }

    /** The table of docs/protocol/label.md; what is not in it changes nothing and does nothing. */
    private static final String TABLE = """
            offered    syn-again      offered2   -
            offered    echo           confirming Ask(CONFIRM)
            offered    plain          legacy     Forget
            offered    ended          legacy     Forget
            offered    moved          legacy     Forget
            echoed     confirm?       open       Answer(DONE)
            echoed     suspend?       suspended  Answer(DONE)
            echoed     resume?        open       Remap,Answer(DONE),Release
            echoed     resume-taken?  open       Answer(TAKEN)
            echoed     close?         closed     Answer(DONE)
            echoed     moved          resuming   Ask(RESUME)
            echoed     ended          legacy     Forget
            open       confirm?       open       Answer(DONE)
            open       suspend?       suspended  Answer(DONE)
            open       resume?        open       Remap,Answer(DONE),Release
            open       resume-taken?  open       Answer(TAKEN)
            open       close?         closed     Answer(DONE)
            open       moved          resuming   Ask(RESUME)
            open       stops          stopped    Ask(SUSPEND)
            open       ended          closing    Ask(CLOSE)
            confirming confirm?       confirming Answer(DONE)
            confirming suspend?       confirming+ Answer(DONE)
            confirming resume?        confirming Remap,Answer(DONE),AskAgain,Release
            confirming resume-taken?  confirming Answer(TAKEN)
            confirming close?         closed     Answer(DONE)
            confirming done           open       -
            confirming taken          open       -
            confirming moved          resuming   Ask(RESUME)
            confirming stops          stopped    Ask(SUSPEND)
            confirming ended          closing    Ask(CLOSE)
            resuming   confirm?       resuming   Answer(DONE)
            resuming   suspend?       resuming+  Answer(DONE)
            resuming   resume?        resuming   Remap,Answer(DONE),AskAgain,Release
            resuming   resume-taken?  resuming   Answer(TAKEN)
            resuming   close?         closed     Answer(DONE)
            resuming   done           open       Release
            resuming   taken          resuming   TakeOtherPlace,Ask(RESUME)
            resuming   moved          resuming   Ask(RESUME)
            resuming   stops          stopped    Ask(SUSPEND)
            resuming   ended          closing    Ask(CLOSE)
            stopped    confirm?       stopped    Answer(DONE)
            stopped    suspend?       stopped+   Answer(DONE)
            stopped    resume?        stopped    Remap,Answer(DONE),AskAgain,Release
            stopped    resume-taken?  stopped    Answer(TAKEN)
            stopped    close?         closed     Answer(DONE)
            stopped    done           still      -
            stopped    taken          still      -
            stopped    moved          resuming   Ask(RESUME)
            stopped    stops          stopped    Ask(SUSPEND)
            stopped    runs           resuming   Ask(RESUME)
            stopped    ended          closing    Ask(CLOSE)
            suspended  confirm?       suspended  Answer(DONE)
            suspended  suspend?       suspended  Answer(DONE)
            suspended  resume?        open       Remap,Answer(DONE),Release
            suspended  resume-taken?  suspended  Answer(TAKEN)
            suspended  close?         closed     Answer(DONE)
            suspended  moved          resuming+  Ask(RESUME)
            suspended  stops          stopped+   Ask(SUSPEND)
            suspended  ended          closing    Ask(CLOSE)
            closed     confirm?       closed     Answer(DONE)
            closed     suspend?       closed     Answer(DONE)
            closed     resume?        closed     Answer(DONE)
            closed     resume-taken?  closed     Answer(DONE)
            closed     close?         closed     Answer(DONE)
            """;

    /** A state without its times; + is another end that is suspended. */
    private static String name(LabelState state) {
        return switch (state) {
            case LabelState.Offered o -> o.times() == 1 ? "offered" : "offered" + o.times();
            case LabelState.Echoed e -> "echoed";
            case LabelState.Legacy l -> "legacy";
            case LabelState.Closed c -> c.request().isPresent() ? "closing" : "closed";
            case Open open -> {
                String plus = open.suspendedUntilMs() == LabelState.NEVER ? "" : "+";
                yield open.request()
                        .map(r -> switch (r.kind()) {
                            case CONFIRM -> "confirming" + plus;
                            case RESUME -> "resuming" + plus;
                            default -> "stopped" + plus;
                        })
                        .orElse(open.hasStopped() ? "still" : plus.isEmpty() ? "open" : "suspended");
            }
        };
    }

    private static String name(List<LabelAction> actions) {
        return actions.isEmpty()
                ? "-"
                : String.join(
                        ",",
                        actions.stream()
                                .map(a -> switch (a) {
                                    case LabelAction.Ask(Kind kind) -> "Ask(" + kind + ")";
                                    case LabelAction.Answer(Kind kind) -> "Answer(" + kind + ")";
                                    default -> a.getClass().getSimpleName();
                                })
                                .toList());
    }

    @Test
    void everyStateMeetsEveryEventAsTheTableSays() {
        Map<List<String>, List<String>> wanted = new java.util.HashMap<>();
        TABLE.lines().forEach(line -> {
            String[] words = line.split(" +");
            wanted.put(List.of(words[0], words[1]), List.of(words[2], words[3]));
        });
        STATES.forEach((from, state) -> EVENTS.forEach((on, event) -> {
            LabelMachine.Step step = LabelMachine.apply(state, event, NOW);
            List<String> found = List.of(name(step.state()), name(step.actions()));
            assertThat(found)
                    .as(from + " " + on)
                    .isEqualTo(wanted.getOrDefault(List.of(from, on), List.of(name(state), "-")));
        }));
    }

    @ParameterizedTest
    @CsvSource({"offered, legacy, 60000", "echoed, legacy, 60000", "suspended, legacy, 60000", "closed, legacy, 60000"})
    void timeEndsWhatNobodyEnds(String from, String to, long afterMs) {
        LabelState state = java.util.Objects.requireNonNull(STATES.get(from));
        assertThat(name(LabelMachine.apply(state, new LabelEvent.Tick(), NOW + afterMs - 1)
                        .state()))
                .isEqualTo(from);
        LabelMachine.Step step = LabelMachine.apply(state, new LabelEvent.Tick(), NOW + afterMs);
        assertThat(name(step.state())).isEqualTo(to);
        assertThat(step.actions()).containsExactly(new LabelAction.Forget());
    }

    /** How often it is sent in all, and for how long, if nobody answers. */
    private static long[] unanswered(LabelState from) {
        LabelState state = from;
        long sent = 1;
        long now = NOW;
        while (state.waiting().isPresent()) {
            now += 50;
            LabelMachine.Step step = LabelMachine.apply(state, new LabelEvent.Tick(), now);
            sent += step.actions().contains(new LabelAction.AskAgain()) ? 1 : 0;
            state = step.state();
        }
        return new long[] {sent, now - NOW, state instanceof LabelState.Legacy ? 1 : 0};
    }

    @Test
    void requestsAreSentAgainAndGivenUp() {
        assertThat(unanswered(asking(Kind.CONFIRM, false))[0]).isEqualTo(12);
        assertThat(unanswered(asking(Kind.CONFIRM, false))[2]).isEqualTo(1);
        assertThat(unanswered(asking(Kind.SUSPEND, true))[2]).isZero();
        long[] resume = unanswered(asking(Kind.RESUME, false));
        assertThat(resume[1]).isBetween(LabelMachine.SUSPENDED_MS, LabelMachine.SUSPENDED_MS + 2_000);
        assertThat(resume[0]).isGreaterThan(400);
    }

    @Test
    void plainTcpStaysPlainTcp() {
        assertThat(Stream.concat(EVENTS.values().stream(), Stream.of(new LabelEvent.Tick()))
                        .map(e -> LabelMachine.apply(new LabelState.Legacy(), e, NOW)))
                .allSatisfy(step -> {
                    assertThat(step.state()).isEqualTo(new LabelState.Legacy());
                    assertThat(step.actions()).isEmpty();
                });
    }
}
