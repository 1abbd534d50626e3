// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.sojourn.model.binding.Epoch;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import io.sojourn.rpc.ClockProbe;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.Heartbeat;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.HostedVm;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.PathReport;
import io.sojourn.rpc.Phase;
import io.sojourn.rpc.Reply;
import io.sojourn.rpc.Sighting;
import io.sojourn.rpc.TakeOver;
import io.sojourn.rpc.ToGateway;
import io.sojourn.rpc.Welcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Who is attached, and what is known of each: its host, its paths to the others, its clock. */
final class Gateways {
    /** What the orchestrator hears from gateways. Called on the gateway's own thread, in the order of its messages. */
    interface Moves {
        /** @param restarted not the process that was attached before */
        void attached(String gateway, boolean restarted, Set<String> runningVms, Set<String> unfinished);

        void detached(String gateway);

        /** @param stored run when the report can be acknowledged */
        void reported(String gateway, long bootId, MigrationReport report, Runnable stored);
    }

    /** What changes faster than it is worth storing. */
    private static final class Facts {
        final ClockEstimate clock = new ClockEstimate();
        volatile Resource.@Nullable Host host;
        volatile Map<String, String> hosted = Map.of();
        volatile boolean tellsHosted;
        volatile Map<String, Long> counters = Map.of();
        volatile Map<String, Resource.Path> paths = Map.of();
        volatile long lastSeenUs;
        volatile long appliedVersion;
    }

    private static final Logger log = LoggerFactory.getLogger(Gateways.class);
    private static final int FIRST_PROBES = 4;
    /** So many, one by one: as often HotSpot sees code before it compiles it. */
    private static final int REHEARSED_PROBES = 250;

    private static final long REHEARSED_EVERY_NS = 20_000_000;
    private static final Duration TAKE_OVER = Duration.ofSeconds(2);

    private final Realm realm;
    private final ForwardingTable table;
    private final Enrolments enrolments;
    private final Time time;
    private final Detections detections;
    private final MappingServer mappings;
    private final SigningKeys signingKeys;
    private final ByteString signalKey;
    private final Map<String, Attachment> attached = new ConcurrentHashMap<>();
    private final Map<String, Facts> facts = new ConcurrentHashMap<>();
    private @Nullable Moves moves;

    Gateways(Realm realm, ForwardingTable table, Enrolments enrolments, SigningKeys signingKeys, Time time) {
        this.realm = realm;
        this.table = table;
        this.enrolments = enrolments;
        this.signingKeys = signingKeys;
        this.time = time;
        this.detections = new Detections(realm, time);
        this.mappings = new MappingServer(realm, time);
        this.signalKey = ByteString.copyFrom(realm.signalKey());
    }

    /** Nobody is attached to a controller that has just started, whatever it stored before it ended. */
    void start(Moves listener) {
        moves = listener;
        List<Write> corrections = new ArrayList<>();
        for (GatewayDocument gateway : realm.gateways()) {
            if (gateway.connected()) {
                corrections.add(Write.put(Kind.GATEWAY, gateway.name(), Json.write(gateway.withConnected(false))));
            }
        }
        realm.store().commit(corrections);
    }

    private Moves moves() {
        if (moves == null) {
            throw new IllegalStateException("not started");
        }
        return moves;
    }

    private Facts facts(String gateway) {
        return facts.computeIfAbsent(gateway, g -> new Facts());
    }

    // ---- streams

    /** A Hello that was found good. An older stream of the same gateway ends. */
    Attachment attach(Hello hello, ServerCallStreamObserver<ToGateway> stream) {
        String name = hello.getGateway();
        Attachment now = new Attachment(name, hello.getBootId(), stream, table);
        boolean restarted;
        synchronized (this) {
            Attachment before = attached.put(name, now);
            restarted = realm.gateway(name)
                    .map(known -> known.bootId() != hello.getBootId())
                    .orElse(false);
            if (before != null) {
                log.warn(
                        "gateway {} attaches a second time ({}): the first stream is ended",
                        name,
                        restarted ? "another process of the same name, or restarted" : "the same process");
                before.end(Status.ABORTED.withDescription("replaced by a newer stream of gateway " + name));
            }
            List<Write> writes = new ArrayList<>();
            if (realm.store().get(Kind.SITE, hello.getSite()).isEmpty()) {
                writes.add(Write.put(Kind.SITE, hello.getSite(), "{}"));
            }
            writes.add(Write.put(Kind.GATEWAY, name, Json.write(GatewayDocument.of(hello))));
            realm.store().commit(writes);
        }
        signingKeys.presented(name, hello.getSigningKey());
        Facts known = facts(name);
        known.host = GatewayDocument.host(hello.getHost());
        known.hosted = hosted(hello.getHostedList());
        known.lastSeenUs = time.nowUs();
        known.appliedVersion = hello.getAppliedVersion();
        log.info("gateway {} of site {} attached, reached at {}", name, hello.getSite(), hello.getLocator());
        now.start(ToGateway.newBuilder()
                .setWelcome(Welcome.newBuilder()
                        .setController("sojourn")
                        .setSignalKey(signalKey)
                        .setNowUs(time.nowUs()))
                .build());
        for (int i = 0; i < FIRST_PROBES; i++) {
            probeClock(now);
        }
        Thread.ofVirtual().name("rehearse-" + name).start(() -> rehearse(now));
        Set<String> running = new HashSet<>();
        known.hosted.forEach((vm, state) -> {
            if (state.equals("running")) {
                running.add(vm);
            }
        });
        moves().attached(name, restarted, running, Set.copyOf(hello.getUnfinishedList()));
        return now;
    }

