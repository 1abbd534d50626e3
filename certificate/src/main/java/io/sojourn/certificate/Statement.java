// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What one gateway says about its part in a move: what it saw and counted itself, by its own clock.
 *
 * @param subject which move; both halves must say the same
 * @param site of the gateway that speaks
 * @param whole false if the gateway was restarted during the move, and so counted only its end
 * @param clock the other gateway's clock against this one's; empty if it could not be measured
 * @param timeline its own steps in their order
 * @param sent frames for the VM, marked with the move's epoch, that it sent to the other gateway
 * @param received the same, that came from the other gateway
 * @param marks points in that stream of frames that both gateways know
 * @param frames what became of the VM's frames here, by name
 * @param events what the protocol counts besides frames, by name
 * @param drops everything that the gateway dropped meanwhile, of any VM, by reason
 * @param openedUs when it began to count, microseconds since 1970
 * @param closedUs when it ended
 */
public record Statement(
        Subject subject,
        Role role,
        String gateway,
        String site,
        Outcome outcome,
        boolean whole,
        Optional<ClockOffset> clock,
        List<TimelineStep> timeline,
        long sent,
        long received,
        List<Mark> marks,
        Map<String, Long> frames,
        Map<String, Long> events,
        Map<String, Long> drops,
        long openedUs,
        long closedUs) {
    public static final String SCHEMA = "sojourn.statement/1";
    /** Among {@link #frames}: of those sent, such as went by the host's own routing, and not with the signals. */
    public static final String NATIVELY = "natively";

    /** Whose half it is. */
    public enum Role {
        SOURCE,
        DESTINATION;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** How the move ended for who speaks. */
    public enum Outcome {
        MOVED,
        ROLLED_BACK,
        /** It had to speak before it knew. */
        UNKNOWN;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    public Statement {
        timeline = List.copyOf(timeline);
        marks = List.copyOf(marks);
        frames = Map.copyOf(frames);
        events = Map.copyOf(events);
        drops = Map.copyOf(drops);
    }

    /** What is signed: the canonical JSON in UTF-8. Its first field by RFC 8785 order is of no account; {@code schema} says what it is. */
    byte[] signedOctets() {
        return CanonicalJson.write(json()).getBytes(StandardCharsets.UTF_8);
    }

    public Map<String, Object> json() {
        Map<String, Object> out = new TreeMap<>();
        out.put("schema", SCHEMA);
        out.put("subject", subject.json());
        out.put("role", role.toString());
        out.put("gateway", gateway);
        out.put("site", site);
        out.put("outcome", outcome.toString());
        out.put("whole", whole);
        clock.ifPresent(c -> out.put("clock", c.json()));
        out.put("timeline", timeline.stream().map(TimelineStep::json).toList());
        out.put("sent", sent);
        out.put("received", received);
        out.put("marks", marks.stream().map(Mark::json).toList());
        out.put("frames", frames);
        out.put("events", events);
        out.put("drops", drops);
        out.put("opened_us", openedUs);
        out.put("closed_us", closedUs);
        return out;
    }

    public static Statement parse(String json) {
        return of(CanonicalJson.read(json));
    }

    static Statement of(Object json) {
        Fields f = new Fields("statement", json);
        f.schema(SCHEMA);
        Statement statement = new Statement(
                Subject.of(f.any("subject")),
                named(Role.class, f.text("role")),
                f.text("gateway"),
                f.text("site"),
                named(Outcome.class, f.text("outcome")),
                f.flag("whole"),
                f.has("clock") ? Optional.of(ClockOffset.of(f.any("clock"))) : Optional.empty(),
                f.list("timeline").stream().map(TimelineStep::of).toList(),
                f.number("sent"),
                f.number("received"),
                f.list("marks").stream().map(Mark::of).toList(),
                f.numbers("frames"),
                f.numbers("events"),
                f.numbers("drops"),
                f.number("opened_us"),
                f.number("closed_us"));
        f.end();
        return statement;
    }

    static <E extends Enum<E>> E named(Class<E> type, String text) {
        for (E value : type.getEnumConstants()) {
            if (value.toString().equals(text)) {
                return value;
            }
        }
        throw new CertificateException(
                "statement: '" + text + "' is no " + type.getSimpleName().toLowerCase(Locale.ROOT));
    }

    /** When the last step of this name happened, by the gateway's clock in microseconds since 1970. */
    public Optional<Long> at(String event) {
        return timeline.stream()
                .filter(step -> step.event().equals(event))
                .map(TimelineStep::atUs)
                .reduce((first, last) -> last);
    }
}
