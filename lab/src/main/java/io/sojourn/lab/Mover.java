// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/** Has a VM moved, watches it, and judges the window of traffic around the move. */
final class Mover {
    private static final long POLL_NS = 100_000_000;
    private static final long MOVE_BOUND_S = 180;
    /** Those that move together have one path and one machine between them. */
    private static final long COMPANION_BOUND_S = 60;
    /** After a move, until things count as calm: the farthest round trip, what TCP needs, and the second over which 'after' is taken. */
    private static final Duration SETTLE = Duration.ofMillis(2_500);

    private final Lab lab;
    private final GuestPlan plan;
    private final Traffic traffic;
    private final DirectPaths direct;
    private final Progress progress;
    private final String acceleration;
    private final int addedBytes;
    private String at;
    private final Standstill standstill;
    private Map<String, Long> drops;
    private Duration settle = SETTLE;
    private boolean capturing;

    Mover(
            Lab lab,
            GuestPlan plan,
            Traffic traffic,
            DirectPaths direct,
            int addedBytes,
            String acceleration,
            Standstill standstill,
            Progress progress) {
        this.lab = lab;
        this.plan = plan;
        this.traffic = traffic;
        this.direct = direct;
        this.addedBytes = addedBytes;
        this.acceleration = acceleration;
        this.progress = progress;
        this.standstill = standstill;
        this.at = plan.home().name();
        this.drops = DropCounters.read(lab);
    }

    String at() {
        return at;
    }

    String acceleration() {
        return acceleration;
    }

    GuestPlan plan() {
        return plan;
    }

    Traffic traffic() {
        return traffic;
    }

    /** What the overlay adds to a packet. */
    int addedBytes() {
        return addedBytes;
    }

    /** How long is waited after a move before the next may begin. */
    void settleFor(Duration time) {
        settle = time;
    }

    /** What passes around the flips is kept by the gateways. */
    void captures() {
        capturing = true;
    }

    /** Somebody else has seen to it that the VM is there. */
    void isAt(String site) {
        at = site;
    }

    /** One move, from wherever the VM is. A move that fails is a move that is not ok; an exception means that the lab itself broke. */
    Report.Move move(String to) {
        return together(List.of(this), List.of(to)).getFirst();
    }

    /** A move that is not asked of Sojourn but done by {@code byHand}: from where the VM is to the migration as it ended. */
    Report.Move move(String to, java.util.function.Function<String, JsonNode> byHand) {
        String from = at;
        lab.awaitGateways();
        long startUs = System.currentTimeMillis() * 1_000;
        traffic.moveStarts();
        JsonNode migration = byHand.apply(from);
        boolean done = migration.path("state").asString("").equals("DONE");
        if (done) {
            at = to;
        }
        LockSupport.parkNanos(settle.toNanos());
        return judge(from, to, startUs, migration, done, traffic.end());
    }

    /** Moves that begin together, each of another VM; to the same destination all, they are asked for in one request. */
    static List<Report.Move> together(List<Mover> movers, List<String> to) {
        Lab lab = movers.getFirst().lab;
        lab.awaitGateways();
        long startUs = System.currentTimeMillis() * 1_000;
        movers.forEach(mover -> mover.traffic.moveStarts());
        List<JsonNode> migrations = request(movers, to);
        List<JsonNode> ended = new ArrayList<>();
        long boundS = MOVE_BOUND_S + (movers.size() - 1) * COMPANION_BOUND_S;
        for (int i = 0; i < movers.size(); i++) {
            ended.add(movers.get(i).follow(to.get(i), migrations.get(i), boundS));
        }
        LockSupport.parkNanos(movers.getFirst().settle.toNanos());
        List<Report.Move> moves = new ArrayList<>();
        for (int i = 0; i < movers.size(); i++) {
            Mover mover = movers.get(i);
            String from = mover.at;
            boolean done = ended.get(i).path("state").asString("").equals("DONE");
            if (done) {
                mover.at = to.get(i);
            }
            moves.add(mover.judge(from, to.get(i), startUs, ended.get(i), done, mover.traffic.end()));
        }
        return moves;
    }

