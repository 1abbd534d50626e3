// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a run has shown, as JSON {@code sojourn.report/1} with names in snake case. Fields are added, never renamed: tools read it. Milliseconds are rounded to
 * three decimals; a figure that nobody could measure is null.
 */
public record Report(
        String schema,
        String scenario,
        boolean ok,
        long seed,
        TopologyPart topology,
        List<Move> moves,
        List<Cell> cells,
        @org.jspecify.annotations.Nullable Summary summary,
        @org.jspecify.annotations.Nullable Switches switches,
        List<String> problems) {
    public static final String SCHEMA = "sojourn.report/1";

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(tools.jackson.databind.MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    public record TopologyPart(List<String> sites, List<LinkPart> links) {}

    /** One direction. */
    public record LinkPart(String from, String to, double delayMs, double loss, int rateMbit) {}

    /**
     * @param problems what is to be said about it, one line each; not all of it makes a move bad
     * @param failed why it is not ok, in a few words each; empty if it is
     * @param incident event logs of a move that is not ok
     */
    public record Move(
            String migration,
            String vm,
            String from,
            String to,
            String mechanism,
            boolean ok,
            Hypervisor hypervisor,
            Network network,
            Sessions sessions,
            PathPart path,
            Wire wire,
            List<Correspondent> correspondents,
            Certified certificate,
            JsonNode timeline,
            List<String> problems,
            List<String> failed,
            Incident incident) {}

    public record Hypervisor(
            String accel, double pauseMs, double pauseFloorMs, long totalMs, long ramBytes, long wanBytes) {}

    /**
     * Gaps are those of the correspondent with the longest added gap.
     *
     * @param announceDelayMs one-way delay from the destination to the farthest gateway that flips, which is the floor of {@code switchMs}
     */
    public record Network(
            double gapMs,
            double addedGapMs,
            @org.jspecify.annotations.Nullable Double switchMs,
            double announceDelayMs,
            long lost,
            long duplicated,
            long reordered) {}

    public record Sessions(int tcpOpen, int tcpBroken, long bytesMismatched) {}

    /** Of the correspondent whose path is furthest from the direct one after the move. */
    public record PathPart(double rttBeforeMs, double rttAfterMs, double rttDirectMs) {}

    public record Wire(int addedBytesPerPacket) {}

    /** One probe: {@code family} 4 or 6. {@code gapEndAfterPauseMs}: when its longest gap ended, counted from PAUSED; negative if before. */
    public record Correspondent(
            String site,
            int family,
            int rateHz,
            long sent,
            long lost,
            long duplicated,
            long reordered,
            double gapMs,
            double addedGapMs,
            double gapEndAfterPauseMs,
            double rttBeforeMs,
            double rttAfterMs,
            double rttDirectMs) {}

    /**
     * One fault at one step of one move.
     *
     * @param cell victim and step, as in {@code s:COPY}
     * @param fault what was done, and on which sign
     * @param ended DONE, ROLLED_BACK, or REFUSED when the fault came before there was a move
     * @param struckAfterMs from the request for the move
     * @param endedAfterMs from the fault to the move's end, without an operator
     * @param runsAt where its hypervisors say that the guest runs
     * @param hypervisors of the guest that are alive; one, when all is well
     * @param silenceMs the longest that a probe went unanswered
     * @param orphans what is left of the move where nothing should be
     */
    public record Cell(
            String cell,
            String fault,
            boolean ok,
            String migration,
            String from,
            String to,
            String ended,
            long struckAfterMs,
            long endedAfterMs,
            String runsAt,
            int hypervisors,
            double silenceMs,
            long lost,
            long duplicated,
            long reordered,
            int tcpOpen,
            int tcpBroken,
            long bytesMismatched,
            List<String> orphans,
            JsonNode timeline,
            List<String> problems) {}

    /** Over all moves. Of the delay to the destination nothing is counted: what no network can do without is not the network's to answer for. */
    public record Summary(
            int moves, Spread addedGapMs, Spread pauseMinusDelayMs, Spread switchMinusDelayMs, List<Row> byRtt) {}

    /** The same for the moves over links of one round trip time. */
    public record Row(
            double rttMs, int moves, Spread addedGapMs, Spread pauseMinusDelayMs, Spread switchMinusDelayMs) {}

    /** Nearest rank: {@code p99} of fewer than 100 figures is the largest. */
    public record Spread(double p50, double p99, double max) {
        static Spread of(List<Double> figures) {
            double[] sorted =
                    figures.stream().mapToDouble(Double::doubleValue).sorted().toArray();
            return sorted.length == 0
                    ? new Spread(0, 0, 0)
                    : new Spread(at(sorted, 0.50), at(sorted, 0.99), round(sorted[sorted.length - 1]));
        }

        private static double at(double[] sorted, double share) {
            return round(sorted[(int) Math.ceil(share * sorted.length) - 1]);
        }
    }

    /**
     * Of a rule at a correspondent's edge, from the command's coming to the new place until the first packet by the rule.
     *
     * @param oneWayMs the delay from one to the other, mean of all
     * @param aboveMsMean by how much a switch was longer than its own one-way delay
     */
    public record Switches(
            String mechanism,
            int times,
            double oneWayMs,
            double switchMsMean,
            double switchMsP50,
            double switchMsP99,
            double switchMsMax,
            double aboveMsMean,
            double aboveMsP99) {}

    static TopologyPart describe(Topology topology) {
        List<LinkPart> links = topology.links().stream()
                .filter(link -> !link.a().equals(Topology.CONTROLLER))
                .flatMap(link -> java.util.stream.Stream.of(
                        new LinkPart(link.a(), link.b(), link.rttMs() / 2, link.loss(), link.rateMbit()),
                        new LinkPart(link.b(), link.a(), link.rttMs() / 2, link.loss(), link.rateMbit())))
                .toList();
        return new TopologyPart(
                topology.sites().stream().map(Topology.Site::name).toList(), links);
    }

    static double round(double ms) {
        return Double.isFinite(ms) ? Math.round(ms * 1_000) / 1_000.0 : 0;
    }

    public String json() {
        return toJson(this);
    }

    static String toJson(Record figures) {
        return MAPPER.writeValueAsString(figures) + "\n";
    }

    /** Whoever reads sees all of it or nothing. */
    static void writeAtOnce(Path file, String text) {
        try {
            Path target = file.toAbsolutePath();
            Path fresh = target.resolveSibling("." + target.getFileName() + ".new");
            Files.writeString(fresh, text);
            Files.move(fresh, target, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        } catch (java.io.IOException e) {
            throw new LabException("cannot write the report to " + file + ": " + e.getMessage(), e);
        }
    }

    /** Writes it in one step, and what belongs to it beside it. */
    public void write(Path file) {
        writeAtOnce(file, json());
        try {
            Path target = file.toAbsolutePath();
            writeCertificates(target);
            writeIncidents(target);
        } catch (java.io.IOException e) {
            throw new LabException("cannot write the report to " + file + ": " + e.getMessage(), e);
        }
    }

    /** A certificate a move, and the keys, beside r.json in r.certificates/. */
    private void writeCertificates(Path target) throws java.io.IOException {
        List<Certified> certificates = moves.stream()
                .map(Move::certificate)
                .filter(certified -> certified.document() != null)
                .toList();
        if (!certificates.isEmpty()) {
            Path folder = Files.createDirectories(beside(target, ".certificates"));
            for (Certified certified : certificates) {
                certified.write(folder);
            }
        }
    }

    /** The event logs of moves that were not as they should be, in r.incidents/. */
    private void writeIncidents(Path target) throws java.io.IOException {
        for (Move move : moves) {
            if (!move.incident().files().isEmpty()) {
                move.incident().write(beside(target, ".incidents"));
            }
        }
    }

    static Path beside(Path target, String suffix) {
        String name = String.valueOf(target.getFileName()).replaceFirst("\\.json$", "");
        return target.resolveSibling(name + suffix);
    }

    public int exitStatus() {
        return ok ? 0 : 1;
    }
}
