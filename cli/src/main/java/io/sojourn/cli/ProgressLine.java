// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** One line of how far a move is: bar, share, speed, time left. */
final class ProgressLine {
    private static final int BAR_COLUMNS = 24;

    private ProgressLine() {}

    static String of(JsonNode migration) {
        String state = migration.path("state").asString("");
        JsonNode progress = migration.path("progress");
        long total = progress.path("bytesTotal").asLong(0);
        if (total <= 0) {
            return state.toLowerCase(Locale.ROOT).replace("_", " ");
        }
        double share = share(total, progress.path("bytesRemaining").asLong(0), state);
        int filled = (int) Math.round(share * BAR_COLUMNS);
        StringBuilder line = new StringBuilder("[")
                .append("#".repeat(filled))
                .append(".".repeat(BAR_COLUMNS - filled))
                .append(String.format(Locale.ROOT, "] %3.0f %%  ", share * 100))
                .append(state.toLowerCase(Locale.ROOT).replace("_", " "));
        int pass = progress.path("pass").asInt(0);
        if (pass > 1) {
            line.append(", pass ").append(pass);
        }
        long speed = progress.path("bytesPerS").asLong(0);
        if (speed > 0) {
            line.append("  ").append(Figures.bitsPerSecond(speed));
        }
        long etaMs = progress.path("etaMs").asLong(-1);
        if (etaMs >= 0 && state.equals("COPYING")) {
            line.append("  ").append(Figures.millis(etaMs)).append(" left");
        }
        return line.toString();
    }

    private static double share(long total, long remaining, String state) {
        return switch (state) {
            case "PLANNED", "ARMING" -> 0;
            case "DONE", "DRAINING", "SWITCHING" -> 1;
            default -> Math.clamp(1 - (double) remaining / total, 0, 1);
        };
    }
}
