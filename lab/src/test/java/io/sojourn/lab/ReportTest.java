// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

class ReportTest {
    private static Report.Move move(boolean ok) {
        return new Report.Move(
                "m-1",
                "web1",
                "st-andrews",
                "hiroshima",
                "overlay",
                ok,
                new Report.Hypervisor("tcg", 131.2, 125, 4210, 134217728, 91234567),
                new Report.Network(145.2, 14, 126.0, 55, 0, 0, 0),
                new Report.Sessions(51, 0, 0),
                new Report.PathPart(0.4, 250.6, 250.1),
                new Report.Wire(50),
                List.of(new Report.Correspondent(
                        "st-andrews", 4, 1000, 9000, 0, 0, 0, 145.2, 14, 160.1, 0.4, 250.6, 250.1)),
                Certified.NONE,
                JsonNodeFactory.instance.arrayNode(),
                ok ? List.of() : List.of("ping 4 from hiroshima-c: 1 lost"),
                ok ? List.of() : List.of("1 lost"),
                ok
                        ? Incident.NONE
                        : new Incident(
                                List.of("web1-e2.hiroshima.events"), Map.of("web1-e2.hiroshima.events", "told")));
    }

    private static Report report(boolean ok) {
        return new Report(
                Report.SCHEMA,
                "demo",
                ok,
                7,
                Report.describe(Topology.threeContinents()),
                List.of(move(ok)),
                List.of(),
                null,
                null,
                List.of());
    }

    @Test
    void namesAreThoseThatToolsRead() {
        JsonNode json = new JsonMapper().readTree(report(true).json());
        assertThat(json.propertyNames())
                .containsExactly(
                        "schema",
                        "scenario",
                        "ok",
                        "seed",
                        "topology",
                        "moves",
                        "cells",
                        "summary",
                        "switches",
                        "problems");
        assertThat(json.at("/topology/links/0").propertyNames())
                .containsExactly("from", "to", "delay_ms", "loss", "rate_mbit");
        JsonNode move = json.at("/moves/0");
        assertThat(move.at("/hypervisor").propertyNames())
                .contains("accel", "pause_ms", "total_ms", "ram_bytes", "wan_bytes");
        assertThat(move.at("/network").propertyNames())
                .containsExactly(
                        "gap_ms", "added_gap_ms", "switch_ms", "announce_delay_ms", "lost", "duplicated", "reordered");
        assertThat(move.at("/sessions").propertyNames()).containsExactly("tcp_open", "tcp_broken", "bytes_mismatched");
        assertThat(move.at("/path").propertyNames()).containsExactly("rtt_before_ms", "rtt_after_ms", "rtt_direct_ms");
        assertThat(move.at("/wire/added_bytes_per_packet").asInt()).isEqualTo(50);
    }

    @Test
    void theExitStatusTellsWhetherAllWasWell() {
        assertThat(report(true).exitStatus()).isZero();
        assertThat(report(false).exitStatus()).isEqualTo(1);
    }

    @Test
    void theTableNamesWhatWentWrong() {
        assertThat(ReportTable.render(report(false), false))
                .contains("BAD st-andrews -> hiroshima", "bad: 1 lost", "web1-e2.hiroshima.events", "NOT");
        assertThat(ReportTable.render(report(true), false)).contains("ok  st-andrews -> hiroshima", "nothing noticed");
    }

    @Test
    void theEventLogsOfABadMoveAreWrittenBesideTheReport(@TempDir Path folder) throws java.io.IOException {
        report(false).write(folder.resolve("r.json"));
        JsonNode json = new JsonMapper().readTree(folder.resolve("r.json").toFile());

        assertThat(json.at("/moves/0/failed/0").asString()).isEqualTo("1 lost");
        assertThat(json.at("/moves/0/incident").propertyNames()).containsExactly("files");
        assertThat(folder.resolve("r.incidents").resolve("web1-e2.hiroshima.events"))
                .hasContent("told");
        assertThat(Files.exists(folder.resolve("r.certificates"))).isFalse();
    }
}
