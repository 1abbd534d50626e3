// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What was measured ({@code sojourn.bench/1}), and on what. */
public final class BenchReport {
    private static final JsonMapper MAPPER = new JsonMapper();

    private final Map<String, Object> fields;

    private BenchReport(Map<String, Object> fields) {
        this.fields = fields;
    }

    static BenchReport of(BenchOptions options, Map<String, Object> measured) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("schema", "sojourn.bench/1");
        fields.put("benchmark", options.kind().name().toLowerCase(Locale.ROOT));
        fields.put("rounds", options.rounds());
        fields.put("seconds", options.seconds());
        fields.put(
                "machine",
                Map.of(
                        "processors", Runtime.getRuntime().availableProcessors(),
                        "kernel", System.getProperty("os.version"),
                        "java", Runtime.version().toString()));
        fields.putAll(measured);
        return new BenchReport(fields);
    }

    public String json() {
        return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(fields);
    }

    public void write(Path file) {
        write(file, json() + "\n");
    }

    /** Bars, one a path, as SVG. */
    public void plot(Path file) {
        write(file, Plot.of(tree()));
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw new BenchException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }

    /** The figures as a table for a terminal. */
    public String table() {
        JsonNode tree = tree();
        StringBuilder out = new StringBuilder();
        List<String> columns = Columns.of(tree);
        out.append(String.format("%-16s", "PATH"));
        columns.forEach(column -> out.append(String.format(" %16s", column)));
        for (JsonNode path : tree.path("paths")) {
            out.append(String.format("%n%-16s", path.path("path").asString()));
            columns.forEach(column -> out.append(String.format(" %16s", Columns.value(path, column))));
        }
        return out.toString();
    }

    private JsonNode tree() {
        return MAPPER.valueToTree(fields);
    }
}
