// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.helidon.http.Method;
import io.helidon.webserver.http.ServerRequest;
import io.sojourn.controller.Route.Answer;
import io.sojourn.rpc.CheckHypervisor;
import io.sojourn.rpc.Command;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/** What each path of openapi.yaml does. The document is the contract; a test holds the two against each other. */
final class RestApi {
    private static final Duration QUICK_CHECK = Duration.ofSeconds(3);

    private final Views views;
    private final Inventory inventory;
    private final MovePlanner planner;
    private final Orchestrator orchestrator;
    private final Gateways gateways;
    private final Enrolments enrolments;
    private final EventStream events;
    private final Metrics metrics;
    private final Realm realm;
    private final Certificates certificates;
    private final SigningKeys signingKeys;
    private final Explanations explanations;
    private final PrefixMoves prefixMoves;
    private final Policies policies;
    private final FlowLists flowLists;

    RestApi(
            Realm realm,
            Views views,
            Inventory inventory,
            MovePlanner planner,
            Orchestrator orchestrator,
            Gateways gateways,
            Enrolments enrolments,
            EventStream events,
            Metrics metrics,
            Certificates certificates,
            SigningKeys signingKeys) {
        this.realm = realm;
        this.views = views;
        this.inventory = inventory;
        this.planner = planner;
        this.orchestrator = orchestrator;
        this.gateways = gateways;
        this.enrolments = enrolments;
        this.events = events;
        this.metrics = metrics;
        this.certificates = certificates;
        this.signingKeys = signingKeys;
        this.explanations = new Explanations(realm, gateways);
        this.policies = new Policies(realm);
        this.flowLists = new FlowLists(realm, gateways);
        this.prefixMoves = new PrefixMoves(inventory, gateways);
    }

