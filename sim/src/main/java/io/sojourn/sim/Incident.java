// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.EventText;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A move as it really was: what each gateway's machine was told (its {@code events} file) is told again to the machine as it is now. It
 * must do the same, and what the gateways did must not break the protocol.
 */
public final class Incident {
    /** Words of a line: time of day, machine's time, and the rest. */
    private static final int WORDS = 3;

    /**
     * What came of it.
     *
     * @param trace all gateways' events in the order of their clocks
     * @param events told again
     * @param gateways that tell something
     * @param problems where a machine did something else this time, or the protocol was broken; empty is good
     */
    public record Replay(List<String> trace, int events, int gateways, List<String> problems) {}

    private record Line(long atUs, String text) {}

    /** A gateway's machine, and what it was told. */
    private static final class Machine {
        private final String gateway;
        private final EventText text = new EventText();
        private final Incident incident;
        private Optional<Object> state = Optional.empty();
        private char role;
        private boolean skipped;

        Machine(String gateway, Incident incident) {
            this.gateway = gateway;
            this.incident = incident;
        }

        void begin(long atUs, long nowNs, String[] words) {
            Optional<JournalRecord> found = words.length == 3 ? JournalRecord.parse(words[2]) : Optional.empty();
            if (found.isEmpty()) {
                return; // a line that was cut when the gateway was killed
            }
            JournalRecord record = found.get();
            Optional<? extends Step<?>> step = switch (words[0]) {
                case "arm" -> Optional.of(arm(record, new GatewayId(words[1]), nowNs));
                case "recover" ->
                    record.role() == JournalRecord.Role.SOURCE
                            ? SourceHandoff.recover(record, nowNs)
                            : DestinationHandoff.recover(record, nowNs);
                default -> Optional.empty();
            };
            role = switch (record.role()) {
                case SOURCE -> 'S';
                case DESTINATION -> 'D';
                default -> 'C';
            };
            skipped = step.isEmpty();
            state = step.map(Step::state);
            incident.say(
                    atUs,
                    gateway + " " + role + record.plan().epoch() + " " + words[0] + "s "
                            + state.map(s -> s.getClass().getSimpleName()).orElse("in a way that cannot be replayed"));
            step.ifPresent(first -> incident.done(this, first.actions()));
        }

        private static Step<?> arm(JournalRecord record, GatewayId self, long nowNs) {
            return switch (record.role()) {
                case SOURCE -> SourceHandoff.arm(record.plan(), nowNs);
                case DESTINATION -> DestinationHandoff.arm(record.plan(), nowNs);
                default -> CorrespondentHandoff.arm(record.plan(), self, nowNs);
            };
        }

        void told(long atUs, long nowNs, String line) {
            int arrow = line.lastIndexOf(" => ");
            if (skipped || arrow < 0 || state.isEmpty()) {
                return;
            }
            Optional<HandoffEvent> event = text.read(line.substring(0, arrow));
            if (event.isEmpty()) {
                incident.problems.add(gateway + ": no event that this version knows: " + line.substring(0, arrow));
                return;
            }
            Object before = state.get();
            Step<?> step = step(before, event.get(), nowNs);
            state = Optional.of(step.state());
            String after = step.state().getClass().getSimpleName();
            String did = after + " "
                    + step.actions().stream()
                            .map(action -> action.getClass().getSimpleName())
                            .collect(Collectors.joining(","));
            incident.events++;
            incident.say(
                    atUs,
                    gateway + " " + role + " " + before.getClass().getSimpleName() + " --" + event.get() + "--> "
                            + did);
            String then = line.substring(arrow + 4);
            if (!then.strip().equals(did.strip())) {
                incident.problems.add(
                        gateway + ": at " + event.get() + " it did " + then.strip() + ", and now does " + did.strip());
            }
            incident.done(this, step.actions());
        }

        private static Step<?> step(Object state, HandoffEvent event, long nowNs) {
            if (state instanceof SourceHandoff.State s && event instanceof HandoffEvent.AtSource e) {
                return SourceHandoff.apply(s, e, nowNs);
            } else if (state instanceof DestinationHandoff.State s && event instanceof HandoffEvent.AtDestination e) {
                return DestinationHandoff.apply(s, e, nowNs);
            } else if (state instanceof CorrespondentHandoff.State s
                    && event instanceof HandoffEvent.AtCorrespondent e) {
                return CorrespondentHandoff.apply(s, e, nowNs);
            }
            return new Step<>(state, List.of());
        }
    }

    private final List<Line> trace = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();
    private final Map<String, Machine> machines = new TreeMap<>();
    private int events;
    /** Which gateway had the guest run on at the source, or delivers to it at the destination; empty: none. */
    private String resumed = "";

    private String activated = "";

    private Incident() {}

    /**
     * @param logs of one move: the lines of the {@code events} file by gateway; a gateway that was killed goes on in the same file
     */
    public static Replay replay(Map<String, List<String>> logs) {
        Incident incident = new Incident();
        logs.forEach((gateway, lines) -> {
            Machine machine = new Machine(gateway, incident);
            incident.machines.put(gateway, machine);
            lines.forEach(line -> incident.line(machine, line));
        });
        incident.ends();
        incident.trace.sort(Comparator.comparingLong(Line::atUs));
        long firstUs = incident.trace.isEmpty() ? 0 : incident.trace.getFirst().atUs();
        return new Replay(
                incident.trace.stream()
                        .map(line -> String.format(
                                java.util.Locale.ROOT, "%12.3f ms  %s", (line.atUs() - firstUs) / 1e3, line.text()))
                        .toList(),
                incident.events,
                logs.size(),
                List.copyOf(incident.problems));
    }

    private void line(Machine machine, String line) {
        String[] words = line.split(" ", WORDS);
        try {
            long atUs = Long.parseLong(words[0]);
            long nowNs = Long.parseLong(words[1]);
            if (words[2].startsWith("begin ")) {
                machine.begin(atUs, nowNs, words[2].substring("begin ".length()).split(" ", WORDS));
            } else {
                machine.told(atUs, nowNs, words[2]);
            }
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            problems.add(machine.gateway + ": not a line of an events file: "
                    + line.substring(0, Math.min(80, line.length())));
        }
    }

    private void say(long atUs, String text) {
        trace.add(new Line(atUs, text));
    }

    private void done(Machine machine, List<HandoffAction> actions) {
        for (HandoffAction action : actions) {
            if (action instanceof HandoffAction.ResumeGuest && machine.role == 'S') {
                resumed = machine.gateway;
            } else if (action instanceof HandoffAction.DeliverLive && machine.role == 'D') {
                activated = machine.gateway;
            }
        }
    }

    /** Invariant 1 of the protocol: the guest ran on at the source, or runs at the destination. */
    private void ends() {
        if (!resumed.isEmpty() && !activated.isEmpty()) {
            problems.add("invariant 1: " + resumed + " resumed the guest, and " + activated + " delivers to it");
        }
    }
}
