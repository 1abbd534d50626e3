// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.rpc.Command.CommandCase;
import io.sojourn.rpc.Phase;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class RestTest {
    @TempDir
    Path dir;

    private World world;

    @BeforeEach
    void begin() throws Exception {
        world = new World(dir);
    }

    @AfterEach
    void end() throws Exception {
        world.close();
    }

    /** The code of the refusal; its message must be one line. */
    private String refused(String verb, String path, String body, int status) throws Exception {
        Resource.ErrorBody.Problem problem = Json.read(world.expect(verb, path, body, status), Resource.ErrorBody.class)
                .error();
        assertThat(problem.message()).isNotBlank().doesNotContain("\n");
        return problem.code() + ": " + problem.message();
    }

    private static final String RELAXED =
            "{\"name\":\"red\",\"ordering\":\"relaxed\",\"subnets\":[{\"prefix\":\"10.20.1.0/24\"}]}";

    @Test
    void networksAreCreatedListedAndDeleted() throws Exception {
        Resource.Network blue = Json.read(world.post("/v1/networks", World.NETWORK, 201), Resource.Network.class);
        assertThat(blue.vni()).isEqualTo(5001);
        assertThat(blue.mtu()).isEqualTo(1500);
        assertThat(blue.ordering()).isEqualTo("strict");
        assertThat(blue.subnets().getFirst().gateway()).isEqualTo("10.10.1.1");
        Resource.Network green = Json.read(
                world.post("/v1/networks", World.NETWORK.replace("blue", "green"), 201), Resource.Network.class);
        assertThat(green.vni()).isEqualTo(5002); // the same addresses in another network
        assertThat(world.post("/v1/networks", RELAXED, 201)).contains("\"ordering\":\"relaxed\"");
        assertThat(refused(
                        "POST",
                        "/v1/networks",
                        RELAXED.replace("\"red\"", "\"lax\"").replace("relaxed", "none"),
                        400))
                .contains("strict or relaxed");
        assertThat(world.get("/v1/networks")).contains("\"revision\":", "blue", "green");
        world.expect("DELETE", "/v1/networks/green", "", 204);
        assertThat(refused("GET", "/v1/networks/green", "", 404)).startsWith("unknown-network");
    }

    @Test
    void rulesAreReadBackAsTheyAreUnderstoodAndFloatingAddressesMustBeRouted() throws Exception {
        world.threeSitesWithVm();
        String path = "/v1/vms/web1/policy";
        String rules = "{\"rules\":[\"in allow TCP from 198.51.100.9 port 443\",\"in deny any\"]}";
        Resource.Policy policy = Json.read(world.expect("PATCH", path, rules, 200), Resource.Policy.class);
        assertThat(policy.of()).isEqualTo("vm/web1");
        assertThat(policy.lines()).containsExactly("in allow tcp from 198.51.100.9/32 port 443", "in deny any");
        assertThat(refused("PATCH", path, "{\"rules\":[\"in maybe tcp\"]}", 400))
                .contains("in maybe tcp");
        assertThat(refused("PATCH", path, "{\"floating\":[{\"address\":\"203.0.113.7\"}]}", 400))
                .contains("203.0.113.7", "egress.floating");
        assertThat(Json.read(world.get(path), Resource.Policy.class)).isEqualTo(policy);
        assertThat(world.get("/v1/policies")).contains("vm/web1");
        assertThat(refused("PATCH", "/v1/networks/nowhere/policy", rules, 404)).startsWith("unknown-network");
        assertThat(refused("GET", "/v1/vms/nobody/flows", "", 404)).startsWith("unknown-vm");
    }

    @Test
    void aPrefixGetsAnotherHomeAndTheGatewaysThereKnowFirst() throws Exception {
        world.threeSitesWithVm();
        String change = "{\"subnets\":[{\"prefix\":\"10.10.1.0/24\",\"homeSite\":\"b\"}]}";
        Resource.Network moved =
                Json.read(world.expect("PATCH", "/v1/networks/blue", change, 200), Resource.Network.class);
        Resource.Subnet subnet = moved.subnets().getFirst();
        assertThat(subnet.homeSite()).isEqualTo("b");
        assertThat(subnet.homeEpoch()).isEqualTo(1);
        assertThat(subnet.nextSite()).isNull();
        assertThat(refused("PATCH", "/v1/networks/blue", change.replace("\"b\"", "\"nowhere\""), 422))
                .startsWith("unknown-site");
        assertThat(refused("PATCH", "/v1/networks/blue", change.replace("10.10.1.", "10.99.1."), 400))
                .contains("has no [10.99.1.0/24]");
        assertThat(refused("PATCH", "/v1/networks/blue", "{\"subnets\":[]}", 400))
                .contains("nothing to change");
    }

    @Test
    void wrongNetworksAreRefusedWithTheReason() throws Exception {
        world.post("/v1/networks", World.NETWORK, 201);
        assertThat(refused("POST", "/v1/networks", World.NETWORK, 409)).startsWith("exists");
        assertThat(refused(
                        "POST", "/v1/networks", "{\"name\":\"Red!\",\"subnets\":[{\"prefix\":\"10.0.0.0/8\"}]}", 400))
                .contains("a-z");
        assertThat(refused("POST", "/v1/networks", "{\"name\":\"red\",\"subnets\":[]}", 400))
                .contains("subnets");
        assertThat(refused(
                        "POST", "/v1/networks", "{\"name\":\"red\",\"subnets\":[{\"prefix\":\"10.10.1.5/24\"}]}", 400))
                .contains("did you mean 10.10.1.0/24");
        assertThat(refused(
                        "POST",
                        "/v1/networks",
                        "{\"name\":\"red\",\"subnets\":[{\"prefix\":\"10.0.0.0/8\"},{\"prefix\":\"10.1.0.0/16\"}]}",
                        400))
                .contains("overlaps");
        assertThat(refused(
                        "POST",
                        "/v1/networks",
                        "{\"name\":\"red\",\"vni\":5001,\"subnets\":[{\"prefix\":\"10.0.0.0/8\"}]}",
                        409))
                .startsWith("vni-taken");
        assertThat(refused("POST", "/v1/networks", "{\"nam\":\"red\"}", 400)).contains("unknown field 'nam'");
        assertThat(refused("POST", "/v1/networks", "{", 400)).contains("not JSON");
        assertThat(refused("POST", "/v1/networks", "", 400)).contains("empty");
        assertThat(refused("POST", "/v1/networks", "{\"name\":\"red\",\"mtu\":\"big\",\"subnets\":[]}", 400))
                .contains("mtu");
    }

    @Test
    void vmsAreRegisteredChangedAndDeleted() throws Exception {
        world.threeSitesWithVm();
        Resource.Vm vm = world.vm("web1");
        assertThat(vm.gateway()).isEqualTo("gw-a");
        assertThat(vm.epoch()).isEqualTo(1);
        assertThat(vm.state()).isEqualTo("RUNNING");
        assertThat(vm.warnings()).isEmpty();
        world.expect("PATCH", "/v1/vms/web1", "{\"gateway\":\"gw-b\",\"hypervisor\":\"qemu+unix:///run/x.qmp\"}", 200);
        assertThat(world.vm("web1").gateway()).isEqualTo("gw-b");
        assertThat(world.vm("web1").epoch()).isEqualTo(2);
        assertThat(refused("DELETE", "/v1/networks/blue", "", 409)).startsWith("network-in-use");
        world.expect("DELETE", "/v1/vms/web1", "", 204);
        assertThat(refused("GET", "/v1/vms/web1", "", 404))
                .startsWith("unknown-vm")
                .endsWith("see 'sojourn vm list'");
        assertThat(refused("GET", "/v1/migrations/none", "", 404))
                .startsWith("unknown-migration")
                .endsWith("see 'sojourn migrations'");
        world.post("/v1/vms", World.VM, 201);
        assertThat(world.vm("web1").epoch()).isEqualTo(3); // epochs are never used again
        assertThat(world.get("/v1/sites")).contains("\"vms\":[\"web1\"]");
    }

    @Test
    void wrongVmsAreRefusedWithTheReason() throws Exception {
        world.threeSitesWithVm();
        assertThat(refused("POST", "/v1/vms", World.VM, 409)).startsWith("exists");
        assertThat(refused("POST", "/v1/vms", World.VM.replace("web1", "web2"), 409))
                .startsWith("address-taken")
                .contains("web1");
        String other =
                World.VM.replace("web1", "web2").replace("01:0a", "02:0b").replace("10.10.1.10", "10.10.1.20");
        assertThat(refused("POST", "/v1/vms", other.replace("\"site\":\"a\"", "\"site\":\"mars\""), 422))
                .startsWith("unknown-site");
        assertThat(refused("POST", "/v1/vms", other.replace("\"site\":\"a\",", ""), 400))
                .contains("site or gateway");
        assertThat(refused("POST", "/v1/vms", other.replace("blue", "red"), 422))
                .startsWith("unknown-network");
        assertThat(refused("POST", "/v1/vms", other.replace("qemu+unix", "ssh"), 400))
                .contains("qemu+unix:///run/web1.qmp");
        assertThat(refused("POST", "/v1/vms", other.replace("52:54", "zz:54"), 400))
                .contains("mac");
        assertThat(refused("POST", "/v1/vms", other.replace("52:54", "53:54"), 400))
                .contains("mac");
        Resource.Vm outside =
                Json.read(world.post("/v1/vms", other.replace("10.10.1.20", "192.168.7.7"), 201), Resource.Vm.class);
        assertThat(outside.warnings()).anySatisfy(w -> assertThat(w).contains("in no subnet"));
    }

    @Test
    void aHypervisorThatDoesNotAnswerIsAWarning() throws Exception {
        FakeGateway a = world.threeSites().getFirst();
        a.refusals.put(CommandCase.CHECK_HYPERVISOR, "/run/web1.qmp: no such socket");
        world.post("/v1/networks", World.NETWORK, 201);
        Resource.Vm vm = Json.read(world.post("/v1/vms", World.VM, 201), Resource.Vm.class);
        assertThat(vm.warnings()).anySatisfy(w -> assertThat(w).contains("no such socket"));
        assertThat(vm.state()).isEqualTo("UNKNOWN");
    }

    @Test
    void everyReasonAgainstAMoveHasItsCodeAndTouchesNothing() throws Exception {
        List<FakeGateway> sites = world.threeSitesWithVm();
        FakeGateway a = sites.get(0);
        FakeGateway b = sites.get(1);
        String move = "{\"vm\":\"web1\",\"to\":\"b\"}";
        assertThat(refused("POST", "/v1/migrations", move.replace("web1", "web9"), 404))
                .startsWith("unknown-vm");
        assertThat(refused("POST", "/v1/migrations", move.replace("\"b\"", "\"mars\""), 422))
                .startsWith("unknown-destination")
                .contains("a, b, c");
        assertThat(refused("POST", "/v1/migrations", move.replace("\"b\"", "\"a\""), 409))
                .startsWith("already-there");
        assertThat(refused("POST", "/v1/migrations", "{\"vm\":\"web1\"}", 400)).contains("'to'");
        assertThat(refused("POST", "/v1/migrations", move.replace("}", ",\"ordering\":\"lax\"}"), 400))
                .contains("strict");
        a.refusals.put(CommandCase.CHECK_HYPERVISOR, "/run/web1.qmp: no such socket: is QEMU running?");
        assertThat(refused("POST", "/v1/migrations", move, 422))
                .startsWith("hypervisor-unavailable")
                .contains("no such socket");
        a.refusals.clear();
        b.send(io.sojourn.rpc.FromGateway.newBuilder()
                .setPaths(io.sojourn.rpc.PathReport.newBuilder()
                        .addPaths(io.sojourn.rpc.Path.newBuilder().setGateway("gw-a")))
                .build());
        b.refusals.put(CommandCase.PROBE_PATH, "3 probes, no reply");
        org.awaitility.Awaitility.await()
                .until(() -> world.get("/v1/status").contains("gateway 'gw-b' cannot reach 'gw-a'"));
        assertThat(refused("POST", "/v1/migrations", move, 422))
                .startsWith("unreachable")
                .contains("3 probes");
        world.gateway("gw-d", "d", h -> h.clearNetworks()).awaitWelcome();
        assertThat(refused("POST", "/v1/migrations", move.replace("\"b\"", "\"d\""), 422))
                .startsWith("network-missing");
        world.gateway("gw-e", "e", h -> h.clearHost()).awaitWelcome();
        assertThat(refused("POST", "/v1/migrations", move.replace("\"b\"", "\"e\""), 422))
                .startsWith("no-landing-place");
        world.gateway("gw-f", "f", h -> h.getHostBuilder().setMemoryFreeBytes(1 << 20))
                .awaitWelcome();
        assertThat(refused("POST", "/v1/migrations", move.replace("\"b\"", "\"f\""), 422))
                .startsWith("not-enough-memory")
                .contains("256 MiB");
        world.gateway("gw-c2", "c").awaitWelcome();
        assertThat(refused("POST", "/v1/migrations", move.replace("\"b\"", "\"c\""), 422))
                .startsWith("ambiguous-destination");
        a.close();
        org.awaitility.Awaitility.await()
                .until(() -> "UNREACHABLE".equals(world.vm("web1").state()));
        assertThat(refused("POST", "/v1/migrations", move, 422)).startsWith("source-not-connected");
        assertThat(world.get("/v1/migrations")).contains("\"items\":[]");
        assertThat(b.find(CommandCase.ARM_DESTINATION)).isEmpty();
    }

    @Test
    void anUnmanagedVmCannotBeMoved() throws Exception {
        world.threeSites();
        world.post("/v1/networks", World.NETWORK, 201);
        world.post("/v1/vms", World.VM.replace("\"hypervisor\":\"qemu+unix:///run/web1.qmp\",", ""), 201);
        assertThat(refused("POST", "/v1/migrations", "{\"vm\":\"web1\",\"to\":\"b\"}", 422))
                .startsWith("not-managed");
    }

    @Test
    void aMovingVmIsLeftAlone() throws Exception {
        world.threeSitesWithVm();
        world.post("/v1/migrations", "{\"vm\":\"web1\",\"to\":\"b\"}", 201);
        assertThat(world.vm("web1").state()).isEqualTo("MIGRATING");
        assertThat(refused("POST", "/v1/migrations", "{\"vm\":\"web1\",\"to\":\"c\"}", 409))
                .startsWith("migration-under-way");
        assertThat(refused("DELETE", "/v1/vms/web1", "", 409)).startsWith("migration-under-way");
        assertThat(refused("PATCH", "/v1/vms/web1", "{\"site\":\"c\"}", 409)).startsWith("migration-under-way");
        assertThat(refused("GET", "/v1/migrations/web1-e2/certificate", "", 409))
                .startsWith("not-finished");
        assertThat(world.get("/v1/migrations?active=true")).contains("\"epoch\":2");
        assertThat(world.get("/v1/migrations?vm=other")).contains("\"items\":[]");
    }

    @Test
    void aGangStartsAsOneOrNotAtAll() throws Exception {
        world.threeSitesWithVm();
        assertThat(refused("POST", "/v1/gangs", "{\"vms\":[\"web1\",\"ghost\"],\"to\":\"b\"}", 404))
                .startsWith("unknown-vm");
        assertThat(refused("POST", "/v1/gangs", "{\"vms\":[\"web1\",\"web1\"],\"to\":\"b\"}", 400))
                .contains("twice");
        assertThat(refused("POST", "/v1/gangs", "{\"vms\":[],\"to\":\"b\"}", 400))
                .contains("vms");
        assertThat(world.get("/v1/migrations")).contains("\"items\":[]");
        assertThat(world.post("/v1/gangs", "{\"vms\":[\"web1\"],\"to\":\"b\"}", 201))
                .contains("\"epoch\":2");
        assertThat(refused("POST", "/v1/gangs", "{\"vms\":[\"web1\"],\"to\":\"c\"}", 409))
                .startsWith("migration-under-way");
    }

    @Test
    void landingPlacesComeAndGo() throws Exception {
        world.threeSitesWithVm();
        assertThat(refused("POST", "/v1/vms/web1/landings", "{\"site\":\"b\",\"qmp\":\"relative\"}", 400))
                .contains("absolute");
        world.post("/v1/vms/web1/landings", "{\"site\":\"b\",\"qmp\":\"/run/in.qmp\"}", 201);
        assertThat(world.get("/v1/vms/web1/landings")).contains("/run/in.qmp", "gw-b");
        world.expect("DELETE", "/v1/vms/web1/landings/gw-b", "", 204);
        assertThat(refused("DELETE", "/v1/vms/web1/landings/gw-b", "", 404)).startsWith("unknown-landing");
    }

    @Test
    void statusShowsPathsClocksAndWhatIsWrong() throws Exception {
        assertThat(world.get("/v1/status")).contains("no gateway has attached yet");
        world.threeSites();
        Resource.Status status = Json.read(world.get("/v1/status"), Resource.Status.class);
        assertThat(status.paths()).anySatisfy(p -> assertThat(p.rttUs()).isEqualTo(20_000));
        assertThat(status.gateways()).hasSize(3).allMatch(Resource.Gateway::connected);
    }

    @Test
    void whatIsNotThereSaysSo() throws Exception {
        assertThat(refused("GET", "/v1/nonsense", "", 404)).startsWith("not-found");
        assertThat(refused("DELETE", "/v1/status", "", 405)).startsWith("method-not-allowed");
        assertThat(refused("GET", "/v1/migrations/none", "", 404)).startsWith("unknown-migration");
        assertThat(refused("POST", "/v1/migrations/none/cancel", "", 404)).startsWith("unknown-migration");
        assertThat(refused("GET", "/v1/vms/none/history", "", 404)).startsWith("unknown-vm");
        assertThat(refused("GET", "/v1/migrations/none/events", "", 404)).startsWith("unknown-migration");
        assertThat(world.get("/healthz")).isEqualTo("ok\n");
        assertThat(world.get("/openapi.yaml")).startsWith("# SPDX").contains("openapi: 3.1.0");
    }

    @Test
    void metricsAreInTheTextFormat() throws Exception {
        world.threeSitesWithVm();
        assertThat(world.get("/metrics"))
                .contains("# TYPE sojourn_registry_revision gauge")
                .contains("sojourn_gateway_connected{gateway=\"gw-a\",site=\"a\"} 1.0")
                .contains("sojourn_vms{state=\"RUNNING\"} 1.0");
    }

    /** Lines of a stream of server-sent events. */
    private BufferedReader stream(String path, Optional<String> lastEventId) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(world.uri(path)).header("Accept", "text/event-stream");
        lastEventId.ifPresent(id -> request.header("Last-Event-ID", id));
        HttpResponse<InputStream> response =
                world.http().send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Content-Type").orElse("")).startsWith("text/event-stream");
        return new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
    }

    private static String next(BufferedReader lines, String prefix) throws Exception {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith(prefix)) {
                return line.substring(prefix.length()).trim();
            }
        }
        throw new AssertionError("the stream ended before '" + prefix + "'");
    }

    @Test
    void eventsContinueFromTheLastOneSeen() throws Exception {
        String first =
                Json.read(world.get("/v1/networks"), Resource.ItemList.class).revision() + "";
        world.post("/v1/networks", World.NETWORK, 201);
        try (BufferedReader lines = stream("/v1/events", Optional.of(first))) {
            assertThat(next(lines, "data:"))
                    .contains("\"kind\":\"network\"", "\"name\":\"blue\"", "\"change\":\"put\"");
            world.expect("DELETE", "/v1/networks/blue", "", 204);
            assertThat(next(lines, "data:")).contains("\"change\":\"delete\"");
        }
        try (BufferedReader lines = stream("/v1/events", Optional.of("999999"))) {
            assertThat(next(lines, "data:")).contains("\"kind\":\"resync\"");
        }
        assertThat(refused("GET", "/v1/networks/blue", "", 404)).startsWith("unknown");
    }

    @Test
    void noEventCarriesKeyMaterial() throws Exception {
        world.post("/v1/networks", World.NETWORK, 201);
        try (BufferedReader lines = stream("/v1/events", Optional.of("0"))) {
            assertThat(next(lines, "event:")).isEqualTo("network"); // the signal key was written before it
        }
    }

    @Test
    void aMigrationsEventsEndWithIt() throws Exception {
        List<FakeGateway> sites = world.threeSitesWithVm();
        String id = Json.read(
                        world.post("/v1/migrations", "{\"vm\":\"web1\",\"to\":\"b\"}", 201), Resource.Migration.class)
                .id();
        List<String> states = new ArrayList<>();
        try (BufferedReader lines = stream("/v1/migrations/" + id + "/events", Optional.empty())) {
            sites.get(0).awaitCommand(CommandCase.START);
            sites.get(1).tell(id, Phase.ACTIVATED);
            sites.get(0).tell(id, Phase.RELEASED);
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("data:") && line.length() > 6) {
                    Resource.Event event = Json.read(line.substring(5), Resource.Event.class);
                    String state = Json.write(event).replaceAll(".*\"state\":\"([A-Z_]+)\".*", "$1");
                    if (states.isEmpty() || !states.getLast().equals(state)) {
                        states.add(state);
                    }
                }
            }
        }
        assertThat(states).endsWith("DRAINING", "DONE");
        try (BufferedReader lines = stream("/v1/migrations/" + id + "/events", Optional.empty())) {
            assertThat(next(lines, "data:")).contains("\"state\":\"DONE\"");
            String rest = lines.readLine();
            assertThat(rest == null || rest.isEmpty()).isTrue();
        }
    }

    @Nested
    class WithApiToken {
        @TempDir
        Path other;

        @Test
        void everythingButHealthNeedsIt() throws Exception {
            try (World guarded = new World(other, Optional.of("s3cret"))) {
                assertThat(guarded.get("/v1/networks")).contains("items");
                HttpRequest bare =
                        HttpRequest.newBuilder(guarded.uri("/v1/networks")).build();
                HttpResponse<String> refused = guarded.http().send(bare, HttpResponse.BodyHandlers.ofString());
                assertThat(refused.statusCode()).isEqualTo(401);
                assertThat(refused.body()).contains("unauthorized");
                HttpRequest health =
                        HttpRequest.newBuilder(guarded.uri("/healthz")).build();
                assertThat(guarded.http()
                                .send(health, HttpResponse.BodyHandlers.ofString())
                                .body())
                        .isEqualTo("ok\n");
            }
        }
    }
}
