// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.BindableService;
import io.sojourn.registry.BindingStore;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/**
 * The controller without its doors to the outside: put together in the constructor, {@link #start} takes up what was under way.
 * The gRPC service is for any kind of server; REST starts with {@link #serveRest}.
 */
final class Controller implements AutoCloseable {
    private static final int CLOCK_PROBE_S = 10;
    private static final int HYPERVISORS_S = 2;
    private static final int LONGEST_LOOK_S = 60;

    private final Realm realm;
    private final ForwardingTable table;
    private final Gateways gateways;
    private final Orchestrator orchestrator;
    private final EventStream events;
    private final RestApi api;
    private final GatewayService service;
    private final HypervisorWatch hypervisors;
    private final PresharedKeys preshared;
    private final ScheduledExecutorService housekeeping = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("housekeeping").factory());
    private final EnrolmentService enrolment;
    private Optional<HttpServer> http = Optional.empty();
    private Optional<Names> names = Optional.empty();

    /** @param admission who may attach, of those that are well-formed */
    Controller(
            BindingStore store,
            Enrolments enrolments,
            Audit audit,
            GatewayService.Admission admission,
            ControllerConfig.Timeouts timeouts,
            Clock clock) {
        Time time = new Time(clock);
        realm = new Realm(store);
        preshared = new PresharedKeys(realm, time);
        table = new ForwardingTable(realm);
        SigningKeys keys = new SigningKeys(realm, time);
        Certificates certificates = new Certificates(realm, keys, new Detections(realm, time));
        gateways = new Gateways(realm, table, enrolments, keys, time);
        orchestrator = new Orchestrator(realm, gateways, certificates, timeouts, time);
        Views views = new Views(realm, gateways, orchestrator, table, time);
        events = new EventStream(realm, views);
        Inventory inventory = new Inventory(realm, orchestrator::moveOf, gateways::takeOver, time);
        MovePlanner planner = new MovePlanner(realm, gateways, timeouts.command());
        api = new RestApi(
                realm,
                views,
                inventory,
                planner,
                orchestrator,
                gateways,
                enrolments,
                events,
                new Metrics(views, orchestrator, audit),
                certificates,
                keys);
        hypervisors = new HypervisorWatch(realm, gateways, orchestrator);
        service = new GatewayService(gateways, admission);
        enrolment = new EnrolmentService(enrolments);
    }

    void start() {
        gateways.start(orchestrator);
        table.start();
        orchestrator.start();
        var _ = housekeeping.scheduleAtFixedRate(gateways::probeClocks, CLOCK_PROBE_S, CLOCK_PROBE_S, TimeUnit.SECONDS);
        var _ = housekeeping.scheduleWithFixedDelay(hypervisors, HYPERVISORS_S, HYPERVISORS_S, TimeUnit.SECONDS);
    }

    BindableService service() {
        return service;
    }

    BindableService enrolment() {
        return enrolment;
    }

    /** From now on. @param life of a generation; zero: gateways have no such keys */
    void presharedKeys(Duration life) {
        preshared.renewIfDue(life);
        if (!life.isZero()) {
            long everyS = Math.clamp(life.toSeconds() / 4, 1, LONGEST_LOOK_S);
            var _ = housekeeping.scheduleWithFixedDelay(
                    () -> preshared.renewIfDue(life), everyS, everyS, TimeUnit.SECONDS);
        }
    }

    /** For what has to be looked at now and then. */
    void hourly(Runnable task) {
        var _ = housekeeping.scheduleWithFixedDelay(task, 1, 1, TimeUnit.HOURS);
    }

    RestApi api() {
        return api;
    }

    /** @return the port that it listens on */
    int serveRest(InetSocketAddress address, Optional<String> apiToken, Optional<SSLContext> tls) {
        HttpServer server = new HttpServer(address, apiToken, tls, api.routes());
        server.start();
        http = Optional.of(server);
        return server.port();
    }

    /** @return the port; 0: it only publishes */
    int serveNames(DnsConfig config) {
        Names started = new Names(realm, table, config);
        names = Optional.of(started);
        return started.start();
    }

    /** Ends everything but the store, which belongs to the caller. Moves under way are left to the gateways and to the next start. */
    @Override
    public void close() {
        housekeeping.shutdownNow();
        events.close();
        http.ifPresent(HttpServer::close);
        names.ifPresent(Names::close);
        orchestrator.close(); // first: that we end is not a fault of any gateway, and must not look like one to a move
        gateways.endAll();
        table.close();
    }
}
