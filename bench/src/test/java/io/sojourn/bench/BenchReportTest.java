// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchReportTest {
    private static final BenchOptions OPTIONS =
            new BenchOptions(BenchOptions.Kind.THROUGHPUT, 5, 5, 1, false, false, "", List.of(), 3, List.of(), "");
    private static final Map<String, Object> MEASURED = Map.of(
            "paths",
            List.of(
                    Map.of("path", "direct", "gbit", List.of(9.0, 11.0), "median_gbit", 10.0),
                    Map.of(
                            "path",
                            "sojourn-plain",
                            "median_gbit",
                            5.0,
                            "first_second",
                            Map.of("share_of_steady", 0.9))));

    @Test
    void theMedianOfAnEvenNumberIsTheMeanOfTheMiddleTwo() {
        assertThat(Throughput.median(List.of(4.0, 1.0, 3.0, 2.0))).isEqualTo(2.5);
        assertThat(Throughput.median(List.of(9.0, 1.0, 3.0))).isEqualTo(3.0);
        assertThat(Throughput.median(List.of())).isZero();
    }

    @Test
    void aReportNamesItsSchemaAndItsMachine() {
        JsonNode report =
                new JsonMapper().readTree(BenchReport.of(OPTIONS, MEASURED).json());
        assertThat(report.path("schema").asString()).isEqualTo("sojourn.bench/1");
        assertThat(report.path("benchmark").asString()).isEqualTo("throughput");
        assertThat(report.path("machine").path("processors").asInt()).isPositive();
    }

    @Test
    void aTableHasAColumnForEachSingleFigureAndADashWhereAPathHasNone() {
        List<String> lines = BenchReport.of(OPTIONS, MEASURED).table().lines().toList();
        assertThat(lines.getFirst()).contains("median_gbit").contains("first_second.share_of_steady");
        assertThat(lines.get(1)).startsWith("direct").contains("10.0").endsWith("-");
        assertThat(lines.get(2)).startsWith("sojourn-plain").contains("5.0").endsWith("0.9");
    }

    @Test
    void aPlotHasABarForEachPathInProportion() {
        String svg = Plot.of(
                new JsonMapper().readTree(BenchReport.of(OPTIONS, MEASURED).json()));
        assertThat(svg).contains("width=\"470.0\"").contains("width=\"235.0\"").contains("sojourn-plain");
    }

    @Test
    void refusesToMeasureNothing() {
        assertThatThrownBy(() ->
                        new BenchOptions(BenchOptions.Kind.PPS, 0, 5, 1, false, false, "", List.of(), 3, List.of(), ""))
                .hasMessageContaining("rounds");
    }
}
