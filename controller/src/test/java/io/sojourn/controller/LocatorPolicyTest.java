// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.Heartbeat;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.LocatorRule;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Gateways a and b are places of one ILNP site, c is another. */
@Timeout(30)
class LocatorPolicyTest {
    private static final String VM = World.VM.replace("\"10.10.1.10\"", "\"10.10.1.10\",\"fd10:10:1::10\"");

    @TempDir
    Path dir;

    private World world;
    private FakeGateway c;

    @BeforeEach
    void begin() throws Exception {
        world = new World(dir);
        world.gateway("gw-a", "a", hello -> locators(hello, "", "fd66:1::/64", "fd66:11::/64"))
                .awaitWelcome()
                .reaches("gw-b", "gw-c");
        world.gateway("gw-b", "b", hello -> locators(hello, "gw-a", "fd66:1::/64", "fd66:11::/64"))
                .awaitWelcome()
                .reaches("gw-a", "gw-c");
        c = world.gateway("gw-c", "c", hello -> locators(hello, "", "fd66:3::/64"))
                .awaitWelcome()
                .reaches("gw-a", "gw-b");
        world.post(
                "/v1/networks",
                "{\"name\":\"blue\",\"mechanism\":\"ilnp\",\"transparency\":\"local\","
                        + "\"subnets\":[{\"prefix\":\"10.10.1.0/24\",\"homeSite\":\"a\"},{\"prefix\":\"fd10:10:1::/64\"}]}",
                201);
        world.post("/v1/vms", VM, 201);
    }

    private static void locators(Hello.Builder hello, String border, String... prefixes) {
        hello.addLocators(NetworkLocators.newBuilder()
                .setNetwork("blue")
                .setBorder(border)
                .addAllPrefixes(List.of(prefixes)));
    }

    @AfterEach
    void end() throws Exception {
        world.close();
    }

    private String refused(String verb, String path, String body, int status) throws Exception {
        Resource.ErrorBody.Problem problem = Json.read(world.expect(verb, path, body, status), Resource.ErrorBody.class)
                .error();
        assertThat(problem.message()).isNotBlank().doesNotContain("\n");
        return problem.code() + ": " + problem.message();
    }

    @Test
    void aLocalVmMovesWithinItsSiteAndNotOutOfIt() throws Exception {
        assertThat(refused("POST", "/v1/migrations", "{\"vm\":\"web1\",\"to\":\"c\"}", 422))
                .startsWith("leaves-its-site")
                .contains("gw-a")
                .contains("--transparency invisible");
        world.post("/v1/migrations", "{\"vm\":\"web1\",\"to\":\"b\"}", 201);
    }

    @Test
    void rulesAndWithdrawnLocatorsAreToldToEveryGateway() throws Exception {
        world.expect(
                "PATCH",
                "/v1/networks/blue",
                "{\"locatorRules\":[{\"node\":\"fd10:10:1::10\",\"use\":\"fd66:11::/64\"}],\"withdrawn\":[\"fd66:1:0::/64\"]}",
                200);
        await().until(() -> c.tables.stream()
                .flatMap(table -> table.getNetworksList().stream())
                .anyMatch(network -> network.getWithdrawnCount() == 1));
        Network told = c.tables.stream()
                .flatMap(table -> table.getNetworksList().stream())
                .reduce((first, last) -> last)
                .orElseThrow();
        assertThat(told.getWithdrawnList()).containsExactly("fd66:1::/64");
        assertThat(told.getLocatorRulesList())
                .containsExactly(LocatorRule.newBuilder()
                        .setNode("fd10:10:1::10")
                        .setUse("fd66:11::/64")
                        .build());
        assertThat(told.getTransparency()).isEqualTo("local");

        world.expect("PATCH", "/v1/networks/blue", "{\"withdrawn\":[]}", 200);
        Resource.Network now = Json.read(world.get("/v1/networks/blue"), Resource.Network.class);
        assertThat(now.withdrawn()).isEmpty();
        assertThat(now.rules()).as("what was not named stays").hasSize(1);
    }

    @Test
    void whatIsNoLocatorOrNoNodeIsRefused() throws Exception {
        assertThat(refused("PATCH", "/v1/networks/blue", "{\"withdrawn\":[\"fd66:1::/48\"]}", 400))
                .contains("64 bits");
        assertThat(refused("PATCH", "/v1/networks/blue", "{\"locatorRules\":[{\"use\":\"10.1.0.0/24\"}]}", 400))
                .contains("64 bits");
        assertThat(refused(
                        "PATCH",
                        "/v1/networks/blue",
                        "{\"locatorRules\":[{\"node\":\"10.10.1.10\",\"use\":\"fd66:1::/64\"}]}",
                        400))
                .contains("IPv6");
        assertThat(refused("PATCH", "/v1/networks/blue", "{}", 400)).contains("nothing to change");
    }

    @Test
    void aFailedUplinkIsToldToEveryGateway() {
        FakeGateway a = world.gateway("gw-a", "a", hello -> locators(hello, "", "fd66:1::/64", "fd66:11::/64"))
                .awaitWelcome();
        a.send(FromGateway.newBuilder()
                .setHeartbeat(Heartbeat.newBuilder().addLocatorsDown("fd66:1::/64"))
                .build());
        await().until(() -> c.tables.stream()
                .flatMap(table -> table.getGatewaysList().stream())
                .flatMap(gateway -> gateway.getLocatorsList().stream())
                .anyMatch(known -> known.getDownList().contains("fd66:1::/64")));
    }
}
