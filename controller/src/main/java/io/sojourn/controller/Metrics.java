// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** What Prometheus scrapes, read from the registry at the moment of asking. */
final class Metrics {
    static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private final PrometheusRegistry registry = new PrometheusRegistry();

    Metrics(Views views, Orchestrator orchestrator, Audit audit) {
        gauge("sojourn_registry_revision", "Revision of the registry", callback -> callback.call(views.revision()));
        GaugeWithCallback.builder()
                .name("sojourn_gateway_connected")
                .help("1 while the gateway is attached")
                .labelNames("gateway", "site")
                .callback(c -> views.gateways().forEach(g -> c.call(g.connected() ? 1 : 0, g.name(), g.site())))
                .register(registry);
        GaugeWithCallback.builder()
                .name("sojourn_gateway_table_lag")
                .help("Versions of the forwarding table that the gateway has not applied")
                .labelNames("gateway")
                .callback(c -> views.gateways()
                        .forEach(g -> c.call(Math.max(0, g.tableVersion() - g.appliedVersion()), g.name())))
                .register(registry);
        GaugeWithCallback.builder()
                .name("sojourn_gateway_counter")
                .help("Counters as the gateway's heartbeat tells them")
                .labelNames("gateway", "counter")
                .callback(c -> views.gateways()
                        .forEach(g -> g.counters().forEach((name, value) -> c.call(value, g.name(), name))))
                .register(registry);
        GaugeWithCallback.builder()
                .name("sojourn_vms")
                .help("Registered VMs")
                .labelNames("state")
                .callback(c -> {
                    Map<String, Integer> byState = new TreeMap<>();
                    views.vms().forEach(vm -> byState.merge(String.valueOf(vm.state()), 1, Integer::sum));
                    byState.forEach((state, count) -> c.call(count, state));
                })
                .register(registry);
        GaugeWithCallback.builder()
                .name("sojourn_migrations_under_way")
                .help("Migrations that have not ended")
                .labelNames("state")
                .callback(c -> {
                    Map<String, Integer> byState = new TreeMap<>();
                    orchestrator.active().forEach(m -> byState.merge(m.state(), 1, Integer::sum));
                    byState.forEach((state, count) -> c.call(count, state));
                })
                .register(registry);
        CounterWithCallback.builder()
                .name("sojourn_audit_events_total")
                .help(
                        "Tokens made, enrolments and attachments, granted and refused, since the controller started; audit.log has the details")
                .labelNames("event")
                .callback(c -> audit.counts().forEach((event, count) -> c.call(count, event)))
                .register(registry);
        CounterWithCallback.builder()
                .name("sojourn_migrations_ended_total")
                .help("Migrations that have ended since the controller started")
                .labelNames("outcome")
                .callback(c -> {
                    c.call(orchestrator.ended(true), "DONE");
                    c.call(orchestrator.ended(false), "ROLLED_BACK");
                })
                .register(registry);
    }

    private void gauge(String name, String help, java.util.function.Consumer<GaugeWithCallback.Callback> callback) {
        GaugeWithCallback.builder().name(name).help(help).callback(callback).register(registry);
    }

    String text() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            PrometheusTextFormatWriter.create().write(out, registry.scrape());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