    /** Cold code at either end would cost the first commands some milliseconds each, and everybody's packets may wait for one. The clocks are the better known for it. */
    private void rehearse(Attachment attachment) {
        for (int i = 0; i < REHEARSED_PROBES && attached.get(attachment.gateway()) == attachment; i++) {
            probeClock(attachment);
            LockSupport.parkNanos(REHEARSED_EVERY_NS);
        }
    }

    private static Map<String, String> hosted(List<HostedVm> list) {
        Map<String, String> hosted = new TreeMap<>();
        list.forEach(vm -> hosted.put(vm.getVm(), vm.getState()));
        return Map.copyOf(hosted);
    }

    void detach(Attachment attachment) {
        String name = attachment.gateway();
        attachment.end(Status.UNAVAILABLE.withDescription("the stream is over"));
        synchronized (this) {
            if (!attached.remove(name, attachment)) {
                return; // replaced meanwhile
            }
            try {
                realm.gateway(name)
                        .ifPresent(known -> realm.store()
                                .commit(List.of(
                                        Write.put(Kind.GATEWAY, name, Json.write(known.withConnected(false))))));
            } catch (RuntimeException e) {
                log.debug("gateway {} detached from a controller that is ending", name, e);
            }
        }
        log.warn("gateway {} is no longer attached; it goes on forwarding by what it knows", name);
        moves().detached(name);
    }

    /** Its stream ends, and nobody is told its key any more. */
    void revoked(String name) {
        synchronized (this) {
            realm.gateway(name)
                    .ifPresent(known -> realm.store()
                            .commit(List.of(Write.put(Kind.GATEWAY, name, Json.write(known.withoutKey())))));
        }
        Attachment now = attached.get(name);
        if (now != null) {
            now.end(Status.UNAUTHENTICATED.withDescription("the enrolment of gateway " + name + " was revoked"));
            detach(now);
        }
    }

    void received(Attachment from, FromGateway message) {
        Facts known = facts(from.gateway());
        known.lastSeenUs = time.nowUs();
        switch (message.getMessageCase()) {
            case APPLIED -> {
                from.applied(message.getApplied().getVersion());
                known.appliedVersion = message.getApplied().getVersion();
            }
            case REPLY -> from.replied(message.getReply());
            case MIGRATION -> report(from, message.getMigration());
            case PATHS -> paths(from.gateway(), message.getPaths());
            case SIGHTING -> sighting(from.gateway(), message.getSighting());
            case HEARTBEAT -> heartbeat(from.gateway(), known, message.getHeartbeat());
            case CLOCK ->
                known.clock.probe(
                        message.getClock().getSentUs(), message.getClock().getAtUs(), time.nowUs());
            case MAT ->
                mappings.heard(from.gateway(), message.getMat()).forEach(said -> {
                    Attachment to = attached.get(said.gateway());
                    if (to != null) {
                        to.send(ToGateway.newBuilder().setMat(said.message()).build());
                    }
                });
            case HELLO, MESSAGE_NOT_SET -> log.debug("gateway {} sent {}", from.gateway(), message.getMessageCase());
        }
    }

    private void report(Attachment from, MigrationReport report) {
        Facts known = facts(from.gateway());
        if (report.getPhase() == Phase.ACTIVATED) {
            Map<String, String> hosted = new TreeMap<>(known.hosted);
            hosted.put(report.getVm(), "running");
            known.hosted = Map.copyOf(hosted);
        } else if (report.getPhase() == Phase.RELEASED) {
            Map<String, String> hosted = new TreeMap<>(known.hosted);
            hosted.remove(report.getVm());
            known.hosted = Map.copyOf(hosted);
        }
        ToGateway ack = ToGateway.newBuilder()
                .setReportAck(io.sojourn.rpc.ReportAck.newBuilder().setSequence(report.getSequence()))
                .build();
        moves().reported(from.gateway(), from.bootId(), report, () -> from.send(ack));
    }

    private void paths(String gateway, PathReport report) {
        Map<String, Resource.Path> paths = new TreeMap<>(facts(gateway).paths);
        report.getPathsList()
                .forEach(p -> paths.put(
                        p.getGateway(),
                        new Resource.Path(
                                gateway,
                                p.getGateway(),
                                p.getReachable(),
                                p.getRttUs(),
                                p.getClockOffsetUs(),
                                p.getMtu(),
                                time.now())));
        facts(gateway).paths = Map.copyOf(paths);
    }

    private void sighting(String gateway, Sighting sighting) {
        detections.notice(gateway, sighting.getVm(), sighting.getHow());
        log.warn("VM {}: gateway {}: {}", sighting.getVm(), gateway, sighting.getHow());
    }

