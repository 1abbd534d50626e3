// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

class ComparisonTest {
    private static Report.Correspondent correspondent(int family, double added, double after, double direct) {
        return new Report.Correspondent("hiroshima", family, 1000, 9000, 0, 0, 0, 100, added, 160, 250, after, direct);
    }

    private static Report.Move move(String mechanism, boolean ok, double pauseMs, int added, double switchMs) {
        return new Report.Move(
                "m-1",
                "web1",
                "st-andrews",
                "hiroshima",
                mechanism,
                ok,
                new Report.Hypervisor("tcg", pauseMs, 125, 4210, 134217728, 91234567),
                new Report.Network(145.2, 14, switchMs, 55, ok ? 0 : 2, 0, 0),
                new Report.Sessions(51, 0, 0),
                new Report.PathPart(0.4, 250.6, 250.1),
                new Report.Wire(added),
                List.of(correspondent(4, 7, 0.6, 0.2), correspondent(4, 9, 260, 250), correspondent(6, 21, 250, 250)),
                Certified.NONE,
                JsonNodeFactory.instance.arrayNode(),
                List.of(),
                ok ? List.of() : List.of("2 lost"),
                Incident.NONE);
    }

    private static Report report(List<Report.Move> moves, String... problems) {
        return new Report(
                Report.SCHEMA,
                "demo",
                problems.length == 0 && moves.stream().allMatch(Report.Move::ok),
                7,
                Report.describe(Topology.threeContinents()),
                moves,
                List.of(),
                null,
                null,
                List.of(problems));
    }

    private static Map<String, Report> reports(boolean ok) {
        Map<String, Report> reports = new LinkedHashMap<>();
        reports.put(
                "overlay", report(List.of(move("overlay", true, 131.2, 78, 57), move("overlay", true, 140, 78, 60))));
        reports.put("ilnp", report(List.of(move("ilnp", ok, 99, 0, 50))));
        return reports;
    }

    private static Comparison comparison(Map<String, Report> reports) {
        return Comparison.of(reports, Map.of("overlay", 90.0, "ilnp", 95.5));
    }

    @Test
    void aRowIsTheWorstOfAMechanismsMoves() {
        Comparison.Row overlay = comparison(reports(true)).mechanisms().getFirst();
        assertThat(overlay.pauseMs()).isEqualTo(140.0);
        assertThat(overlay.switchMs()).isEqualTo(60.0);
        assertThat(overlay.addedGapMs()).isEqualTo(9.0);
        assertThat(overlay.addedBytesPerPacket()).isEqualTo(78);
        assertThat(overlay.pathStretch()).as("of hosts at other sites").isEqualTo(1.04);
        assertThat(comparison(reports(true)).mechanisms().get(1).addedGapMs())
                .as("ILNP carries IPv6")
                .isEqualTo(21.0);
    }

    @Test
    void oneThatIsBadMakesAllBadAndSaysWhy() {
        Comparison bad = comparison(reports(false));
        assertThat(bad.exitStatus()).isEqualTo(1);
        assertThat(ComparisonTable.render(bad, false))
                .contains("ok  overlay", "BAD ilnp", "st-andrews -> hiroshima bad: 2 lost", "NOT as it should be");
        assertThat(comparison(reports(true)).exitStatus()).isZero();
        assertThat(ComparisonTable.render(comparison(reports(true)), false)).contains("3 moves by 2 mechanisms");
    }

    @Test
    void aMechanismThatCouldNotBeTriedIsBad() {
        Map<String, Report> reports = new LinkedHashMap<>(reports(true));
        reports.put("label", report(List.of(), "no room"));
        Comparison bad = comparison(reports);
        assertThat(bad.ok()).isFalse();
        assertThat(bad.mechanisms().getLast().pauseMs()).isNull();
        assertThat(ComparisonTable.render(bad, false)).contains("BAD label").contains("no room");
    }

    @Test
    void itsJsonIsAReportOfAllMovesAndEachHasItsOwnBesideIt(@TempDir Path folder) {
        Map<String, Report> reports = reports(true);
        Comparison.write(comparison(reports), reports, folder.resolve("r.json"));
        JsonNode json = new JsonMapper().readTree(folder.resolve("r.json").toFile());
        assertThat(json.propertyNames())
                .containsExactly("schema", "scenario", "ok", "seed", "topology", "mechanisms", "moves", "problems");
        assertThat(json.at("/schema").asString()).isEqualTo("sojourn.report/1");
        assertThat(json.at("/moves")).hasSize(3);
        assertThat(json.at("/mechanisms/0").propertyNames())
                .contains(
                        "mechanism",
                        "pause_ms",
                        "added_gap_ms",
                        "switch_ms",
                        "lost",
                        "added_bytes_per_packet",
                        "path_stretch");
        assertThat(json.at("/mechanisms/0/changes").propertyNames())
                .containsExactly("guest", "correspondents", "network");
        assertThat(folder.resolve("r.mechanisms").resolve("ilnp.json")).isRegularFile();
    }
}
