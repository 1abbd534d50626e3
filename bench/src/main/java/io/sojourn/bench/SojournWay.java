// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Child;
import io.sojourn.lab.Place;
import io.sojourn.lab.RestClient;
import io.sojourn.lab.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Two gateways of ours and their controller, as an operator would run them. The controller stands beside gateway A. */
final class SojournWay implements Way, AutoCloseable {
    private static final Duration START_BOUND = Duration.ofSeconds(60);
    private static final JsonMapper MAPPER = new JsonMapper();

    private final String name;
    private final Bed bed;
    private final Map<String, Object> more;
    private final String mechanism;
    private final List<Child> carriers = new ArrayList<>();
    private final Child controller;
    private final RestClient rest;
    private int starts;

    /** @param more keys of {@code gateway.yaml} beyond those that every gateway has */
    SojournWay(Run run, String name, String shortName, Map<String, Object> more) {
        this(run, name, shortName, more, "overlay");
    }

    /** @param mechanism by which packets from and to host B go, which is registered as a VM */
    SojournWay(Run run, String name, String shortName, Map<String, Object> more, String mechanism) {
        this.mechanism = mechanism;
        this.name = name;
        this.more = more;
        // The path's MTU is found by the gateways; hosts learn it from the clamped MSS.
        bed = Bed.build(run, shortName, true, 1500);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("rest", "127.0.0.1:7480");
        config.put("grpc", Bed.WAN_A + ":7401");
        config.put("state-dir", run.folder().resolve(shortName + "-controller").toString());
        controller = Child.startSojourn(
                run, bed.gatewayA, shortName + "-controller", "controller", "--config", write("controller", config));
        controller.awaitReady(START_BOUND);
        rest = new RestClient(bed.gatewayA, "http://127.0.0.1:7480");
        startGateways();
        createNetwork();
        if (!mechanism.equals("overlay")) {
            routePages();
            registerHostB();
        }
    }

    private static String page4(int number) {
        return "100." + (80 + number) + ".0.0/16";
    }

    private static String page6(int number) {
        return "fd50:" + number + "::/48";
    }

    /** As the underlay's routers would. */
    private void routePages() {
        bed.gatewayA.ip(
                List.of("route add " + page4(2) + " via " + Bed.WAN_B, "route add " + page6(2) + " via fd64::2"));
        bed.gatewayB.ip(
                List.of("route add " + page4(1) + " via " + Bed.WAN_A, "route add " + page6(1) + " via fd64::1"));
    }

    private void registerHostB() {
        String mac = bed.hostB.run("cat", "/sys/class/net/eth0/address").strip();
        rest.post(
                "/v1/vms",
                Map.of(
                        "name",
                        "host-b",
                        "nics",
                        List.of(Map.of("mac", mac, "network", "blue", "addresses", List.of(Bed.HOST_B, Bed.HOST_B_6))),
                        "site",
                        "b"));
    }

    private void startGateways() {
        starts++;
        carriers.clear();
        carriers.add(startGateway("a", bed.gatewayA, Bed.WAN_A));
        carriers.add(startGateway("b", bed.gatewayB, Bed.WAN_B));
        carriers.forEach(gateway -> gateway.awaitReady(START_BOUND));
        awaitGateways();
    }

    private Child startGateway(String site, Place place, String address) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("gateway", site);
        config.put("site", site);
        config.put("controller", Bed.WAN_A + ":7401");
        config.put("enrolment-token", enrolmentToken(site));
        config.put("listen", address + ":7400");
        config.put("state-dir", stateDir(site).toString());
        config.put("accel", "tcg");
        int number = site.equals("a") ? 1 : 2;
        Map<String, Object> network = new LinkedHashMap<>(Map.of("name", "blue", "bridge", Bed.BRIDGE));
        if (mechanism.equals("segment")) {
            network.put("segment", 70_000 + number);
        } else if (!mechanism.equals("overlay")) {
            config.put("page", List.of(page4(number), page6(number)));
        }
        config.put("networks", List.of(network));
        config.putAll(more);
        return Child.startSojourn(
                bed.run,
                place,
                bed.name + "-gateway-" + site + "-" + starts,
                "gateway",
                "--config",
                write(site, config));
    }

    private void forgetTable(String site) {
        try {
            Files.deleteIfExists(stateDir(site).resolve("table"));
        } catch (IOException e) {
            throw new BenchException("cannot delete a gateway's table: " + e.getMessage(), e);
        }
    }

    private Path stateDir(String site) {
        return bed.run.folder().resolve(bed.name + "-" + site);
    }

    private String enrolmentToken(String site) {
        return rest.post("/v1/gateway-tokens", Map.of("site", site, "gateway", site))
                .path("token")
                .asString("");
    }

    private String write(String what, Map<String, Object> config) {
        Path file = bed.run.folder().resolve(bed.name + "-" + what + ".yaml");
        try {
            Files.write(file, MAPPER.writeValueAsBytes(config));
            return file.toString();
        } catch (IOException e) {
            throw new BenchException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }

    private void awaitGateways() {
        long deadline = System.nanoTime() + START_BOUND.toNanos();
        while (true) {
            int connected = 0;
            for (JsonNode gateway : rest.get("/v1/gateways").path("items")) {
                connected += gateway.path("connected").asBoolean(false) ? 1 : 0;
            }
            if (connected == 2) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new BenchException(
                        "the gateways of " + name + " did not reach their controller; logs are in " + bed.run.folder());
            }
            LockSupport.parkNanos(5_000_000);
        }
    }

    private void createNetwork() {
        List<Object> subnets = new ArrayList<>();
        for (int site = 1; site <= 2; site++) {
            String home = site == 1 ? "a" : "b";
            subnets.add(
                    Map.of("prefix", "10.10." + site + ".0/24", "gateway", "10.10." + site + ".1", "homeSite", home));
            subnets.add(Map.of(
                    "prefix", "fd10:10:" + site + "::/64", "gateway", "fd10:10:" + site + "::1", "homeSite", home));
        }
        rest.post("/v1/networks", Map.of("name", "blue", "mechanism", mechanism, "subnets", subnets));
    }

    @Override
    public void restart() {
        carriers.forEach(Child::stop);
        // With its table a gateway would be started again: it hurries then, and rehearses less.
        List.of("a", "b").forEach(this::forgetTable);
        startGateways();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String version() {
        String version = SojournWay.class.getPackage().getImplementationVersion();
        return version == null ? "from a checkout" : version;
    }

    @Override
    public Bed bed() {
        return bed;
    }

    @Override
    public List<Child> carriers() {
        return List.copyOf(carriers);
    }

    @Override
    public void close() {
        rest.close();
    }
}
