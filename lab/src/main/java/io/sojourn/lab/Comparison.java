// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The same tour by several mechanisms, one after another: as JSON a report ({@code sojourn.report/1}) of all their moves with {@code mechanisms} beside them, a row each.
 */
public record Comparison(
        String schema,
        String scenario,
        boolean ok,
        long seed,
        Report.TopologyPart topology,
        List<Row> mechanisms,
        List<Report.Move> moves,
        List<String> problems) {
    /** Hosts nearer than this are neighbours: of a fraction of a millisecond no stretch can be told. */
    private static final double NEIGHBOUR_MS = 5;

    /**
     * What moves by one mechanism were like, at their worst. Times are null if there was no move to take them from.
     *
     * @param addedGapMs at the worst correspondent, by the family that the mechanism carries
     * @param addedBytesPerPacket as measured on the WAN; -1 if no packet was seen there
     * @param pathStretch round trip after a move over the direct one, of the correspondents at other sites
     */
    public record Row(
            String mechanism,
            boolean ok,
            int moves,
            @Nullable Double pauseMs,
            @Nullable Double addedGapMs,
            @Nullable Double switchMs,
            long lost,
            int tcpBroken,
            long bytesMismatched,
            int addedBytesPerPacket,
            @Nullable Double pathStretch,
            Changes changes,
            double seconds) {}

    /** Who had to change for it, beside the gateways: the guest, the hosts that it talks to, and the network between the sites. */
    public record Changes(String guest, String correspondents, String network) {
        /** As the lab is furnished for each; hosts are stock Linux and never know. */
        static Changes of(String mechanism) {
            return switch (mechanism) {
                case Lab.PAGING, Lab.MAT -> new Changes("nothing", "nothing", "a routed prefix a site");
                case Lab.ILNP -> new Changes("nothing (IPv6)", "nothing", "a routed /64 a site");
                case Lab.LABEL -> new Changes("address by DHCP, RA", "nothing", "its own subnet a site");
                default -> new Changes("nothing", "nothing", "one UDP port");
            };
        }
    }

    /** Reports by mechanism, in the order in which they were made. */
    static Comparison of(Map<String, Report> reports, Map<String, Double> seconds) {
        List<Row> rows = new ArrayList<>();
        List<Report.Move> moves = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        reports.forEach((mechanism, report) -> {
            rows.add(row(mechanism, report, seconds.getOrDefault(mechanism, 0.0)));
            moves.addAll(report.moves());
            report.problems().forEach(problem -> problems.add(mechanism + ": " + problem));
        });
        Report first = reports.values().iterator().next();
        return new Comparison(
                Report.SCHEMA,
                first.scenario(),
                reports.values().stream().allMatch(Report::ok),
                first.seed(),
                first.topology(),
                rows,
                moves,
                problems);
    }

    private static Row row(String mechanism, Report report, double seconds) {
        List<Report.Move> moves = report.moves();
        int family = mechanism.equals(Lab.ILNP) ? 6 : 4;
        return new Row(
                mechanism,
                report.ok() && !moves.isEmpty(),
                moves.size(),
                worst(moves, move -> move.hypervisor().pauseMs()),
                worst(
                        moves,
                        move -> move.correspondents().stream()
                                .filter(c -> c.family() == family)
                                .mapToDouble(Report.Correspondent::addedGapMs)
                                .max()
                                .orElse(0)),
                worst(
                        moves.stream()
                                .filter(move -> move.network().switchMs() != null)
                                .toList(),
                        move -> orZero(move.network().switchMs())),
                moves.stream().mapToLong(move -> move.network().lost()).sum(),
                moves.stream().mapToInt(move -> move.sessions().tcpBroken()).sum(),
                moves.stream()
                        .mapToLong(move -> move.sessions().bytesMismatched())
                        .sum(),
                moves.stream()
                        .mapToInt(move -> move.wire().addedBytesPerPacket())
                        .max()
                        .orElse(-1),
                worst(
                        moves.stream()
                                .flatMap(move -> move.correspondents().stream())
                                .filter(c -> c.rttDirectMs() >= NEIGHBOUR_MS)
                                .toList(),
                        c -> c.rttAfterMs() / c.rttDirectMs()),
                Changes.of(mechanism),
                Report.round(seconds));
    }

    private static double orZero(@Nullable Double value) {
        return value == null ? 0 : value;
    }

    private static <T> @Nullable Double worst(List<T> of, ToDoubleFunction<T> measure) {
        return of.stream()
                .map(measure::applyAsDouble)
                .max(Comparator.naturalOrder())
                .map(Report::round)
                .orElse(null);
    }

    public String json() {
        return Report.toJson(this);
    }

    /** As {@link Report#write}; each mechanism's own report, with its certificates, goes to r.mechanisms/. */
    static void write(Comparison all, Map<String, Report> reports, Path file) {
        Report.writeAtOnce(file, all.json());
        try {
            Path folder = Files.createDirectories(Report.beside(file.toAbsolutePath(), ".mechanisms"));
            reports.forEach((mechanism, report) -> report.write(folder.resolve(mechanism + ".json")));
        } catch (IOException e) {
            throw new LabException("cannot write the reports beside " + file + ": " + e.getMessage(), e);
        }
    }

    public int exitStatus() {
        return ok ? 0 : 1;
    }

    /** Runs the demo by each mechanism that there is. One that fails does not keep the others from being tried. */
    static final class Tours {
        private final Map<String, Report> reports = new LinkedHashMap<>();
        private final Map<String, Double> seconds = new LinkedHashMap<>();

        Comparison run(String transparency, Progress progress) {
            List<String> mechanisms = ScenarioOptions.MECHANISMS;
            for (String mechanism : mechanisms) {
                progress.say("\n" + mechanism + " (" + (reports.size() + 1) + " of " + mechanisms.size() + ")");
                long startNs = System.nanoTime();
                ScenarioOptions options = ScenarioOptions.demo(
                        mechanism, mechanism.equals(Lab.ILNP) ? transparency : ScenarioOptions.VISIBLE);
                reports.put(mechanism, report(options, progress));
                seconds.put(mechanism, (System.nanoTime() - startNs) / 1e9);
            }
            return of(reports, seconds);
        }

        Map<String, Report> reports() {
            return reports;
        }

        private static Report report(ScenarioOptions options, Progress progress) {
            try {
                return Labs.run(options, progress);
            } catch (LabEndedException e) {
                throw e;
            } catch (LabException e) {
                progress.say("  " + e.getMessage());
                return new Report(
                        Report.SCHEMA,
                        options.scenario().id(),
                        false,
                        options.seed(),
                        Report.describe(options.scenario().topology()),
                        List.of(),
                        List.of(),
                        null,
                        null,
                        List.of(String.valueOf(e.getMessage())));
            }
        }
    }
}
