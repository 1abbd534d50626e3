// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.rpc.TableUpdate;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a gateway sees of its controller. */
class GatewayStreamTest {
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

    private static String key(FakeGateway gateway) {
        return HexFormat.of()
                .formatHex(
                        Objects.requireNonNull(gateway.welcome).getSignalKey().toByteArray());
    }

    @Test
    void theWholeTableComesFirstThenOnlyWhatChanges() throws Exception {
        FakeGateway a = world.gateway("gw-a", "a").awaitWelcome();
        assertThat(a.tables.getFirst().getWhole()).isTrue();
        world.post("/v1/networks", World.NETWORK, 201);
        world.post("/v1/vms", World.VM, 201);
        await().until(() -> a.whereIs("web1").equals("gw-a e1"));
        assertThat(a.tables.stream().skip(1)).noneMatch(TableUpdate::getWhole);
        assertThat(a.tables).extracting(TableUpdate::getVersion).isSorted().doesNotHaveDuplicates();
        world.expect("DELETE", "/v1/vms/web1", "", 204);
        await().until(() -> a.tables.getLast().getRemovedVmsList().contains("web1"));
        await().until(() -> world.get("/v1/gateways")
                .contains("\"appliedVersion\":" + a.tables.getLast().getVersion()));
    }

    @Test
    void aGatewayThatComesBackGetsTheWholeTableAgainAndTheSameKey() throws Exception {
        FakeGateway a = world.threeSitesWithVm().getFirst();
        String key = key(a);
        a.close();
        FakeGateway again = world.gateway("gw-a", "a").awaitWelcome();
        assertThat(again.tables.getFirst().getWhole()).isTrue();
        assertThat(again.tables.getFirst().getVmsList()).hasSize(1);
        assertThat(key(again)).isEqualTo(key);
        world.restartController();
        assertThat(key(world.gateway("gw-a", "a").awaitWelcome())).isEqualTo(key);
    }

    @Test
    void theSecondStreamOfAGatewayReplacesTheFirst() throws Exception {
        FakeGateway first = world.gateway("gw-a", "a").awaitWelcome();
        FakeGateway second = world.gateway("gw-a", "a", h -> h.setBootId(8)).awaitWelcome();
        first.awaitEnd();
        assertThat(String.valueOf(first.ended)).contains("ABORTED", "replaced");
        assertThat(second.ended).isNull();
        assertThat(world.get("/v1/gateways")).contains("\"connected\":true");
    }

    @Test
    void othersSeeThatAGatewayIsGone() throws Exception {
        FakeGateway b = world.gateway("gw-b", "b").awaitWelcome();
        FakeGateway a = world.gateway("gw-a", "a").awaitWelcome();
        await().until(() -> saysConnected(b, "gw-a", true));
        a.close();
        await().until(() -> saysConnected(b, "gw-a", false));
        assertThat(world.get("/v1/status")).contains("gateway 'gw-a' at 'a' is not connected");
    }

    private static boolean saysConnected(FakeGateway observer, String gateway, boolean connected) {
        return observer.tables.stream()
                .flatMap(t -> t.getGatewaysList().stream())
                .filter(g -> g.getName().equals(gateway))
                .reduce((earlier, later) -> later)
                .map(g -> g.getConnected() == connected)
                .orElse(false);
    }

    @Test
    void aMovesDebtIsPaidWhenTheGatewayComesBack() throws Exception {
        var sites = world.threeSitesWithVm();
        FakeGateway a = sites.get(0);
        FakeGateway b = sites.get(1);
        a.silent.add(io.sojourn.rpc.Command.CommandCase.ARM_SOURCE);
        String id = Json.read(
                        world.post("/v1/migrations", "{\"vm\":\"web1\",\"to\":\"b\"}", 201), Resource.Migration.class)
                .id();
        a.awaitCommand(io.sojourn.rpc.Command.CommandCase.ARM_SOURCE);
        b.close();
        world.post("/v1/migrations/" + id + "/cancel", "", 202);
        world.awaitState(id, "ROLLED_BACK");
        world.restartController();
        FakeGateway back = world.gateway("gw-b", "b").awaitWelcome();
        assertThat(back.awaitCommand(io.sojourn.rpc.Command.CommandCase.ABORT)
                        .getAbort()
                        .getMigration())
                .isEqualTo(id);
    }
}
