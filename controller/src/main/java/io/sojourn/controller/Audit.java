// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who was let in and who was not: {@code audit.log} in the state-dir, a JSON object a line, and counters for Prometheus. Everything is
 * counted; refusals that anybody on the network can provoke are written down at most {@value #A_SECOND} a second, and the next line
 * says how many were not.
 */
final class Audit {
    private static final Logger log = LoggerFactory.getLogger(Audit.class);
    private static final int A_SECOND = 5;

    private final Path file;
    private final Clock clock;
    private final Map<String, Long> counts = new TreeMap<>();
    private long second;
    private int inSecond;
    private long unwritten;

    Audit(Path stateDir, Clock clock) {
        this.file = stateDir.resolve("audit.log");
        this.clock = clock;
    }

    /** @param what lower-case-with-dashes */
    synchronized void granted(String what, String gateway, String from, String detail) {
        counts.merge(what, 1L, Long::sum);
        log.info("{}: gateway {}, from {}: {}", what, gateway, from, detail);
        write(what, gateway, from, detail);
    }

    synchronized void refused(String what, String gateway, String from, String detail) {
        counts.merge(what, 1L, Long::sum);
        long now = clock.instant().getEpochSecond();
        if (now != second) {
            second = now;
            inSecond = 0;
        }
        if (++inSecond > A_SECOND) {
            unwritten++;
            return;
        }
        log.warn("{}: a caller at {} that calls itself '{}': {}", what, from, gateway, detail);
        write(what, gateway, from, detail);
    }

    private void write(String what, String gateway, String from, String detail) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("at", clock.instant().toString());
        line.put("event", what);
        line.put("gateway", gateway);
        line.put("from", from);
        line.put("detail", detail);
        if (unwritten > 0) {
            line.put("refusalsNotWritten", unwritten);
            unwritten = 0;
        }
        try {
            Files.writeString(
                    file,
                    Json.write(line) + "\n",
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            log.error("cannot write {}: {}", file, e.getMessage());
        }
    }

    /** Since the controller started. */
    synchronized Map<String, Long> counts() {
        return Map.copyOf(counts);
    }
}
