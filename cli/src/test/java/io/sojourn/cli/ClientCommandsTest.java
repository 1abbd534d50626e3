// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class ClientCommandsTest {
    @SuppressWarnings("NullAway.Init")
    private FakeController controller;

    @BeforeEach
    void start() throws IOException {
        controller = new FakeController();
    }

    @AfterEach
    void stop() {
        controller.close();
    }

    @Test
    void networkCreateSendsSubnetsWithTheirHomes() {
        controller.answers("POST /v1/networks", 201, "{\"name\":\"blue\",\"vni\":5001}");

        Typed typed = Typed.at(
                controller,
                "network",
                "create",
                "blue",
                "--subnet",
                "10.10.1.0/24,home=st-andrews,gateway=10.10.1.1",
                "--subnet",
                "fd10:10:1::/64");

        assertThat(typed.status()).isZero();
        assertThat(typed.out()).isEqualToNormalizingNewlines("network blue created, VNI 5001\n");
        assertThat(controller.requests())
                .containsExactly(
                        "POST /v1/networks {\"name\":\"blue\",\"subnets\":[{\"prefix\":\"10.10.1.0/24\",\"homeSite\":\"st-andrews\","
                                + "\"gateway\":\"10.10.1.1\"},{\"prefix\":\"fd10:10:1::/64\"}]}");
    }

    @Test
    void vmAddSendsItsInterfaceAndTemplate() {
        controller.answers(
                "POST /v1/vms",
                201,
                "{\"name\":\"web1\",\"gateway\":\"gw-a\",\"epoch\":1,\"warnings\":[\"no tap has its MAC\"]}");

        Typed typed = Typed.at(
                controller,
                "vm",
                "add",
                "web1",
                "--network",
                "blue",
                "--mac",
                "52:54:00:00:01:0a",
                "--address",
                "10.10.1.10",
                "--address",
                "fd10::a",
                "--site",
                "st-andrews",
                "--hypervisor",
                "qemu+unix:///run/web1.qmp",
                "--template",
                "default",
                "--param",
                "memory=256M");

        assertThat(typed.out()).contains("VM web1 registered at gw-a, epoch 1");
        assertThat(typed.err()).contains("warning: no tap has its MAC");
        assertThat(controller.requests().getFirst())
                .isEqualTo(
                        "POST /v1/vms {\"nics\":[{\"network\":\"blue\",\"mac\":\"52:54:00:00:01:0a\",\"addresses\":[\"10.10.1.10\",\"fd10::a\"]}],"
                                + "\"site\":\"st-andrews\",\"hypervisor\":\"qemu+unix:///run/web1.qmp\",\"template\":\"default\","
                                + "\"parameters\":{\"memory\":\"256M\"},\"name\":\"web1\"}");
    }

    @Test
    void severalInterfacesAreOneOptionEach() {
        controller.answers("POST /v1/vms", 201, "{\"name\":\"web1\"}");

        Typed.at(
                controller,
                "vm",
                "add",
                "web1",
                "--gateway",
                "gw-a",
                "--nic",
                "network=blue,mac=52:54:00:00:01:0a,address=10.10.1.10,tap=t0",
                "--nic",
                "network=red,mac=52:54:00:00:01:0b,address=10.20.1.10");

        assertThat(controller.requests().getFirst())
                .contains("\"tap\":\"t0\"")
                .contains("\"network\":\"red\"")
                .contains("\"gateway\":\"gw-a\"");
    }

    @Test
    void vmSetSendsOnlyWhatIsGiven() {
        controller.answers("PATCH /v1/vms/web1", 200, "{}");

        assertThat(Typed.at(controller, "vm", "set", "web1", "--hypervisor", "qemu+unix:///run/new.qmp")
                        .status())
                .isZero();
        assertThat(controller.requests())
                .containsExactly("PATCH /v1/vms/web1 {\"hypervisor\":\"qemu+unix:///run/new.qmp\"}");
    }

    @Test
    void aRefusalIsTheControllersOwnLine() {
        controller.answers(
                "POST /v1/migrations",
                404,
                "{\"error\":{\"code\":\"unknown-vm\",\"message\":\"no VM named 'web9': see 'sojourn vm list'\"}}");

        Typed typed = Typed.at(controller, "migrate", "web9", "--to", "hiroshima");

        assertThat(typed.status()).isEqualTo(1);
        assertThat(typed.err())
                .isEqualToNormalizingNewlines("sojourn migrate: no VM named 'web9': see 'sojourn vm list'\n");
    }

    @Test
    void aServerThatIsNoControllerIsNamed() {
        assertThat(Typed.at(controller, "vms").err())
                .contains("does not answer as a Sojourn controller does (HTTP 404)");
        controller.answers("GET /v1/vms", 200, "<html>");
        assertThat(Typed.at(controller, "vms").err()).contains("does not answer as a Sojourn controller does");
        controller.answers("GET /v1/vms", 401, "");
        assertThat(Typed.at(controller, "vms").err()).contains("wants another token; set SOJOURN_TOKEN");
    }

    @Test
    void listsAreTables() {
        controller.answers(
                "GET /v1/vms",
                200,
                "{\"revision\":3,\"items\":[{\"name\":\"web1\",\"state\":\"RUNNING\",\"site\":\"st-andrews\",\"gateway\":\"gw-a\",\"epoch\":1,"
                        + "\"nics\":[{\"addresses\":[\"10.10.1.10\",\"fd10::a\"]}]}]}");

        for (String[] words : new String[][] {{"vms"}, {"vm", "list"}}) {
            assertThat(Typed.at(controller, words).out()).isEqualToNormalizingNewlines("""
                            VM    STATE    SITE        GATEWAY  EPOCH  ADDRESSES            MIGRATION
                            web1  RUNNING  st-andrews  gw-a     1      10.10.1.10, fd10::a  -
                            """);
        }
    }

    @Test
    void jsonIsTheAnswerAsItCame() {
        String answer = "{\"revision\":3,\"items\":[{\"name\":\"gw-a\",\"counters\":{\"forwarded\":1}}]}";
        controller.answers("GET /v1/gateways", 200, answer);

        JsonNode printed = ControllerClient.JSON.readTree(
                Typed.at(controller, "gateways", "--json").out());

        assertThat(printed).isEqualTo(ControllerClient.JSON.readTree(answer));
    }

    @Test
    void deletingSaysSoInBothForms() {
        controller.answers("DELETE /v1/networks/blue", 204, "");

        assertThat(Typed.at(controller, "network", "delete", "blue").out())
                .isEqualToNormalizingNewlines("network blue deleted\n");
        assertThat(ControllerClient.JSON
                        .readTree(Typed.at(controller, "network", "delete", "blue", "--json")
                                .out())
                        .path("deleted")
                        .asString())
                .isEqualTo("blue");
    }

    @Test
    void namesArePathSegments() {
        controller.answers("GET /v1/vms/a%2Fb%20c", 200, "{\"name\":\"a/b c\"}");

        assertThat(Typed.at(controller, "vm", "show", "a/b c").status()).isZero();
    }
}
