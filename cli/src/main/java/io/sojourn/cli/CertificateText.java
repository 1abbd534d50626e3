// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.ClockOffset;
import io.sojourn.certificate.SignedStatement;
import io.sojourn.certificate.Statement;
import io.sojourn.certificate.Subject;
import io.sojourn.certificate.TimelineStep;
import io.sojourn.certificate.Verification;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** A certificate as a person reads it. */
final class CertificateText {
    private CertificateText() {}

    private record Step(long atUs, String site, String event, String detail) {}

    static List<String> lines(JsonNode migration, Certificate certificate, Verification verification) {
        List<String> lines = new ArrayList<>();
        lines.add(
                certificate.halves().isEmpty()
                        ? "certificate of " + MigrationText.name(migration) + ": neither gateway has signed anything"
                        : heading(certificate));
        if (verification.isVerified()) {
            lines.add("  verified       both halves are signed with the keys that the controller knows");
        }
        verification.problems().forEach(problem -> lines.add("  NOT VERIFIED   " + problem));
        verification.losses().forEach(loss -> lines.add("  LOST           " + loss));
        Verification.pause(certificate)
                .ifPresent(pause -> lines.add(String.format(
                        Locale.ROOT,
                        "  pause          %.1f ms, give or take %.1f",
                        pause.offsetUs() / 1e3,
                        pause.uncertaintyUs() / 1e3)));
        verification.facts().stream()
                .filter(fact -> !fact.contains("signed by"))
                .forEach(fact -> lines.add("  " + fact));
        certificate.halves().forEach(half -> counts(half.statement(), lines));
        lines.addAll(steps(certificate));
        return lines;
    }

    static String heading(Certificate certificate) {
        Optional<SignedStatement> any = certificate.halves().stream().findFirst();
        if (any.isEmpty()) {
            return "migration " + certificate.migration();
        }
        Subject subject = any.get().statement().subject();
        return certificate.name() + "  " + subject.source() + " -> " + subject.destination() + "  "
                + any.get().statement().outcome() + "  networks " + String.join(", ", subject.networks()) + "  epoch "
                + subject.previousEpoch() + " -> " + subject.epoch() + "  migration " + subject.migration();
    }

    private static void counts(Statement s, List<String> lines) {
        String who = String.format(Locale.ROOT, "  %-14s %s: ", s.role(), s.gateway());
        lines.add(who + words(s.frames(), "no frame held, kept or redirected"));
        if (!s.events().isEmpty()) {
            lines.add("                 protocol: " + words(s.events(), ""));
        }
        if (!s.drops().isEmpty()) {
            lines.add("                 dropped there meanwhile, of anybody's: " + words(s.drops(), ""));
        }
    }

    private static String words(Map<String, Long> counts, String none) {
        List<String> words = new ArrayList<>();
        new TreeMap<>(counts).forEach((name, n) -> {
            if (n != 0) {
                words.add(name + " " + n);
            }
        });
        return words.isEmpty() ? none : String.join("  ", words);
    }

    /** By the source's clock, in milliseconds from the pause; before it they are negative. */
    static List<String> steps(Certificate certificate) {
        List<Step> steps = new ArrayList<>();
        long behindUs = certificate
                .source()
                .flatMap(half -> half.statement().clock())
                .map(ClockOffset::offsetUs)
                .orElse(0L);
        certificate.source().ifPresent(half -> add(half.statement(), 0, steps));
        certificate.destination().ifPresent(half -> add(half.statement(), behindUs, steps));
        steps.sort(Comparator.comparingLong(Step::atUs));
        List<String> lines = new ArrayList<>();
        if (steps.isEmpty()) {
            return lines;
        }
        Optional<Step> pause =
                steps.stream().filter(s -> s.event().equals("pause")).findFirst();
        long zeroUs = pause.orElse(steps.getFirst()).atUs();
        lines.add("  steps, in ms from " + (pause.isPresent() ? "the pause" : "the first one"));
        for (Step step : steps) {
            lines.add(String.format(
                            Locale.ROOT,
                            "  %12.1f  %-18s %-20s %s",
                            (step.atUs() - zeroUs) / 1e3,
                            step.site(),
                            step.event(),
                            step.detail())
                    .stripTrailing());
        }
        return lines;
    }

    private static void add(Statement statement, long aheadUs, List<Step> steps) {
        for (TimelineStep step : statement.timeline()) {
            steps.add(new Step(step.atUs() - aheadUs, statement.site(), step.event(), step.detail()));
        }
    }
}
