// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.controller.MoveEvent.Step;
import io.sojourn.rpc.Phase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Every state with every event. The table move-table.txt was read line by line when it was written; a change of the machine shows as a
 * change of the table. To write it anew: -Dsojourn.write-tables=controller/src/test/resources (then read the difference).
 */
class MoveMachineTest {
    private static final MoveMachine.Parties PARTIES = new MoveMachine.Parties("S", "D", List.of("C"));

    private static SortedSet<String> set(String... names) {
        return MoveState.gateways(List.of(names));
    }

    private static final List<MoveState> STATES = List.of(
            new MoveState.Planned(),
            new MoveState.ArmingDestination(),
            new MoveState.ArmingSource(),
            new MoveState.ArmingCorrespondents(set("C")),
            new MoveState.Starting(),
            new MoveState.Copying(),
            new MoveState.Switching(),
            new MoveState.Draining(),
            new MoveState.Releasing(set("C", "D", "S"), set()),
            new MoveState.Releasing(set("C"), set()),
            new MoveState.AbortingSource("why", false),
            new MoveState.AbortingSource("why", true),
            new MoveState.Disarming("why", set("C", "D", "S"), set(), false, false),
            new MoveState.Disarming("why", set("C", "D", "S"), set("S"), false, false),
            new MoveState.Disarming("why", set("C", "D", "S"), set("D"), false, true),
            new MoveState.Disarming("why", set("C", "D"), set(), true, false),
            new MoveState.Disarming("why", set("D"), set(), true, false),
            new MoveState.Done(set()),
            new MoveState.Done(set("C")),
            new MoveState.RolledBack("why", set()),
            new MoveState.RolledBack("why", set("D")));

    private static List<MoveEvent> events() {
        List<MoveEvent> events = new ArrayList<>();
        events.add(new MoveEvent.Begun());
        for (Step step : Step.values()) {
            List<String> asked = switch (step) {
                case ARM_DESTINATION -> List.of("D");
                case ARM_SOURCE, START -> List.of("S");
                case ARM_CORRESPONDENT -> List.of("C");
                case ABORT, RELEASE -> List.of("S", "D", "C");
            };
            for (String gateway : asked) {
                events.add(new MoveEvent.Answered(step, gateway));
                events.add(new MoveEvent.Refused(step, gateway, "no"));
                events.add(new MoveEvent.Unanswered(step, gateway));
                events.add(new MoveEvent.Unreachable(step, gateway));
            }
        }
        for (Phase phase : Phase.values()) {
            if (phase != Phase.UNRECOGNIZED && phase != Phase.PHASE_INVALID) {
                for (String gateway : List.of("S", "D", "C")) {
                    events.add(new MoveEvent.Reported(gateway, phase, phase == Phase.ABORTED ? "broken" : ""));
                }
            }
        }
        for (String gateway : List.of("S", "D", "C")) {
            events.add(new MoveEvent.GatewayBack(gateway, false, false, false));
            events.add(new MoveEvent.GatewayBack(gateway, true, false, false));
            events.add(new MoveEvent.GatewayBack(gateway, true, false, true));
            events.add(new MoveEvent.GatewayBack(gateway, true, true, true));
            events.add(new MoveEvent.GatewayGone(gateway));
            events.add(new MoveEvent.Silent(gateway));
        }
        events.add(new MoveEvent.CancelAsked());
        events.add(new MoveEvent.Overdue());
        events.add(new MoveEvent.Recovered());
        return events;
    }

    private static String row(MoveState state, MoveEvent event) {
        MoveMachine.Outcome outcome = MoveMachine.apply(PARTIES, state, event);
        String next = outcome.state().equals(state) ? "=" : outcome.state().toString();
        return state + " | " + event + " | " + next + " | " + outcome.actions();
    }

    private static String table() {
        StringBuilder table = new StringBuilder();
        for (MoveState state : STATES) {
            for (MoveEvent event : events()) {
                String row = row(state, event);
                if (!row.endsWith("| = | []")) {
                    table.append(row).append('\n');
                }
            }
        }
        return table.toString();
    }