    List<Route> routes() {
        List<Route> routes = new ArrayList<>();
        routes.add(get("/v1/status", r -> views.status()));
        routes.add(get("/v1/networks", r -> listed(realm::networks)));
        routes.add(post("/v1/networks", r -> Answer.created(inventory.createNetwork(body(r, Resource.Network.class)))));
        routes.add(get("/v1/networks/{name}", r -> views.network(name(r))));
        routes.add(new Route(Method.PATCH, "/v1/networks/{name}", false, (r, _) -> {
            Resource.NetworkChange change = body(r, Resource.NetworkChange.class);
            if (change.locatorRules() != null || change.withdrawn() != null) {
                inventory.useLocators(name(r), change.locatorRules(), change.withdrawn());
            }
            if (!change.subnets().isEmpty() || change.locatorRules() == null && change.withdrawn() == null) {
                prefixMoves.rehome(name(r), change);
            }
            return Optional.of(Answer.ok(views.network(name(r))));
        }));
        routes.add(delete("/v1/networks/{name}", r -> {
            inventory.deleteNetwork(name(r));
            policies.forget(Policies.ofNetwork(name(r)));
        }));
        routes.add(get("/v1/policies", r -> listed(policies::all)));
        routes.add(get("/v1/networks/{name}/policy", r -> policies.network(name(r))));
        routes.add(new Route(
                Method.PATCH,
                "/v1/networks/{name}/policy",
                false,
                (r, _) -> Optional.of(Answer.ok(policies.changeNetwork(name(r), body(r, Resource.Policy.class))))));
        routes.add(get("/v1/vms/{name}/policy", r -> policies.vm(name(r))));
        routes.add(new Route(
                Method.PATCH,
                "/v1/vms/{name}/policy",
                false,
                (r, _) -> Optional.of(Answer.ok(policies.changeVm(name(r), body(r, Resource.Policy.class))))));
        routes.add(get(
                "/v1/vms/{name}/flows",
                r -> flowLists.of(name(r), r.query().first("most").asOptional().orElse(null))));
        routes.add(get("/v1/sites", r -> listed(views::sites)));
        routes.add(get("/v1/gateways", r -> listed(views::gateways)));
        routes.add(post(
                "/v1/gateway-tokens",
                r -> Answer.created(enrolments.makeToken(body(r, Resource.GatewayTokenRequest.class)))));
        routes.add(delete("/v1/gateways/{name}/enrolment", r -> {
            enrolments.revoke(name(r));
            gateways.revoked(name(r));
        }));
        routes.add(get("/v1/vms", r -> listed(views::vms)));
        routes.add(post("/v1/vms", r -> Answer.created(createVm(body(r, Resource.Vm.class)))));
        routes.add(get("/v1/vms/{name}", r -> views.vm(name(r))));
        routes.add(new Route(Method.PATCH, "/v1/vms/{name}", false, (r, _) -> {
            inventory.changeVm(name(r), body(r, Resource.VmChange.class));
            return Optional.of(Answer.ok(views.vm(name(r))));
        }));
        routes.add(delete("/v1/vms/{name}", r -> {
            inventory.deleteVm(name(r));
            policies.forget(Policies.ofVm(name(r)));
        }));
        routes.add(get("/v1/vms/{name}/history", r -> views.history(name(r))));
        routes.add(get(
                "/v1/vms/{name}/explain",
                r -> explanations.toVm(
                        name(r), r.query().first("from").asOptional().orElse(null))));
        routes.add(get("/v1/vms/{name}/landings", r -> {
            realm.knownVm(name(r));
            return listed(() -> realm.landings(name(r)));
        }));
        routes.add(post(
                "/v1/vms/{name}/landings",
                r -> Answer.created(inventory.createLanding(name(r), body(r, Resource.Landing.class)))));
        routes.add(delete("/v1/vms/{name}/landings/{gateway}", r -> inventory.deleteLanding(name(r), gateway(r))));
        routes.add(get("/v1/migrations", r -> {
            Optional<String> vm = r.query().first("vm").asOptional();
            boolean active = r.query()
                    .first("active")
                    .asOptional()
                    .map(Boolean::parseBoolean)
                    .orElse(false);
            return listed(() -> views.migrations(vm, active));
        }));
        routes.add(post("/v1/migrations", r -> Answer.created(migrate(body(r, Resource.MigrationRequest.class)))));
        routes.add(post("/v1/gangs", r -> Answer.created(migrateTogether(body(r, Resource.GangRequest.class)))));
        routes.add(get("/v1/migrations/{id}", r -> views.migration(id(r))));
        routes.add(post(
                "/v1/migrations/{id}/cancel", r -> new Answer(202, "application/json", orchestrator.cancel(id(r)))));
        routes.add(new Route(Method.GET, "/v1/migrations/{id}/events", false, (request, response) -> {
            events.ofMigration(id(request), request, response);
            return Optional.empty();
        }));
        routes.add(new Route(Method.GET, "/v1/events", false, (request, response) -> {
            events.ofEverything(request, response);
            return Optional.empty();
        }));
        routes.add(get(
                "/v1/migrations/{id}/certificate",
                r -> Answer.text("application/json", certificates.of(id(r)).text())));
        routes.add(get("/v1/signing-keys", r -> listed(signingKeys::all)));
        routes.add(delete("/v1/signing-keys/{gateway}", r -> signingKeys.forget(gateway(r))));
        routes.add(get("/openapi.yaml", r -> Answer.text("application/yaml", document())));
        routes.add(new Route(
                Method.GET, "/healthz", true, (_, _) -> Optional.of(Answer.text("text/plain; charset=utf-8", "ok\n"))));
        routes.add(get("/metrics", r -> Answer.text(Metrics.CONTENT_TYPE, metrics.text())));
        return routes;
    }

    private static Route get(String path, Function<ServerRequest, Object> answer) {
        return new Route(Method.GET, path, false, (request, _) -> {
            Object found = answer.apply(request);
            return Optional.of(found instanceof Answer whole ? whole : Answer.ok(found));
        });
    }

    private static Route post(String path, Function<ServerRequest, Answer> answer) {
        return new Route(Method.POST, path, false, (request, _) -> Optional.of(answer.apply(request)));
    }

    private interface Deletion {
        void delete(ServerRequest request);
    }

    private static Route delete(String path, Deletion deletion) {
        return new Route(Method.DELETE, path, false, (request, _) -> {
            deletion.delete(request);
            return Optional.of(Answer.nothing());
        });
    }

    private static String name(ServerRequest request) {
        return request.path().pathParameters().get("name");
    }

