// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.sim.Incident;
import io.sojourn.sim.SimRunner;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "sim",
        description =
                "Run the handoff's production code in a simulated world with faults: one thread, virtual time, one seed.",
        footer = {
            "",
            "Examples:",
            "  sojourn sim --migrations 100000 --seed 1    0 violations, and a hash that is the same every time",
            "  sojourn sim --twice 1000                    a thousand worlds twice: each has one trace hash",
            "  sojourn sim --mechanism ilnp                the same moves by ILNP: real borders, nonces and updates",
            "  sojourn sim --mutants                       planted faults, each of which must be found",
            "  sojourn sim --mutant no-tombstone           one of them, in the smallest world that it breaks",
            "  sojourn sim --exhaustive                    every interleaving of a small world",
            "  sojourn sim --incident *.events             a real move, told again to the machines as they are now",
            "  sojourn sim --replay 4711                   what one world does, event by event"
        })
final class SimCommand implements Callable<Integer> {
    private static final long STATES_BOUND = 200_000_000;
    private static final int TRACE_LINES = 40;

    @Mixin
    HelpOption help = new HelpOption();

    @Spec
    @Nullable
    CommandSpec spec;

    @ArgGroup(heading = "%nWhat to run (default: a campaign):%n")
    What what = new What();

    static final class What {
        @Option(names = "--mutants", description = "Plant each known protocol fault and see that it is found.")
        boolean mutants;

        @Option(
                names = "--exhaustive",
                description = "Search a small world: one crash, one lost and one doubled message.")
        boolean exhaustive;

        @Option(
                names = "--mutant",
                paramLabel = "NAME",
                description = "Plant one fault and print the smallest world that it breaks.")
        @Nullable
        String mutant;

        @Option(names = "--twice", paramLabel = "N", description = "Run N worlds twice and compare their trace hashes.")
        @Nullable
        Long twice;

        @Option(
                names = "--incident",
                paramLabel = "FILE",
                arity = "1..*",
                description =
                        "Tell the machines again what they were told in a real move: its events files, one of each gateway.")
        List<Path> incident = new ArrayList<>();

        @Option(names = "--replay", paramLabel = "SEED", description = "Print the events of the world with this seed.")
        @Nullable
        Long replay;
    }

    @Option(
            names = "--migrations",
            paramLabel = "N",
            description = "Migrations of a campaign (default: ${DEFAULT-VALUE}).")
    long migrations = 10_000;

    @Option(
            names = "--limit",
            paramLabel = "N",
            description = "Migrations spent on a mutant at most (default: ${DEFAULT-VALUE}).")
    long limit = 30_000;

    @Option(
            names = "--packets",
            paramLabel = "N",
            description =
                    "Packets in flight each way in the exhaustive search (default: ${DEFAULT-VALUE}; 1 takes a quarter of an hour).")
    int packets;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Where the randomness comes from (default: ${DEFAULT-VALUE}).")
    long seed = 1;

    @Option(
            names = "--mechanism",
            paramLabel = "NAME",
            description =
                    "Of a campaign, --twice and --replay: overlay, or ilnp, with hosts that have no gateway (default: ${DEFAULT-VALUE}).")
    String mechanism = "overlay";

    private final boolean hasTerminal = Terminal.hasOne();
    private boolean showing;

    @Option(names = "--json", description = "Print the result as JSON.")
    boolean json;

    private boolean ilnp() {
        if (!mechanism.equals("overlay") && !mechanism.equals("ilnp")) {
            throw CommandFailure.wrongUse("no mechanism '" + mechanism + "' is simulated; there are: overlay, ilnp");
        }
        return mechanism.equals("ilnp");
    }

    @Override
    public Integer call() {
        if (ilnp() && (what.mutant != null || what.mutants || what.exhaustive || !what.incident.isEmpty())) {
            throw CommandFailure.wrongUse("--mechanism ilnp goes with a campaign, --twice and --replay only");
        }
        if (!what.incident.isEmpty()) {
            return incident(what.incident);
        }
        if (what.replay != null) {
            return replay(what.replay);
        }
        if (what.twice != null) {
            return twice(what.twice);
        }
        if (what.mutant != null) {
            return mutant(what.mutant);
        }
        if (what.mutants) {
            return mutants();
        }
        return what.exhaustive ? exhaustive() : campaign();
    }

    private int incident(List<Path> files) {
        Map<String, List<String>> logs = new TreeMap<>();
        for (Path file : files) {
            String name = String.valueOf(file.getFileName()).replaceFirst("\\.events$", "");
            try {
                logs.put(name.replaceFirst("^.*-e\\d+\\.", ""), Files.readAllLines(file));
            } catch (IOException e) {
                throw new CommandFailure(
                        "cannot read " + file + ": " + CommandFailure.reason(e)
                                + "; gateways keep them in state-dir/events",
                        e);
            }
        }
        Incident.Replay replay = Incident.replay(logs);
        int status = replay.problems().isEmpty() && replay.events() > 0 ? 0 : 1;
        if (printed(replay)) {
            return status;
        }
        replay.trace().forEach(line -> say("%s", line));
        replay.problems().forEach(problem -> say("DIFFERENT: %s", problem));
        say(
                "%d events of %d gateways told again, %d problems",
                replay.events(), replay.gateways(), replay.problems().size());
        return status;
    }

