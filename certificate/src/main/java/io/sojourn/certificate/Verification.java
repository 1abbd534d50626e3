// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import io.sojourn.certificate.Statement.Outcome;
import io.sojourn.certificate.Statement.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Whether a certificate is what it says: both halves whole and genuine, of the gateways they name, and about the same move; and what
 * the two say when they are put side by side.
 *
 * @param problems why it proves nothing, one line each; none: verified
 * @param losses frames that by the certificate's own figures did not arrive as they should, one line each
 * @param facts what was found right, one line each
 */
public record Verification(List<String> problems, List<String> losses, List<String> facts) {
    public Verification {
        problems = List.copyOf(problems);
        losses = List.copyOf(losses);
        facts = List.copyOf(facts);
    }

    public boolean isVerified() {
        return problems.isEmpty();
    }

    /** @param pinned keys by gateway, known from elsewhere; empty: the keys in the certificate are taken as they are */
    public static Verification of(Certificate certificate, Map<String, PublicSigningKey> pinned) {
        Check check = new Check(pinned);
        certificate.source().ifPresent(half -> check.half(half, Role.SOURCE, certificate));
        certificate.destination().ifPresent(half -> check.half(half, Role.DESTINATION, certificate));
        if (certificate.source().isPresent() && certificate.destination().isPresent()) {
            check.agreement(
                    certificate.source().get().statement(),
                    certificate.destination().get().statement());
        }
        certificate
                .missing()
                .forEach(role ->
                        check.problems.add("the half of the " + role + " is missing" + whose(certificate, role)));
        return new Verification(check.problems, check.losses, check.facts);
    }

    private static String whose(Certificate certificate, String role) {
        return certificate.halves().stream()
                .findFirst()
                .map(half -> half.statement().subject())
                .map(subject -> " (gateway " + (role.equals("source") ? subject.source() : subject.destination()) + ")")
                .orElse("");
    }

    private static final class Check {
        private final Map<String, PublicSigningKey> pinned;
        private final List<String> problems = new ArrayList<>();
        private final List<String> losses = new ArrayList<>();
        private final List<String> facts = new ArrayList<>();

        Check(Map<String, PublicSigningKey> pinned) {
            this.pinned = pinned;
        }

        void half(SignedStatement half, Role role, Certificate certificate) {
            Statement s = half.statement();
            String name = "the " + role + "'s half";
            if (!half.isGenuine()) {
                problems.add(name + " is not what its key signed: it was changed, or signed with another key");
                return;
            }
            Subject subject = s.subject();
            String expected = role == Role.SOURCE ? subject.source() : subject.destination();
            if (s.role() != role || !s.gateway().equals(expected)) {
                problems.add(name + " is a statement of " + s.gateway() + " as " + s.role());
            }
            if (!subject.migration().equals(certificate.migration())) {
                problems.add(name + " is about another migration, " + subject.migration());
            }
            if (!s.whole()) {
                problems.add(name + " is not whole: gateway " + s.gateway()
                        + " was restarted during the move, and counted only its end");
            }
            PublicSigningKey known = pinned.get(s.gateway());
            if (pinned.isEmpty()) {
                facts.add(role + ": signed by " + s.gateway() + " with key " + half.key()
                        + " (not compared with anything)");
            } else if (known == null) {
                problems.add("no key of gateway " + s.gateway() + " is known");
            } else if (known.equals(half.key())) {
                facts.add(role + ": signed by " + s.gateway() + " with the key that is known as its");
            } else {
                problems.add(name + " is signed with another key than the one that is known of " + s.gateway());
            }
        }

        void agreement(Statement source, Statement destination) {
            if (!source.subject().equals(destination.subject())) {
                problems.add("the halves are not about the same move");
                return;
            }
            if (source.outcome() != destination.outcome()) {
                problems.add("the source says " + source.outcome() + ", the destination " + destination.outcome());
            }
            if (!source.whole() || !destination.whole()) {
                return; // said already; counts of a part cannot meet
            }
            stream(source, destination);
            stream(destination, source);
            keptAndGiven(source.outcome() == Outcome.ROLLED_BACK ? source : destination);
            clocks(source, destination);
        }