    @Test
    void everyStateAnswersEveryEventAsTheTableSays() throws IOException {
        String where = System.getProperty("sojourn.write-tables", "");
        if (!where.isEmpty()) {
            Files.writeString(Path.of(where, "move-table.txt"), table());
        }
        try (InputStream in = MoveMachineTest.class.getResourceAsStream("/move-table.txt")) {
            assertThat(in).isNotNull();
            // Pairs that are not in the table change nothing and do nothing.
            assertThat(table()).isEqualTo(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void everyKindOfStateIsInTheTable() {
        assertThat(STATES.stream().map(MoveState::getClass).distinct())
                .hasSize(MoveState.class.getPermittedSubclasses().length);
        assertThat(events().stream().map(MoveEvent::getClass).distinct())
                .hasSize(MoveEvent.class.getPermittedSubclasses().length);
    }

    @Test
    void whatIsOverStaysOver() {
        for (MoveState state : STATES) {
            for (MoveEvent event : events()) {
                MoveState next = MoveMachine.apply(PARTIES, state, event).state();
                if (state.isFinal()) {
                    assertThat(next.getClass()).as(row(state, event)).isEqualTo(state.getClass());
                }
            }
        }
    }

    @Test
    void theBindingIsCommittedOnceAndOnlyOnTheWordOfAGateway() {
        for (MoveState state : STATES) {
            for (MoveEvent event : events()) {
                MoveMachine.Outcome outcome = MoveMachine.apply(PARTIES, state, event);
                boolean commits = outcome.actions().contains(new MoveAction.CommitBinding());
                boolean entersBound = isBound(outcome.state()) && !isBound(state);
                assertThat(commits).as(row(state, event)).isEqualTo(entersBound);
                if (commits) {
                    assertThat(event).isInstanceOfAny(MoveEvent.Reported.class, MoveEvent.GatewayBack.class);
                }
            }
        }
    }

    private static boolean isBound(MoveState state) {
        return switch (state) {
            case MoveState.Draining _, MoveState.Releasing _, MoveState.Done _ -> true;
            default -> false;
        };
    }

    @Test
    void anActivationOfTheDestinationAlwaysWins() {
        MoveEvent activated = new MoveEvent.Reported("D", Phase.ACTIVATED, "");
        for (MoveState state : STATES) {
            if (!state.isFinal()) {
                assertThat(isBound(MoveMachine.apply(PARTIES, state, activated).state()))
                        .as(state.toString())
                        .isTrue();
            }
        }
    }

    @Test
    void theSameEventTwiceLeadsToTheSameState() {
        for (MoveState state : STATES) {
            for (MoveEvent event : events()) {
                if (event instanceof MoveEvent.GatewayBack back && back.restarted()) {
                    continue; // a second restart is another event
                }
                MoveState once = MoveMachine.apply(PARTIES, state, event).state();
                MoveState twice = MoveMachine.apply(PARTIES, once, event).state();
                boolean deepens = event instanceof MoveEvent.GatewayGone; // a second grace period is another event
                boolean isReportOfAbort = event instanceof MoveEvent.Reported r && r.phase() == Phase.ABORTED;
                boolean isRefusedAbort = event instanceof MoveEvent.Refused r && r.step() == Step.ABORT;
                if (!deepens && !isReportOfAbort && !isRefusedAbort) {
                    assertThat(twice).as(row(state, event)).isEqualTo(once);
                }
            }
        }
    }

    /** Whatever happens in whatever order: with all gateways back and answering, the move ends. */
    @Test
    void everyStateEndsWhenAllGatewaysAnswer() {
        for (MoveState start : STATES) {
            for (MoveEvent event : events()) {
                MoveState state = MoveMachine.apply(PARTIES, start, event).state();
                for (int round = 0; round < 12 && !state.isSettled(); round++) {
                    for (String gateway : new TreeSet<>(PARTIES.all())) {
                        state = MoveMachine.apply(
                                        PARTIES, state, new MoveEvent.GatewayBack(gateway, false, false, false))
                                .state();
                        state = MoveMachine.apply(PARTIES, state, new MoveEvent.Answered(Step.RELEASE, gateway))
                                .state();
                    }
                    state = switch (state) {
                        case MoveState.Switching s ->
                            MoveMachine.apply(PARTIES, s, new MoveEvent.Reported("S", Phase.ABORTED, "x"))
                                    .state();
                        case MoveState.Draining s ->
                            MoveMachine.apply(PARTIES, s, new MoveEvent.Reported("S", Phase.RELEASED, ""))
                                    .state();
                        case MoveState s when s.isFinal() || s instanceof MoveState.Releasing -> s;
                        case MoveState s ->
                            MoveMachine.apply(PARTIES, s, new MoveEvent.CancelAsked())
                                    .state();
                    };
                    if (!isBound(state)) {
                        for (String gateway : PARTIES.all()) {
                            state = MoveMachine.apply(PARTIES, state, new MoveEvent.Answered(Step.ABORT, gateway))
                                    .state();
                            state = MoveMachine.apply(
                                            PARTIES, state, new MoveEvent.Reported(gateway, Phase.ABORTED, ""))
                                    .state();
                        }
                    }
                }
                assertThat(state.isSettled())
                        .as(start + " after " + event + ": " + state)
                        .isTrue();
            }
        }
    }
}
