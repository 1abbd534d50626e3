// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/** All that three machines do, as text: a row for each (state, event), and a Mermaid diagram. */
final class TransitionTable {
    private TransitionTable() {}

    static List<String> rows() {
        List<String> rows = new ArrayList<>();
        rows.addAll(rows(
                "S",
                Samples.sourceStates(),
                HandoffEvent.AtSource.class,
                (s, e) -> SourceHandoff.apply(s, e, Samples.NOW_NS)));
        rows.addAll(rows(
                "D",
                Samples.destinationStates(),
                HandoffEvent.AtDestination.class,
                (s, e) -> DestinationHandoff.apply(s, e, Samples.NOW_NS)));
        rows.addAll(rows(
                "C",
                Samples.correspondentStates(),
                HandoffEvent.AtCorrespondent.class,
                (s, e) -> CorrespondentHandoff.apply(s, e, Samples.NOW_NS)));
        return rows;
    }

    private static <S, E extends HandoffEvent> List<String> rows(
            String machine, Map<String, S> states, Class<E> events, BiFunction<S, E, Step<S>> apply) {
        List<String> rows = new ArrayList<>();
        states.forEach((stateName, state) -> Samples.events().forEach((eventName, event) -> {
            if (events.isInstance(event)) {
                Step<S> step = apply.apply(state, events.cast(event));
                rows.add(machine + " | " + stateName + " | " + eventName + " | "
                        + (step.state().equals(state)
                                ? "-"
                                : step.state().getClass().getSimpleName()) + " | "
                        + step.actions().stream().map(TransitionTable::brief).collect(Collectors.joining(", ")));
            }
        }));
        return rows;
    }

    static String brief(HandoffAction action) {
        return switch (action) {
            case HandoffAction.Send(GatewayId to, Signal signal) -> kind(signal) + ">" + to;
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> kind(signal) + ">>" + to;
            case HandoffAction.SetTimer(Timer timer, long atNs) -> "set " + timer;
            case HandoffAction.CancelTimer(var timer) -> "cancel " + timer;
            case HandoffAction.Journal(var entry) -> "journal " + entry.stage();
            case HandoffAction.Report(var phase, var event, var detail) -> "report " + phase + "/" + event;
            case HandoffAction.Count(var counter, var n) -> "count " + counter;
            case HandoffAction.InstallRoute(var binding) -> "route " + binding.gateway() + " " + binding.epoch();
            case HandoffAction.Tombstone(var binding) -> "tombstone " + binding.gateway() + " " + binding.epoch();
            case HandoffAction.DeleteState(var vm, var epoch) -> "delete " + epoch;
            case HandoffAction.HoldFrom(var gateway, var bytes) -> "HoldFrom " + gateway;
            case HandoffAction.ReleaseHold(var gateway) -> "ReleaseHold " + gateway;
            case HandoffAction.RedirectOn(GatewayId to, Epoch epoch) -> "RedirectOn " + to + " " + epoch;
            case HandoffAction.ForwardLate(GatewayId to, Epoch epoch) -> "ForwardLate " + to + " " + epoch;
            default -> action.getClass().getSimpleName();
        };
    }

    private static String kind(Signal signal) {
        return switch (signal.body()) {
            case Signal.EndMarker(var origin, var direction) -> "END_MARKER(" + direction + " " + origin + ")";
            case Signal.EndMarkerAck(var origin, var direction) -> "END_MARKER_ACK(" + direction + " " + origin + ")";
            default ->
                signal.body()
                        .getClass()
                        .getSimpleName()
                        .replaceAll("(?<=[a-z])(?=[A-Z])", "_")
                        .toUpperCase(java.util.Locale.ROOT);
        };
    }

    /** One diagram for a machine; transitions that differ only in their event share an arrow. */
    static String mermaid(String machine) {
        Map<String, TreeSet<String>> arrows = new TreeMap<>();
        for (String row : rows()) {
            String[] cells = row.split(" \\| ", -1);
            String from = cells[1].replaceAll("\\(.*", "");
            if (cells[0].equals(machine) && !cells[3].equals("-") && !cells[3].equals(from)) {
                arrows.computeIfAbsent(from + " --> " + cells[3], k -> new TreeSet<>())
                        .add(cells[2].replaceAll("\\(.*", "").replaceAll("^Timer$", "timer"));
            }
        }
        StringBuilder text = new StringBuilder("```mermaid\nstateDiagram-v2\n    [*] --> Armed\n");
        if (machine.equals("D")) {
            text.append("    [*] --> Claiming\n");
        }
        arrows.forEach((arrow, events) -> text.append("    ")
                .append(arrow)
                .append(": ")
                .append(String.join(", ", events))
                .append('\n'));
        return text.append("```\n").toString();
    }
}