        /** One direction of the frames that the move sent between the two: what one sent, the other received. */
        private void stream(Statement from, Statement to) {
            Optional<Mark> lastSeen = to.marks().stream()
                    .filter(mark -> !mark.isSent())
                    .filter(mark -> from.marks().stream().anyMatch(sent -> sent.isSent() && sent.isSameSignal(mark)))
                    .reduce((first, last) -> last);
            String way = from.gateway() + " to " + to.gateway();
            if (lastSeen.isEmpty()) {
                if (from.sent() != 0 || to.received() != 0) {
                    problems.add(way + ": " + from.sent() + " frames sent, " + to.received()
                            + " received, and no mark that both know to compare them at");
                }
                return;
            }
            Mark received = lastSeen.get();
            long[] sent = from.marks().stream()
                    .filter(mark -> mark.isSent() && mark.isSameSignal(received))
                    .mapToLong(Mark::frames)
                    .toArray();
            for (long n : sent) {
                if (n == received.frames()) {
                    if (n > 0 || from.role() == Role.SOURCE) {
                        facts.add(way + ": " + n + " frames sent, " + n + " received, up to the " + received);
                    }
                    return;
                }
            }
            long first = sent[0];
            if (from.frames().containsKey(Statement.NATIVELY) && received.frames() >= first) {
                facts.add(way + ": " + first + " frames sent up to the " + received + ", and no fewer received ("
                        + received.frames()
                        + "): natively, beside the signals, so that some of those behind it were counted before it");
                return;
            }
            long last = sent[sent.length - 1];
            String difference = last > received.frames()
                    ? (last - received.frames()) + " lost between them"
                    : (received.frames() - last) + " more than there should be";
            losses.add(way + ": " + last + " frames sent, " + received.frames() + " received, up to the " + received
                    + ": " + difference);
        }

        private void keptAndGiven(Statement where) {
            long kept = where.frames().getOrDefault("buffered", 0L);
            long given = where.frames().getOrDefault("flushed", 0L);
            if (kept == given) {
                facts.add(where.gateway() + ": " + kept + " frames kept for the guest, all given to it in order");
            } else {
                losses.add(where.gateway() + ": " + kept + " frames kept for the guest, " + given + " given to it");
            }
            long refused = where.frames().getOrDefault("refused-by-bound", 0L);
            if (refused > 0) {
                losses.add(where.gateway() + ": " + refused + " frames more than its buffer holds");
            }
        }

        private void clocks(Statement source, Statement destination) {
            if (source.clock().isEmpty() || destination.clock().isEmpty()) {
                facts.add("clocks: not compared by both");
                return;
            }
            ClockOffset there = source.clock().get();
            ClockOffset back = destination.clock().get();
            long apart = Math.abs(there.offsetUs() + back.offsetUs());
            if (apart > there.uncertaintyUs() + back.uncertaintyUs()) {
                facts.add(
                        "clocks: the gateways disagree by " + apart + " us; times of one say little about the other's");
            } else {
                facts.add("clocks: " + destination.gateway() + "'s is " + there.offsetUs() + " us from "
                        + source.gateway() + "'s, give or take "
                        + Math.min(there.uncertaintyUs(), back.uncertaintyUs()));
            }
        }
    }

    /** How long the guest was stopped, in microseconds, with the bound of its error; empty if the halves do not tell. */
    public static Optional<ClockOffset> pause(Certificate certificate) {
        Optional<Statement> source = certificate.source().map(SignedStatement::statement);
        Optional<Statement> destination = certificate.destination().map(SignedStatement::statement);
        Optional<Long> stopped = source.flatMap(s -> s.at("pause"));
        Optional<Long> runs = destination.flatMap(d -> d.at("resume"));
        Optional<ClockOffset> clock = source.flatMap(Statement::clock);
        if (stopped.isEmpty() || runs.isEmpty() || clock.isEmpty()) {
            return Optional.empty();
        }
        ClockOffset c = clock.get();
        return Optional.of(new ClockOffset(runs.get() - c.offsetUs() - stopped.get(), c.uncertaintyUs()));
    }
}
