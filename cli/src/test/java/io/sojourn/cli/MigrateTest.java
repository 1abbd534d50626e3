// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MigrateTest {
    private static final String PLANNED =
            "{\"id\":\"m-1\",\"vm\":\"web1\",\"from\":\"st-andrews\",\"to\":\"hiroshima\",\"epoch\":2,\"state\":\"PLANNED\"}";
    private static final String COPYING = PLANNED.replace(
            "\"PLANNED\"",
            "\"COPYING\",\"progress\":{\"bytesTotal\":200,\"bytesRemaining\":50,\"bytesPerS\":12500000,\"pass\":2,\"etaMs\":1500}");
    private static final String DONE = PLANNED.replace(
            "\"PLANNED\"",
            "\"DONE\",\"pauseMs\":131.44,\"totalMs\":4210,\"wanBytes\":91234567,\"fromGateway\":\"gw-a\",\"toGateway\":\"gw-b\","
                    + "\"counts\":{\"source\":{\"redirected\":12},\"destination\":{\"delivered\":12},\"correspondents\":{\"gw-c\":{\"flipped\":1}}},"
                    + "\"timeline\":[{\"atUs\":1000,\"where\":\"gw-a\",\"event\":\"hold\"},{\"atUs\":3500,\"where\":\"gw-a\",\"event\":\"pause\"}]");
    private static final String ROLLED_BACK =
            PLANNED.replace("\"PLANNED\"", "\"ROLLED_BACK\",\"error\":\"QEMU at gw-b refused the stream\"");

    @SuppressWarnings("NullAway.Init")
    private FakeController controller;

    @BeforeEach
    void start() throws IOException {
        controller = new FakeController().answers("POST /v1/migrations", 201, PLANNED);
    }

    @AfterEach
    void stop() {
        controller.close();
    }

    private static String event(String migration) {
        return "{\"revision\":5,\"kind\":\"migration\",\"name\":\"m-1\",\"change\":\"put\",\"value\":" + migration
                + "}";
    }

    @Test
    void withoutWatchItNamesTheMoveAndEnds() {
        Typed typed = Typed.at(
                controller, "migrate", "web1", "--to", "hiroshima", "--bandwidth", "400", "--max-pause-ms", "300");

        assertThat(typed.status()).isZero();
        assertThat(typed.out()).isEqualToNormalizingNewlines("web1-e2\n");
        assertThat(controller.requests())
                .containsExactly(
                        "POST /v1/migrations {\"vm\":\"web1\",\"to\":\"hiroshima\",\"bandwidthMbit\":400,\"maxPauseMs\":300}");
    }

    @Test
    void severalVmsAreOneRequest() {
        controller.answers(
                "POST /v1/gangs",
                201,
                "{\"revision\":4,\"items\":[" + PLANNED + "," + PLANNED.replace("web1", "web2") + "]}");

        Typed typed = Typed.at(controller, "migrate", "web1", "web2", "--to", "hiroshima");

        assertThat(typed.status()).isZero();
        assertThat(typed.out()).isEqualToNormalizingNewlines("web1-e2\nweb2-e2\n");
        assertThat(controller.requests())
                .containsExactly("POST /v1/gangs {\"vms\":[\"web1\",\"web2\"],\"to\":\"hiroshima\"}");
    }

    @Test
    void watchShowsStatesThenFigures() {
        controller
                .streams("/v1/migrations/m-1/events", event(PLANNED), event(COPYING), event(DONE))
                .answers("GET /v1/migrations/m-1", 200, DONE);

        Typed typed = Typed.at(controller, "migrate", "web1", "--to", "hiroshima", "--watch");

        assertThat(typed.status()).isZero();
        assertThat(typed.err()).contains("[##################......]  75 %  copying, pass 2  100 Mbit/s  1.5 s left");
        assertThat(typed.out())
                .contains("web1-e2  web1  st-andrews -> hiroshima  DONE  epoch 2")
                .contains("pause          131.4 ms")
                .contains("source         gw-a: redirected 12")
                .contains("correspondent  gw-c: flipped 1")
                .contains("-2.5  gw-a               hold");
    }

    @Test
    void watchReadsOnWhenTheStreamBreaks() {
        controller
                .streams("/v1/migrations/m-1/events", event(COPYING))
                .answers("GET /v1/sites", 200, "{}")
                .answers("GET /v1/migrations/m-1", 200, DONE);

        assertThat(Typed.at(controller, "migrate", "web1", "--to", "hiroshima", "--watch")
                        .status())
                .isZero();
    }

    @Test
    void aMoveThatWasRolledBackFailsAndSaysWhy() {
        controller
                .streams("/v1/migrations/m-1/events", event(ROLLED_BACK))
                .answers("GET /v1/migrations/m-1", 200, ROLLED_BACK);

        Typed typed = Typed.at(controller, "migrate", "web1", "--to", "hiroshima", "--watch");

        assertThat(typed.status()).isEqualTo(1);
        assertThat(typed.err()).contains("sojourn migrate: web1 stayed at st-andrews: QEMU at gw-b refused the stream");
    }

    @Test
    void watchWithJsonPrintsTheMoveAtItsEnd() {
        controller.streams("/v1/migrations/m-1/events", event(DONE)).answers("GET /v1/migrations/m-1", 200, DONE);

        Typed typed = Typed.at(controller, "migrate", "web1", "--to", "hiroshima", "--watch", "--json");

        assertThat(ControllerClient.JSON.readTree(typed.out()).path("state").asString())
                .isEqualTo("DONE");
    }

    @Test
    void cancelPostsAndSaysTheState() {
        controller.answers("POST /v1/migrations/m-1/cancel", 202, PLANNED.replace("PLANNED", "ABORTING"));

        assertThat(Typed.at(controller, "cancel", "m-1").out())
                .isEqualToNormalizingNewlines("m-1 is being cancelled: ABORTING\n");
    }

    @Test
    void eventsEndAtTheRevisionThatWasCurrent() {
        controller
                .answers("GET /v1/status", 200, "{\"revision\":5}")
                .streams("/v1/events", event(COPYING), event(DONE));

        assertThat(Typed.at(controller, "events").out().lines())
                .hasSize(1)
                .first()
                .asString()
                .contains("web1-e2  COPYING st-andrews -> hiroshima");
    }
}