    private static String gateway(ServerRequest request) {
        return request.path().pathParameters().get("gateway");
    }

    private static String id(ServerRequest request) {
        return request.path().pathParameters().get("id");
    }

    private static <T> T body(ServerRequest request, Class<T> type) {
        byte[] bytes = request.content().hasEntity() ? request.content().as(byte[].class) : new byte[0];
        if (bytes.length == 0) {
            throw RefusalException.invalid("the request's body is empty: send a JSON object");
        }
        return Json.readRequest(bytes, type);
    }

    private interface Items<T> {
        List<T> read();
    }

    /** The revision is read first: whoever goes on from it may see a change twice, never miss one. */
    private <T> Resource.ItemList<T> listed(Items<T> items) {
        long revision = views.revision();
        return new Resource.ItemList<>(revision, items.read());
    }

    private Resource.Vm createVm(Resource.Vm wanted) {
        Resource.Vm vm = inventory.createVm(wanted);
        String problem = hypervisorProblem(vm.name(), vm.qmp());
        Resource.Vm shown = views.vm(vm.name());
        if (problem.isEmpty()) {
            return shown;
        }
        List<String> warnings = new ArrayList<>(shown.warnings() == null ? List.of() : shown.warnings());
        warnings.add(problem);
        return new Resource.Vm(
                shown.name(),
                shown.nics(),
                shown.site(),
                shown.gateway(),
                shown.hypervisor(),
                shown.template(),
                shown.parameters(),
                shown.mechanism(),
                shown.transparency(),
                shown.epoch(),
                shown.state(),
                shown.migration(),
                warnings);
    }

    /** Empty if the hypervisor answers, or if there is none to ask. */
    private String hypervisorProblem(String vm, String qmp) {
        String gateway = realm.binding(vm).map(b -> b.gateway().name()).orElse("");
        if (qmp.isEmpty() || !gateways.isConnected(gateway)) {
            return "";
        }
        CheckHypervisor check =
                CheckHypervisor.newBuilder().setVm(vm).setQmp(qmp).build();
        try {
            gateways.ask(gateway, Command.newBuilder().setCheckHypervisor(check), QUICK_CHECK)
                    .get();
            gateways.hostedSeen(gateway, vm, "running");
            return "";
        } catch (ExecutionException e) {
            return "hypervisor does not answer at gateway '" + gateway + "': "
                    + (e.getCause() == null || e.getCause().getMessage() == null
                            ? "no answer"
                            : e.getCause().getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "hypervisor not checked";
        }
    }

    private Resource.Migration migrate(Resource.MigrationRequest request) {
        return orchestrator.begin(List.of(plan(request))).getFirst();
    }

    private MovePlanner.Plan plan(Resource.MigrationRequest request) {
        orchestrator.moveOf(String.valueOf(request.vm())).ifPresent(id -> {
            throw MovePlanner.underWay(request.vm(), id); // before the checks, which would trip over that move
        });
        return planner.plan(request);
    }

    private Resource.ItemList<Resource.Migration> migrateTogether(Resource.GangRequest request) {
        long revision = views.revision();
        List<MovePlanner.Plan> plans = planTogether(request);
        planner.checkRoomForAll(plans);
        return new Resource.ItemList<>(revision, orchestrator.begin(plans));
    }

    /** At the same time, as each asks a gateway far away, and that one a hypervisor. The refusal is that of the first VM that has one. */
    private List<MovePlanner.Plan> planTogether(Resource.GangRequest request) {
        try (ExecutorService hands = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<MovePlanner.Plan>> asked = MovePlanner.gang(request).stream()
                    .map(vm -> hands.submit(() -> plan(request.of(vm))))
                    .toList();
            List<MovePlanner.Plan> plans = new ArrayList<>();
            for (Future<MovePlanner.Plan> plan : asked) {
                plans.add(plan.get());
            }
            return plans;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RefusalException refusal) {
                throw refusal;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the controller stops", e);
        }
    }

    static String document() {
        try (InputStream in = RestApi.class.getResourceAsStream("/openapi.yaml")) {
            if (in == null) {
                throw new IllegalStateException("openapi.yaml is missing from the build");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