    private int replay(long world) {
        SimRunner.Replay replay = SimRunner.replay(world, ilnp());
        if (!printed(replay)) {
            say("%s", replay.scenario());
            replay.trace().forEach(line -> say("%s", line));
            replay.violations().forEach(violation -> say("violation: %s", violation));
            say("%d violations; trace hash %s", replay.violations().size(), replay.traceHash());
        }
        return replay.violations().isEmpty() ? 0 : 1;
    }

    private int twice(long worlds) {
        SimRunner.Repeated repeated =
                SimRunner.repeat(worlds, seed, ilnp(), done -> progress("%,d of %,d worlds twice", done, worlds));
        if (!printed(repeated)) {
            say(
                    "%,d worlds run twice, %d with another trace hash the second time; trace hash %s",
                    repeated.worlds(), repeated.different().size(), repeated.traceHash());
            repeated.different().forEach(world -> say("  seed %d", world));
        }
        return repeated.different().isEmpty() ? 0 : 1;
    }

    private int mutant(String name) {
        if (!SimRunner.mutations().contains(name)) {
            throw CommandFailure.wrongUse("no planted fault is called '" + name + "'; there are: "
                    + String.join(", ", SimRunner.mutations()));
        }
        Optional<SimRunner.Failure> found = SimRunner.shrink(name, limit, seed);
        if (json) {
            print(found.isPresent() ? found.get() : Map.of("mutant", name, "killed", false, "migrations", limit));
        } else {
            found.ifPresentOrElse(this::show, () -> say("%s LIVES after %,d migrations", name, limit));
        }
        return found.isPresent() ? 0 : 1;
    }

    private PrintWriter out() {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("picocli sets the spec");
        }
        return s.commandLine().getOut();
    }

    private void say(String format, Object... arguments) {
        out().println(String.format(Locale.ROOT, format, arguments));
        out().flush();
    }

    private int campaign() {
        SimRunner.Campaign c = SimRunner.campaign(
                migrations, seed, ilnp(), done -> progress("%,d of %,d migrations", done, migrations));
        if (!printed(c)) {
            say(
                    "%,d migrations, %,d done, %,d rolled back, %d violations; %,d packets; %.0f migrations a second; trace hash %s",
                    c.migrations(),
                    c.done(),
                    c.rolledBack(),
                    c.failures().size(),
                    c.packets(),
                    c.migrationsPerSecond(),
                    c.traceHash());
            if (ilnp()) {
                say(
                        "%,d of %,d worlds in which a border knew less of a VM than another had: hosts without a gateway may have met it anew there",
                        c.forgetful(), c.runs());
            }
            c.failures().forEach(this::show);
        }
        return c.ok() ? 0 : 1;
    }

    private void show(SimRunner.Failure failure) {
        say("violation at seed %d: %s", failure.seed(), failure.violation());
        say("  smallest scenario: %s", failure.scenario());
        List<String> trace = failure.trace();
        trace.subList(Math.max(0, trace.size() - TRACE_LINES), trace.size()).forEach(line -> say("  %s", line));
    }

    private int mutants() {
        int planted = SimRunner.mutations().size();
        int[] decided = {0};
        List<SimRunner.Mutant> all = SimRunner.mutants(limit, seed, m -> {
            decided[0]++;
            if (json) {
                progress("%d of %d mutants", decided[0], planted);
            } else {
                say(
                        "%-36s %s after %,d migrations%s",
                        m.name(),
                        m.killed() ? "killed" : "LIVES",
                        m.migrations(),
                        m.killed() ? ": " + m.violation() : "");
            }
        });
        long killed = all.stream().filter(SimRunner.Mutant::killed).count();
        if (!printed(Map.of("killed", killed, "mutants", all))) {
            say("%d of %d mutants killed", killed, all.size());
        }
        return killed == all.size() ? 0 : 1;
    }

    private int exhaustive() {
        SimRunner.Exhausted e =
                SimRunner.exhaustive(1, 1, 1, 0, packets, 0, STATES_BOUND, states -> progress("%,d states", states));
        if (!printed(e)) {
            say(
                    "%,d states, %,d transitions, %,d ends, %d violations, %s, %.0f s",
                    e.states(),
                    e.transitions(),
                    e.ends(),
                    e.violations().size(),
                    e.complete() ? "complete" : "not complete",
                    e.seconds());
            e.violations().forEach(v -> say("violation: %s", v));
            e.path().forEach(step -> say("  %s", step));
        }
        return e.complete() && e.violations().isEmpty() ? 0 : 1;
    }

    /** True if the result is wanted as JSON, and has been printed so. */
    private boolean printed(Object result) {
        endProgress();
        if (json) {
            print(result);
        }
        return json;
    }

    private void print(Object result) {
        out().println(ControllerClient.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(result));
        out().flush();
    }

    /** In place, if somebody looks on. */
    private void progress(String format, Object... arguments) {
        if (hasTerminal) {
            Terminal.redraw(String.format(Locale.ROOT, format, arguments));
            showing = true;
        }
    }

    private void endProgress() {
        if (showing) {
            Terminal.redraw("");
            showing = false;
        }
    }
}