    /** Its names lead by the others from now on, and so do packets of those that have not been told yet. */
    private synchronized void locatorsDown(String name, List<String> down) {
        realm.gateway(name)
                .filter(gateway -> !List.copyOf(down).equals(gateway.locatorsDown()))
                .ifPresent(gateway -> {
                    log.info("gateway {}: locators without an uplink: {}", name, down.isEmpty() ? "none" : down);
                    realm.store()
                            .commit(List.of(Write.put(Kind.GATEWAY, name, Json.write(gateway.withLocatorsDown(down)))));
                });
    }

    private void heartbeat(String gateway, Facts known, Heartbeat heartbeat) {
        known.clock.heartbeat(heartbeat.getAtUs(), time.nowUs());
        if (heartbeat.hasHost()) {
            known.host = GatewayDocument.host(heartbeat.getHost());
        }
        if (heartbeat.getHostedCount() > 0) {
            known.hosted = hosted(heartbeat.getHostedList());
            known.tellsHosted = true;
        }
        known.counters = Map.copyOf(heartbeat.getCountersMap());
        locatorsDown(gateway, heartbeat.getLocatorsDownList());
    }

    void probeClocks() {
        attached.values().forEach(this::probeClock);
    }

    private void probeClock(Attachment attachment) {
        attachment.send(ToGateway.newBuilder()
                .setClock(ClockProbe.newBuilder().setSentUs(time.nowUs()))
                .build());
    }

    void endAll() {
        attached.values()
                .forEach(
                        a -> a.end(Status.UNAVAILABLE.withDescription("the controller is ending; attach again later")));
    }

    /** Returns when the gateway has done it, or is not there, or takes too long: then it learns it from the table as all do. */
    void takeOver(String gateway, String vm, Epoch epoch) {
        Command.Builder command =
                Command.newBuilder().setTakeOver(TakeOver.newBuilder().setVm(vm).setEpoch(epoch.number()));
        try {
            ask(gateway, command, TAKE_OVER).get();
        } catch (ExecutionException e) {
            log.info("VM {}: gateway {} was not told first: {}", vm, gateway, String.valueOf(e.getCause()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    // ---- questions

    /** Whether all of a site's gateways that are attached forward by that revision of the table, or a later one. */
    boolean knows(String site, long revision) {
        return realm.gateways().stream()
                .filter(gateway -> gateway.site().equals(site) && isConnected(gateway.name()))
                .allMatch(gateway -> facts(gateway.name()).appliedVersion >= revision);
    }

    boolean isConnected(String gateway) {
        return attached.containsKey(gateway);
    }

    Set<String> connected() {
        return Set.copyOf(attached.keySet());
    }

    CompletableFuture<Reply> ask(String gateway, Command.Builder command, Duration timeout) {
        Attachment attachment = attached.get(gateway);
        return attachment == null
                ? CompletableFuture.failedFuture(new Attachment.GoneException(gateway + " is not connected"))
                : attachment.ask(command, timeout);
    }

    ClockEstimate clock(String gateway) {
        return facts(gateway).clock;
    }

    Resource.Host host(GatewayDocument gateway) {
        Resource.Host fresh = facts(gateway.name()).host;
        return fresh == null ? gateway.host() : fresh;
    }

    Optional<Resource.Path> path(String from, String to) {
        return Optional.ofNullable(facts(from).paths.get(to));
    }

    List<Resource.Path> paths() {
        return new TreeMap<>(facts)
                .values().stream()
                        .flatMap(f -> new TreeMap<>(f.paths).values().stream())
                        .toList();
    }

    /** What the gateway says of the VM: running, paused, incoming, gone; empty if nothing. */
    Optional<String> hostedState(String gateway, String vm) {
        return Optional.ofNullable(facts(gateway).hosted.get(vm));
    }

    /** Its heartbeats say what it hosts. */
    boolean tellsHosted(String gateway) {
        return facts(gateway).tellsHosted;
    }

    /** What a question about the VM's hypervisor has just found. */
    void hostedSeen(String gateway, String vm, String state) {
        Map<String, String> hosted = new TreeMap<>(facts(gateway).hosted);
        hosted.put(vm, state);
        facts(gateway).hosted = Map.copyOf(hosted);
    }

    Resource.Gateway shown(GatewayDocument g) {
        Facts known = facts(g.name());
        Optional<ClockEstimate.Offset> clock = known.clock.best();
        return new Resource.Gateway(
                g.name(),
                g.site(),
                g.locator(),
                isConnected(g.name()),
                g.software(),
                known.appliedVersion,
                table.version(),
                g.networks(),
                host(g),
                known.hosted,
                known.counters,
                clock.map(ClockEstimate.Offset::offsetUs).orElse(null),
                clock.map(ClockEstimate.Offset::uncertaintyUs).orElse(null),
                known.lastSeenUs == 0 ? null : Time.instant(known.lastSeenUs),
                enrolments
                        .enrolled(g.name())
                        .map(Enrolments.Enrolled::certifiedUntil)
                        .orElse(null));
    }
}
