// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.awaitility.Awaitility.await;

import io.grpc.Server;
import io.grpc.inprocess.InProcessServerBuilder;
import io.sojourn.registry.BindingStore;
import io.sojourn.registry.SqliteStore;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A controller with its doors, and fake gateways of three sites.
 *
 * <pre>
 *   HTTP client -- REST -- controller == in-process gRPC == gw-a (site a), gw-b (site b), gw-c (site c)
 *                              |
 *                           SQLite
 * </pre>
 */
final class World implements AutoCloseable {
    static final String NETWORK =
            "{\"name\":\"blue\",\"subnets\":[{\"prefix\":\"10.10.1.0/24\",\"homeSite\":\"a\"},{\"prefix\":\"10.10.2.0/24\"}]}";
    static final String VM = """
            {"name":"web1","site":"a","hypervisor":"qemu+unix:///run/web1.qmp","parameters":{"memory":"256M"},
             "nics":[{"mac":"52:54:00:00:01:0a","network":"blue","addresses":["10.10.1.10"],"tap":"tap-a"}]}""";

    private static final ControllerConfig.Timeouts QUICK =
            new ControllerConfig.Timeouts(Duration.ofMillis(800), Duration.ofMillis(1500), Duration.ofMillis(1800));

    static {
        java.util.logging.LogManager.getLogManager().reset(); // Helidon tells of each port; nobody asked
    }

    private final Path dir;
    private final Optional<String> apiToken;
    private final List<FakeGateway> gateways = new ArrayList<>();
    private final HttpClient http = HttpClient.newHttpClient();
    private String server = "";
    private SqliteStore store;
    private Enrolments enrolments;
    private Controller controller;
    private ExecutorService handlers;
    private Server grpc;
    private int port;

    World(Path dir) throws Exception {
        this(dir, Optional.empty());
    }

    World(Path dir, Optional<String> apiToken) throws Exception {
        this.dir = dir;
        this.apiToken = apiToken;
        begin();
    }

    private void begin() throws Exception {
        store = SqliteStore.open(dir, Clock.systemUTC());
        Clock clock = Clock.systemUTC();
        Audit audit = new Audit(dir, clock);
        enrolments = new Enrolments(store, CertificateAuthority.open(dir, clock), audit, clock, Duration.ofDays(1));
        // In-process there is no TLS to say who calls; the real door is in EnrolmentTransportTest.
        controller = new Controller(store, enrolments, audit, (_, _) -> null, QUICK, clock);
        controller.start();
        port = controller.serveRest(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), apiToken, Optional.empty());
        server = "controller-" + UUID.randomUUID();
        handlers = Executors.newVirtualThreadPerTaskExecutor();
        grpc = InProcessServerBuilder.forName(server)
                .executor(handlers)
                .addService(controller.service())
                .build()
                .start();
    }

    /** @return the port that names are answered at */
    int serveNames(DnsConfig config) {
        return controller.serveNames(config);
    }

    private void end() throws Exception {
        controller.close();
        grpc.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        handlers.shutdownNow();
        store.close();
    }

    /** The controller dies and another comes up on the same registry; the gateways have to attach again. */
    void restartController() throws Exception {
        end();
        gateways.forEach(FakeGateway::close);
        gateways.clear();
        begin();
    }

    FakeGateway gateway(String name, String site, FakeGateway.Change change) {
        FakeGateway gateway = new FakeGateway(server, name, site, change);
        gateways.add(gateway);
        return gateway;
    }

    FakeGateway gateway(String name, String site) {
        return gateway(name, site, h -> {});
    }

    /** gw-a, gw-b, gw-c, all reaching each other. */
    List<FakeGateway> threeSites() {
        return List.of(
                gateway("gw-a", "a").awaitWelcome().reaches("gw-b", "gw-c"),
                gateway("gw-b", "b").awaitWelcome().reaches("gw-a", "gw-c"),
                gateway("gw-c", "c").awaitWelcome().reaches("gw-a", "gw-b"));
    }

    List<FakeGateway> threeSitesWithVm() throws Exception {
        List<FakeGateway> sites = threeSites();
        post("/v1/networks", NETWORK, 201);
        post("/v1/vms", VM, 201);
        return sites;
    }

    BindingStore store() {
        return store;
    }

    Enrolments enrolments() {
        return enrolments;
    }

    Controller controller() {
        return controller;
    }

    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port + path);
    }

    HttpClient http() {
        return http;
    }

    HttpResponse<String> send(String verb, String path, String body) throws Exception {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(uri(path)).method(verb, HttpRequest.BodyPublishers.ofString(body));
        apiToken.ifPresent(token -> request.header("Authorization", "Bearer " + token));
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    String expect(String verb, String path, String body, int status) throws Exception {
        HttpResponse<String> response = send(verb, path, body);
        if (response.statusCode() != status) {
            throw new AssertionError(verb + " " + path + ": " + response.statusCode() + " " + response.body());
        }
        return response.body();
    }

    String post(String path, String body, int status) throws Exception {
        return expect("POST", path, body, status);
    }

    String get(String path) throws Exception {
        return expect("GET", path, "", 200);
    }

    Resource.Migration migration(String id) throws Exception {
        return Json.read(get("/v1/migrations/" + id), Resource.Migration.class);
    }

    Resource.Migration awaitState(String id, String state) {
        return await(id + " is " + state)
                .atMost(Duration.ofSeconds(8))
                .pollInterval(Duration.ofMillis(10))
                .until(() -> migration(id), m -> m.state().equals(state));
    }

    Resource.Vm vm(String name) throws Exception {
        return Json.read(get("/v1/vms/" + name), Resource.Vm.class);
    }

    @Override
    public void close() throws Exception {
        end();
        gateways.forEach(FakeGateway::close);
        http.close();
    }
}
