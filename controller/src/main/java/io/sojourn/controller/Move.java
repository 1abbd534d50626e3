// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Progress;
import io.sojourn.rpc.TimelineEntry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A move in memory: what is known of it, gathered from reports. Confined to the orchestrator's thread. */
final class Move {
    static final String CONTROLLER = "controller";
    private static final int TIMELINE_BOUND = 1000;

    private final Resource.Migration plan;
    private final MoveMachine.Parties parties;
    private final Resource.Vm vm;
    private final long boundEpoch;
    private final @Nullable String landingQmp;
    private final Map<String, Long> acknowledged;
    private final List<Resource.TimelineEntry> timeline;
    private MoveState state;
    private Resource.Progress progress;
    private Resource.Counts counts;
    private @Nullable String error;
    private @Nullable String streamToken;
    private @Nullable String destinationQmp;
    private @Nullable Instant finishedAt;

    Move(MoveDocument document) {
        plan = document.shown();
        parties = new MoveMachine.Parties(plan.fromGateway(), plan.toGateway(), document.correspondents());
        vm = document.vm();
        boundEpoch = document.boundEpoch();
        landingQmp = document.landingQmp();
        acknowledged = new TreeMap<>(document.acknowledged());
        timeline = new ArrayList<>(plan.timeline());
        state = document.state();
        progress = plan.progress();
        counts = plan.counts();
        error = plan.error();
        streamToken = document.streamToken();
        destinationQmp = document.destinationQmp();
        finishedAt = plan.finishedAt();
    }

    String id() {
        return plan.id();
    }

    Resource.Migration plan() {
        return plan;
    }

    MoveMachine.Parties parties() {
        return parties;
    }

    Resource.Vm vm() {
        return vm;
    }

    MoveState state() {
        return state;
    }

    long boundEpoch() {
        return boundEpoch;
    }

    String landingQmp() {
        return landingQmp == null ? "" : landingQmp;
    }

    String streamToken() {
        return streamToken == null ? "" : streamToken;
    }

    /** The destination's word, else the landing place's; empty: nobody said. */
    Optional<String> destinationQmp() {
        return Optional.ofNullable(destinationQmp).or(() -> Optional.ofNullable(landingQmp));
    }

    void destinationArmed(String token, String qmp) {
        streamToken = token;
        if (!qmp.isEmpty()) {
            destinationQmp = qmp;
        }
    }

    void enter(MoveState next, Instant now) {
        state = next;
        if (next instanceof MoveState.RolledBack rolledBack) {
            error = rolledBack.reason();
        }
        if (next.isFinal() && finishedAt == null) {
            finishedAt = now;
        }
    }

    void note(long atUs, String event, String detail) {
        add(new Resource.TimelineEntry(atUs, CONTROLLER, event, detail, 0));
    }

    private void add(Resource.TimelineEntry entry) {
        if (timeline.size() < TIMELINE_BOUND) {
            timeline.add(entry);
            timeline.sort(Comparator.comparingLong(Resource.TimelineEntry::atUs));
        }
    }

    /** False if this report was taken before. */
    boolean isNew(String gateway, long bootId, long sequence) {
        String key = gateway + "#" + bootId;
        if (sequence <= acknowledged.getOrDefault(key, 0L)) {
            return false;
        }
        acknowledged.put(key, sequence);
        return true;
    }

    /** @param offsetUs the gateway's clock minus ours */
    void take(String gateway, MigrationReport report, long offsetUs) {
        for (TimelineEntry entry : report.getTimelineList()) {
            add(new Resource.TimelineEntry(
                    entry.getAtUs() - offsetUs, gateway, entry.getEvent(), entry.getDetail(), offsetUs));
        }
        boolean isSource = gateway.equals(parties.source());
        if (isSource && report.hasProgress()) {
            Progress p = report.getProgress();
            progress = new Resource.Progress(
                    p.getBytesTotal(),
                    p.getBytesRemaining(),
                    p.getBytesSent(),
                    p.getBytesPerS(),
                    p.getDirtyBytesPerS(),
                    p.getPass(),
                    p.getEtaMs());
        }
        if (report.getCountsCount() > 0) {
            count(gateway, report.getCountsMap());
        }
    }

    private void count(String gateway, Map<String, Long> reported) {
        Map<String, Long> source = counts.source();
        Map<String, Long> destination = counts.destination();
        Map<String, Map<String, Long>> correspondents = new TreeMap<>(counts.correspondents());
        if (gateway.equals(parties.source())) {
            source = merged(source, reported);
        } else if (gateway.equals(parties.destination())) {
            destination = merged(destination, reported);
        } else {
            correspondents.put(gateway, merged(correspondents.getOrDefault(gateway, Map.of()), reported));
        }
        counts = new Resource.Counts(source, destination, correspondents);
    }

    /** Counts are totals: a later report replaces, never adds. */
    private static Map<String, Long> merged(Map<String, Long> before, Map<String, Long> reported) {
        Map<String, Long> all = new TreeMap<>(before);
        all.putAll(reported);
        return all;
    }

    private Optional<Long> at(String gateway, String event) {
        return timeline.stream()
                .filter(e -> e.where().equals(gateway) && e.event().equals(event))
                .map(Resource.TimelineEntry::atUs)
                .max(Comparator.naturalOrder());
    }

    private @Nullable Double pauseMs() {
        Optional<Long> pause = at(parties.source(), "pause");
        Optional<Long> resume = at(parties.destination(), "resume");
        return pause.isPresent() && resume.isPresent() ? (resume.get() - pause.get()) / 1000.0 : null;
    }

    MoveDocument document() {
        long wanBytes = Math.max(progress.bytesSent(), counts.source().getOrDefault("wan_bytes", 0L));
        Resource.Migration shown = new Resource.Migration(
                plan.id(),
                plan.vm(),
                plan.from(),
                plan.to(),
                plan.fromGateway(),
                plan.toGateway(),
                plan.epoch(),
                state.shown(),
                error,
                plan.bandwidthMbit(),
                plan.maxPauseMs(),
                plan.maxTotalS(),
                plan.ordering(),
                plan.capture(),
                progress,
                timeline,
                counts,
                pauseMs(),
                finishedAt == null
                        ? null
                        : Duration.between(plan.createdAt(), finishedAt).toMillis(),
                wanBytes == 0 ? null : wanBytes,
                plan.createdAt(),
                finishedAt);
        return new MoveDocument(
                shown,
                state,
                parties.correspondents(),
                vm,
                boundEpoch,
                landingQmp,
                streamToken,
                destinationQmp,
                acknowledged);
    }
}
