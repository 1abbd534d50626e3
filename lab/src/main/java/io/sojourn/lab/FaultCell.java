// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/** One move with one fault in it, watched to its end and judged. Nobody helps it along. */
final class FaultCell {
    /** Until whoever repairs does so. */
    private static final Duration UNTIL_MENDED = Duration.ofSeconds(1);

    private static final Duration STRIKE_BOUND = Duration.ofSeconds(60);
    private static final Duration END_BOUND = Duration.ofSeconds(90);
    private static final Duration CALM_BOUND = Duration.ofSeconds(30);
    private static final Duration SETTLE = Duration.ofSeconds(1);
    private static final long POLL_NS = 100_000_000;

    private final Stage stage;
    private final Mover mover;
    private final Lab lab;
    private final String name;
    private final Fault fault;
    private final MoveStep.Sign sign;
    private final Duration lasting;
    private final String to;

    /** @param lasting how long the fault lasts until somebody begins to mend it */
    FaultCell(Stage stage, String name, Fault fault, MoveStep.Sign sign, Duration lasting, String to) {
        this.stage = stage;
        this.mover = stage.mover();
        this.lab = stage.lab();
        this.name = name;
        this.fault = fault;
        this.sign = sign;
        this.lasting = lasting;
        this.to = to;
    }

    static Duration untilMended() {
        return UNTIL_MENDED;
    }

    Report.Cell run() {
        String from = mover.at();
        List<String> problems = new ArrayList<>();
        String before = newestMigration();
        Traffic traffic = mover.traffic();
        traffic.moveStarts();
        long startNs = System.nanoTime();
        long struckNs;
        try (LogWatch watch = new LogWatch(lab.log(sign.process()), sign.word(), sign.delay(), fault::strike)) {
            request();
            await(STRIKE_BOUND, () -> watch.actedNs() != 0);
            struckNs = watch.actedNs();
        }
        boolean came = struckNs != 0;
        if (!came) {
            fault.strike();
            struckNs = System.nanoTime();
        }
        LockSupport.parkNanos(lasting.toNanos() - (System.nanoTime() - struckNs));
        fault.mend();
        traffic.outageEnds();
        lab.awaitGateways();
        JsonNode migration = end(before);
        long endedNs = System.nanoTime();
        String ended = migration.path("state").asString("");
        if (!came) {
            problems.add("the move never came to this step; it went: " + events(migration));
        }
        if (ended.equals("DONE")) {
            mover.isAt(to);
        } else if (!ended.equals("ROLLED_BACK") && !ended.equals("REFUSED")) {
            problems.add("the move is still " + ended + " after " + END_BOUND.toSeconds() + " s");
        }
        problems.addAll(traffic.recovered(CALM_BOUND));
        Orphans orphans = Orphans.whenCalm(lab, mover.plan(), CALM_BOUND);
        problems.addAll(orphans.wrongWith(mover.at()));
        LockSupport.parkNanos(SETTLE.toNanos());
        return judge(from, migration, ended, struckNs - startNs, endedNs - struckNs, traffic.end(), orphans, problems);
    }

    private Report.Cell judge(
            String from,
            JsonNode migration,
            String ended,
            long struckNs,
            long endedNs,
            Traffic.Window window,
            Orphans orphans,
            List<String> problems) {
        if (window.tcpBroken() + window.bytesMismatched() > 0) {
            problems.addAll(window.faults());
        }
        double silenceMs = window.paths().stream()
                .mapToDouble(path -> path.figures().gapMs())
                .max()
                .orElse(0);
        boolean ok = problems.isEmpty() && orphans.left().isEmpty();
        return new Report.Cell(
                name,
                fault.description() + " on '" + sign.word().strip() + "' in " + sign.process() + "'s log",
                ok,
                migration.path("id").asString(""),
                from,
                to,
                ended,
                struckNs / 1_000_000,
                endedNs / 1_000_000,
                orphans.runsAt(),
                orphans.hypervisors(),
                Report.round(silenceMs),
                window.lost(),
                window.duplicated(),
                window.reordered(),
                window.tcpOpen(),
                window.tcpBroken(),
                window.bytesMismatched(),
                orphans.left(),
                migration.path("timeline"),
                problems);
    }

    private static String events(JsonNode migration) {
        return migration
                .path("timeline")
                .valueStream()
                .map(entry -> entry.path("where").asString("") + " "
                        + entry.path("event").asString(""))
                .collect(Collectors.joining(", "));
    }

    /** In the background: a controller that dies over it never answers. */
    private void request() {
        Thread.ofPlatform().daemon().name("request").start(() -> {
            try {
                lab.rest().post("/v1/migrations", Map.of("vm", mover.plan().name(), "to", to));
            } catch (LabException e) {
                stage.progress().show(name + ": " + e.getMessage());
            }
        });
    }

    private String newestMigration() {
        return ask(() -> lab.rest()
                        .get("/v1/migrations?vm=" + mover.plan().name())
                        .path("items")
                        .path(0)
                        .path("id")
                        .asString(""))
                .orElse("");
    }

    /** The move as it ended, or as it is when patience ends; REFUSED if none was ever recorded. */
    private JsonNode end(String before) {
        JsonNode[] last = {JsonNodeFactory.instance.objectNode().put("state", "REFUSED")};
        long recordedBoundNs = System.nanoTime() + 5_000_000_000L;
        await(END_BOUND, () -> {
            JsonNode newest = ask(() -> lab.rest()
                            .get("/v1/migrations?vm=" + mover.plan().name())
                            .path("items")
                            .path(0))
                    .orElse(JsonNodeFactory.instance.missingNode());
            String id = newest.path("id").asString("");
            if (id.isEmpty() || id.equals(before)) {
                return System.nanoTime() > recordedBoundNs;
            }
            last[0] = newest;
            String state = newest.path("state").asString("");
            return state.equals("DONE") || state.equals("ROLLED_BACK");
        });
        String id = last[0].path("id").asString("");
        return id.isEmpty()
                ? last[0]
                : ask(() -> lab.rest().get("/v1/migrations/" + id)).orElse(last[0]);
    }

    /** Empty if the controller does not answer. */
    private static <T> java.util.Optional<T> ask(Supplier<T> question) {
        try {
            return java.util.Optional.of(question.get());
        } catch (LabException away) {
            return java.util.Optional.empty();
        }
    }

    private void await(Duration bound, java.util.function.BooleanSupplier condition) {
        long deadline = System.nanoTime() + bound.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() < deadline) {
            stage.progress().show("  " + name + "  " + fault.description());
            LockSupport.parkNanos(POLL_NS);
        }
    }

    static String line(int number, int of, Report.Cell cell) {
        return String.format(
                Locale.ROOT,
                "cell %d of %d  %-10s %s  %s -> %s  %s %.1f s after the fault, runs at %s, silence %.1f s, lost %d, sessions %d open %d broken%s",
                number,
                of,
                cell.cell(),
                cell.ok() ? "ok" : "BAD",
                cell.from(),
                cell.to(),
                cell.ended(),
                cell.endedAfterMs() / 1e3,
                cell.runsAt().isEmpty() ? "NOWHERE" : cell.runsAt(),
                cell.silenceMs() / 1e3,
                cell.lost(),
                cell.tcpOpen(),
                cell.tcpBroken(),
                cell.orphans().isEmpty() ? "" : ", orphans " + cell.orphans());
    }
}