    /** Each migration as it was accepted; a refusal looks like one that was rolled back at once. */
    private static List<JsonNode> request(List<Mover> movers, List<String> to) {
        RestClient rest = movers.getFirst().lab.rest();
        List<JsonNode> accepted = new ArrayList<>();
        if (movers.size() > 1 && Set.copyOf(to).size() == 1) {
            return requestGang(movers, to.getFirst(), rest);
        }
        for (int i = 0; i < movers.size(); i++) {
            try {
                accepted.add(rest.post(
                        "/v1/migrations",
                        Map.of("vm", movers.get(i).plan.name(), "to", to.get(i), "capture", movers.get(i).capturing)));
            } catch (LabException refused) {
                accepted.add(refused(refused));
            }
        }
        return accepted;
    }

    private static List<JsonNode> requestGang(List<Mover> movers, String to, RestClient rest) {
        List<String> vms = movers.stream().map(mover -> mover.plan.name()).toList();
        try {
            List<JsonNode> accepted = new ArrayList<>();
            rest.post("/v1/gangs", Map.of("vms", vms, "to", to)).path("items").forEach(accepted::add);
            return accepted;
        } catch (LabException why) {
            return vms.stream().map(vm -> refused(why)).toList();
        }
    }

    private static JsonNode refused(LabException why) {
        return JsonNodeFactory.instance.objectNode().put("state", "REFUSED").put("error", why.getMessage());
    }

    private JsonNode follow(String to, JsonNode accepted, long boundS) {
        String id = accepted.path("id").asString("");
        long startNs = System.nanoTime();
        JsonNode migration = accepted;
        while (true) {
            String state = migration.path("state").asString("");
            if (state.equals("DONE") || state.equals("ROLLED_BACK") || state.equals("REFUSED")) {
                return migration;
            }
            double seconds = (System.nanoTime() - startNs) / 1e9;
            JsonNode copied = migration.path("progress");
            progress.show(String.format(
                    Locale.ROOT,
                    "  %s  %s -> %s  %-9s %5.1f s  %4d MB over the WAN, %4d MB left",
                    plan.name(),
                    at,
                    to,
                    state.toLowerCase(Locale.ROOT),
                    seconds,
                    copied.path("bytesSent").asLong(0) >> 20,
                    copied.path("bytesRemaining").asLong(0) >> 20));
            if (seconds > boundS) {
                throw new LabException("migration " + id + " is still " + state + " after " + boundS + " s, "
                        + copied.path("bytesSent").asLong(0) + " bytes sent, "
                        + copied.path("bytesRemaining").asLong(0) + " left");
            }
            LockSupport.parkNanos(POLL_NS);
            migration = lab.rest().get("/v1/migrations/" + id);
        }
    }

    private Report.Move judge(
            String from, String to, long startUs, JsonNode migration, boolean done, Traffic.Window window) {
        List<String> problems = new ArrayList<>(window.faults());
        long stoodStillMs = standstill.longestMs();
        if (stoodStillMs > 0) {
            problems.add(
                    "the lab itself got no processor for " + stoodStillMs
                            + " ms meanwhile (a machine that stood still, or is starved): gaps of that length are not the network's doing");
        }
        Map<String, Long> dropsBefore = drops;
        drops = DropCounters.read(lab);
        if (window.lost() > 0) {
            DropCounters.grown(dropsBefore, drops).forEach(counter -> problems.add("meanwhile " + counter));
        }
        if (!done) {
            problems.addFirst("migration ended as " + migration.path("state").asString("") + ": "
                    + migration.path("error").asString("no reason given"));
        }
        Optional<RunStates.Pause> pause =
                done ? RunStates.lastPause(lab.run().folder(), plan.name(), startUs) : Optional.empty();
        if (done && pause.isEmpty()) {
            problems.add("the hypervisors' traces show no pause");
        }
        double pauseMs = pause.map(RunStates.Pause::ms).orElse(0.0);
        List<Report.Correspondent> correspondents = window.paths().stream()
                .map(path -> correspondent(path, from, at, pause))
                .toList();
        Report.Correspondent slowest =
                worst(correspondents.stream().filter(c -> c.family() == 4).toList(), c -> c.addedGapMs());
        Report.Correspondent farthest = worst(correspondents, c -> excess(c));
        boolean detected = migration.path("detected").asBoolean(false);
        if (detected) {
            BehindOurBack.judge(migration, pause, lab.topology().oneWayMs(from, to), window, problems);
        }
        String id = migration.path("id").asString("");
        Certified certificate = detected ? Certified.NONE : Certified.of(lab.rest(), id, problems);
        List<String> failed = detected
                ? MoveVerdict.detected(
                        done,
                        BehindOurBack.inTime(migration, pause, lab.topology().oneWayMs(from, to)),
                        window)
                : MoveVerdict.asked(done, certificate, window);
        if (!failed.isEmpty()) {
            problems.addAll(certificate.events());
        }
        Incident incident = failed.isEmpty()
                ? Incident.NONE
                : Incident.of(lab, plan.name(), migration.path("epoch").asLong(), problems);
        JsonNode timeline = migration.path("timeline");
        return new Report.Move(
                id,
                plan.name(),
                from,
                to,
                lab.mechanism(),
                failed.isEmpty(),
                new Report.Hypervisor(
                        acceleration,
                        Report.round(pauseMs),
                        Report.round(direct.oneWayMs(from, to)),
                        migration.path("totalMs").asLong(0),
                        migration.path("progress").path("bytesTotal").asLong(0),
                        migration.path("wanBytes").asLong(0)),
                new Report.Network(
                        slowest.gapMs(),
                        slowest.addedGapMs(),
                        switchMs(timeline, pause),
                        Report.round(announceDelayMs(from, to)),
                        window.lost(),
                        window.duplicated(),
                        window.reordered()),
                new Report.Sessions(window.tcpOpen(), window.tcpBroken(), window.bytesMismatched()),
                new Report.PathPart(farthest.rttBeforeMs(), farthest.rttAfterMs(), farthest.rttDirectMs()),
                new Report.Wire(addedBytes),
                correspondents,
                certificate,
                timeline,
                problems,
                failed,
                incident);
    }

