// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** The single figures of a report's paths, those of nested objects by {@code object.field}. */
final class Columns {
    private Columns() {}

    static List<String> of(JsonNode report) {
        Set<String> columns = new LinkedHashSet<>();
        for (JsonNode path : report.path("paths")) {
            path.properties().forEach(field -> {
                if (field.getValue().isNumber()) {
                    columns.add(field.getKey());
                }
                if (field.getValue().isObject()) {
                    field.getValue().properties().forEach(inner -> {
                        if (inner.getValue().isNumber()) {
                            columns.add(field.getKey() + "." + inner.getKey());
                        }
                    });
                }
            });
        }
        return List.copyOf(columns);
    }

    static String value(JsonNode path, String column) {
        JsonNode node = path;
        for (String part : column.split("\\.")) {
            node = node.path(part);
        }
        return node.isNumber() ? node.asString() : "-";
    }
}
