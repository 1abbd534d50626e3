// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import io.sojourn.certificate.Statement.Outcome;
import io.sojourn.certificate.Statement.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A move of web1 from gateway a to gateway b, as the two would tell it. */
final class Samples {
    static final SigningKey KEY_A = SigningKey.generate();
    static final SigningKey KEY_B = SigningKey.generate();
    static final String MIGRATION = "3b1c7f0e-58a4-4d7e-9c63-2f6d9d8c1a55";
    static final Subject SUBJECT = new Subject(MIGRATION, "web1", List.of("green", "blue"), "a", "b", 1, 2, "strict");

    private Samples() {}

    /** What a test may change of a half before it is signed. */
    static final class Draft {
        Subject subject = SUBJECT;
        String gateway;
        final Role role;
        Outcome outcome = Outcome.MOVED;
        boolean whole = true;
        Optional<ClockOffset> clock;
        List<TimelineStep> timeline;
        List<Mark> marks;
        Map<String, Long> frames;

        Draft(Role role) {
            boolean source = role == Role.SOURCE;
            this.role = role;
            gateway = source ? "a" : "b";
            clock = Optional.of(new ClockOffset(source ? 500 : -480, 300));
            timeline = source
                    ? List.of(new TimelineStep(1_000_000, "hold", ""), new TimelineStep(1_004_000, "pause", ""))
                    : List.of(
                            new TimelineStep(1_135_500, "resume", ""),
                            new TimelineStep(1_135_600, "activate", "resume"));
            marks = new ArrayList<>(List.of(
                    new Mark(source, "end-marker-outbound", "a", 12), new Mark(source, "end-marker-inbound", "c", 57)));
            frames = source ? Map.of("redirected", 40L) : Map.of("buffered", 31L, "flushed", 31L);
        }

        Statement statement() {
            boolean source = role == Role.SOURCE;
            return new Statement(
                    subject,
                    role,
                    gateway,
                    "site-" + gateway,
                    outcome,
                    whole,
                    clock,
                    timeline,
                    source ? 60 : 0,
                    source ? 0 : 59,
                    marks,
                    frames,
                    Map.of("retransmitted", 1L),
                    Map.of(),
                    900_000,
                    9_000_000);
        }

        SignedStatement signed() {
            return (role == Role.SOURCE ? KEY_A : KEY_B).sign(statement());
        }
    }

    static Certificate of(Draft source, Draft destination) {
        return new Certificate(MIGRATION, Optional.of(source.signed()), Optional.of(destination.signed()));
    }

    static Certificate good() {
        return of(new Draft(Role.SOURCE), new Draft(Role.DESTINATION));
    }

    static Map<String, PublicSigningKey> keys() {
        return Map.of("a", KEY_A.publicKey(), "b", KEY_B.publicKey());
    }
}