    private static Report.Correspondent worst(
            List<Report.Correspondent> of, java.util.function.ToDoubleFunction<Report.Correspondent> measure) {
        return of.stream().max(java.util.Comparator.comparingDouble(measure)).orElseThrow();
    }

    /** How much longer than direct, beyond the 10 % or 1 ms that is allowed. */
    private static double excess(Report.Correspondent c) {
        return Math.abs(c.rttAfterMs() - c.rttDirectMs()) - Math.max(1, c.rttDirectMs() / 10);
    }

    private Report.Correspondent correspondent(
            Traffic.Path path, String from, String now, Optional<RunStates.Pause> pause) {
        double pauseMs = pause.map(RunStates.Pause::ms).orElse(0.0);
        String site = path.correspondent().substring(0, path.correspondent().length() - "-c".length());
        double longerMs = direct.oneWayMs(site, now) - direct.oneWayMs(site, from);
        // A guest that comes nearer by more than its pause is not silent at all, but no less than that.
        double inherentMs = Math.max(0, pauseMs + longerMs);
        ProbeFigures figures = path.figures();
        return new Report.Correspondent(
                site,
                path.family(),
                path.rateHz(),
                figures.sent(),
                figures.lost(),
                figures.duplicated(),
                figures.reordered(),
                Report.round(figures.gapMs()),
                Report.round(figures.gapMs() - inherentMs),
                Report.round(pause.map(p -> (wallUs(figures.gapAtNs()) - p.pausedUs()) / 1_000.0)
                        .orElse(0.0)),
                Report.round(path.rttBeforeMs()),
                Report.round(path.rttAfterMs()),
                Report.round(direct.rttMs(site, now)));
    }

    private static long wallUs(long atNs) {
        return System.currentTimeMillis() * 1_000 - (System.nanoTime() - atNs) / 1_000;
    }

    /** From the hypervisor's RESUMED until the last correspondent's gateway has flipped; null when none of them says when. */
    private @org.jspecify.annotations.Nullable Double switchMs(JsonNode timeline, Optional<RunStates.Pause> pause) {
        long last = 0;
        for (JsonNode entry : timeline) {
            if (entry.path("event").asString("").equals("flip")) {
                last = Math.max(last, entry.path("atUs").asLong());
            }
        }
        return last == 0 || pause.isEmpty()
                ? null
                : Report.round((last - pause.get().resumedUs()) / 1_000.0);
    }

    /** To the farthest of those who are no party to the move. */
    private double announceDelayMs(String from, String to) {
        return lab.topology().sites().stream()
                .map(Topology.Site::name)
                .filter(site -> !site.equals(from) && !site.equals(to))
                .mapToDouble(site -> direct.oneWayMs(to, site))
                .max()
                .orElse(0);
    }
}
