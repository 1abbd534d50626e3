// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.bench.Bench;
import io.sojourn.bench.BenchOptions;
import io.sojourn.bench.BenchReport;
import io.sojourn.lab.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The packet path, measured against the kernel and against others. */
@Command(
        name = "bench",
        description = "Measure the packet path against the kernel and other overlays. Needs root.",
        footer = {
            "",
            "throughput  one TCP stream (or more), CPU seconds per Gbit, the first second of a fresh gateway",
            "latency     UDP round trips, idle and while a stream saturates the path",
            "pps         64-byte packets a second",
            "idle        processor time of a gateway while no packet comes",
            "bindings    cost of a packet with 10 to 1,000,000 bindings",
            "flows       1,000,000 flows with the world outside: memory, new flows, cost of a packet",
            "",
            "Examples:",
            "  sojourn bench throughput --report b.json --plot b.svg",
            "  sojourn bench latency --only direct,sojourn-plain --rounds 3"
        })
final class BenchCommand implements Callable<Integer> {
    @Mixin
    HelpOption helpOption = new HelpOption();

    @Parameters(paramLabel = "WHAT", description = "throughput, latency, pps, idle, bindings or flows.")
    BenchOptions.Kind what = BenchOptions.Kind.THROUGHPUT;

    @Option(names = "--rounds", description = "Each path is measured so often, in turn (default: ${DEFAULT-VALUE}).")
    int rounds = 5;

    @Option(names = "--seconds", description = "Of one measurement (default: ${DEFAULT-VALUE}).")
    int seconds = 5;

    @Option(names = "--streams", description = "TCP streams at once (default: ${DEFAULT-VALUE}).")
    int streams = 1;

    @Option(names = "--reverse", description = "Host B sends.")
    boolean reverse;

    @Option(names = "--ipv6", description = "Between the hosts' IPv6 addresses.")
    boolean v6;

    @Option(
            names = "--only",
            split = ",",
            paramLabel = "PATH",
            description = "Only these, such as kernel-vxlan,sojourn-plain.")
    List<String> only = List.of();

    @Option(
            names = "--congestion",
            paramLabel = "NAME",
            description = "TCP's congestion control, such as cubic (default: the host's, which the report states).")
    String congestion = "";

    @Option(
            names = "--fresh-starts",
            description = "How often the first second of a fresh gateway is measured (default: ${DEFAULT-VALUE}).")
    int freshStarts = 3;

    @Option(
            names = "--offered",
            split = ",",
            paramLabel = "RATE",
            description = "For pps: these packets a second in turn, instead of a ladder from 50,000.")
    List<Integer> offered = List.of();

    @Option(
            names = "--mechanism",
            paramLabel = "NAME",
            description = "Measure paging, segment or mat, beside direct and the overlay, and nothing else.")
    String mechanism = "";

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Write the figures there, as JSON (sojourn.bench/1).")
    @Nullable
    Path report;

    @Option(names = "--plot", paramLabel = "FILE", description = "Draw them there, as SVG.")
    @Nullable
    Path plot;

    @Option(names = "--json", description = "Print the report to stdout instead of the table.")
    boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Override
    public Integer call() {
        Privileges.requireRoot("./sojourn bench", "it makes network namespaces and taps");
        BenchOptions options = new BenchOptions(
                what, rounds, seconds, streams, reverse, v6, congestion, only, freshStarts, offered, mechanism);
        BenchReport measured = Bench.run(options, new Progress(System.err, false));
        if (report != null) {
            measured.write(report);
        }
        if (plot != null) {
            measured.plot(plot);
        }
        spec.commandLine().getOut().println(json ? measured.json() : measured.table());
        spec.commandLine().getOut().flush();
        return 0;
    }
}
