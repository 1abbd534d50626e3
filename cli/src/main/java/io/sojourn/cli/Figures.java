// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.Locale;
import java.util.StringJoiner;
import tools.jackson.databind.JsonNode;

/** Numbers as people read them. */
final class Figures {
    private Figures() {}

    static String bytes(long bytes) {
        if (bytes < 1024) {
            return bytes + " B";
        }
        double value = bytes;
        int unit = -1;
        while (value >= 1024 && unit < 3) {
            value /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, value < 10 ? "%.1f %ciB" : "%.0f %ciB", value, "KMGT".charAt(unit));
    }

    static String bitsPerSecond(long bytesPerSecond) {
        return String.format(Locale.ROOT, "%.0f Mbit/s", bytesPerSecond * 8 / 1e6);
    }

    static String millis(long millis) {
        if (millis < 10_000) {
            return String.format(Locale.ROOT, "%.1f s", millis / 1e3);
        }
        long seconds = millis / 1000;
        return seconds < 120 ? seconds + " s" : seconds / 60 + " min " + seconds % 60 + " s";
    }

    static String microsAsMillis(long micros) {
        return String.format(Locale.ROOT, "%.1f ms", micros / 1e3);
    }

    /** {@code a, b, c}; a dash for nothing. */
    static String words(JsonNode array) {
        StringJoiner words = new StringJoiner(", ");
        for (JsonNode word : array) {
            words.add(word.asString());
        }
        return words.length() == 0 ? "-" : words.toString();
    }

    static String word(JsonNode node) {
        String word = node.asString("");
        return word.isEmpty() ? "-" : word;
    }

    /** {@code name 1  other 2}. */
    static String counts(JsonNode object) {
        StringJoiner counts = new StringJoiner("  ");
        object.properties()
                .forEach(entry ->
                        counts.add(entry.getKey() + " " + entry.getValue().asLong()));
        return counts.length() == 0 ? "-" : counts.toString();
    }
}
