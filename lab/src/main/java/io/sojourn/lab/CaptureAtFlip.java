// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * Moves whose packets around the flip are kept at both sites. tshark is the judge of the files, and what they show must be what the
 * certificate says: as many frames on their way from source to destination, and as many that arrived.
 */
final class CaptureAtFlip extends Scenario {
    private static final long BOUND_NS = TimeUnit.SECONDS.toNanos(10);
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(100);

    CaptureAtFlip() {
        super("capture", "moves whose packets around the flip are kept at both sites, as pcapng", 2, 20);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            stage.mover().captures();
            for (String destination : destinations) {
                String from = stage.mover().at();
                if (!stage.step(destination, destinations.size(), findings)) {
                    break;
                }
                compare(stage, findings, from, destination);
            }
            return false;
        };
    }

    private static void compare(Stage stage, Findings findings, String from, String to) {
        Report.Move move = findings.moves.getLast();
        JsonNode certificate = move.certificate().document();
        if (certificate == null) {
            findings.problems.add("no certificate of the move to " + to);
            return;
        }
        String name = move.certificate().file().replace(".certificate", ".pcapng");
        Map<String, Long> left = read(stage, from, name, findings);
        Map<String, Long> arrived = read(stage, to, name, findings);
        long epoch = certificate.at("/source/statement/subject/epoch").asLong(0);
        check(
                findings,
                from,
                left.getOrDefault("to-wan to " + to + ", epoch " + epoch, 0L),
                certificate.at("/source/statement"),
                "sent");
        check(
                findings,
                to,
                arrived.getOrDefault("from-wan from " + from + ", epoch " + epoch, 0L),
                certificate.at("/destination/statement"),
                "received");
        stage.say(name + " at " + from + ": " + total(left) + " frames, at " + to + ": " + total(arrived)
                + ", of which to the guest " + arrived.getOrDefault("to-guest to the guest", 0L));
    }

    /** All up to the last mark that travelled among the frames; after it the two counts end when they end. */
    private static void check(Findings findings, String site, long inFile, JsonNode statement, String way) {
        long upToMark = 0;
        for (JsonNode mark : statement.path("marks")) {
            if (mark.path("way").asString("").equals(way)) {
                upToMark = Math.max(upToMark, mark.path("frames").asLong(0));
            }
        }
        long certified = statement.path(way).asLong(-1);
        if (inFile == 0 || inFile < upToMark || inFile > certified) {
            findings.problems.add("the capture of " + site + " shows " + inFile
                    + " frames between source and destination, its certificate says " + upToMark + " to " + certified);
        }
    }

    private static long total(Map<String, Long> frames) {
        return frames.values().stream().mapToLong(Long::longValue).sum();
    }

    /** How many frames tshark finds, by interface and comment; several segments with one comment count as such. */
    private static Map<String, Long> read(Stage stage, String site, String name, Findings findings) {
        Path file = stage.lab().run().folder().resolve(site).resolve("captures").resolve(name);
        long deadline = System.nanoTime() + BOUND_NS;
        while (!Files.exists(file) && System.nanoTime() < deadline) {
            LockSupport.parkNanos(POLL_NS);
        }
        Command.Outcome read = Command.attempt(
                List.of(
                        "tshark",
                        "-r",
                        file.toString(),
                        "-T",
                        "fields",
                        "-e",
                        "frame.interface_name",
                        "-e",
                        "frame.comment"),
                Map.of(),
                null);
        if (read.status() != 0) {
            findings.problems.add("tshark does not read " + file + ": " + read.err());
        }
        Map<String, Long> frames = new TreeMap<>();
        read.out().lines().filter(line -> line.contains("\t")).forEach(line -> {
            String text = line.replace('\t', ' ').strip();
            int comma = text.lastIndexOf(", ");
            boolean several = text.endsWith(" segments");
            frames.merge(
                    several ? text.substring(0, comma) : text,
                    several ? Long.parseLong(text.substring(comma + 2, text.length() - " segments".length())) : 1,
                    Long::sum);
        });
        return frames;
    }
}
