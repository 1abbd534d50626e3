// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** What the command {@code sojourn sim} runs. Every result is a function of its arguments, but for the times taken. */
public final class SimRunner {
    private SimRunner() {}

    /**
     * @param migrations at least so many were run
     * @param runs worlds, each with one to four moves, and most with faults
     * @param forgetful worlds in which a border knew less of a VM than another one had: hosts without a gateway may have met it anew there, which is excused
     * @param traceHash over all events of all runs, 16 hexadecimal digits
     * @param packets numbered packets sent by VMs and their correspondents
     * @param failures one for each run that broke an invariant; empty is good
     */
    public record Campaign(
            long seed,
            long migrations,
            long done,
            long rolledBack,
            long runs,
            long packets,
            long delivered,
            long forgetful,
            long steps,
            String traceHash,
            double seconds,
            double migrationsPerSecond,
            List<Failure> failures) {
        public boolean ok() {
            return failures.isEmpty();
        }
    }

    /**
     * @param scenario the smallest that was found to fail in the same way, in words
     * @param trace its events
     */
    public record Failure(long seed, String violation, String scenario, List<String> trace) {}

    /**
     * @param killed the simulator found it
     * @param migrations how many it took, or were tried
     * @param violation by which it was found
     */
    public record Mutant(String name, boolean killed, long migrations, String violation, long seed) {}

    /**
     * Runs worlds with faults from {@code seed} on until that many migrations have ended.
     *
     * @param ilnp by ILNP, with hosts that have no gateway; otherwise by the overlay
     * @param progress told now and then how many have
     */
    public static Campaign campaign(long migrations, long seed, boolean ilnp, Consumer<Long> progress) {
        long startNs = System.nanoTime();
        long done = 0;
        long rolledBack = 0;
        long runs = 0;
        long packets = 0;
        long delivered = 0;
        long forgetful = 0;
        long steps = 0;
        long hash = 0xcbf29ce484222325L;
        List<Failure> failures = new ArrayList<>();
        while (done + rolledBack < migrations && failures.size() < 10) {
            long worldSeed = worldSeed(seed, runs++);
            Simulation.Outcome outcome = Simulation.run(Scenario.random(worldSeed, ilnp), Mutation.NONE, false);
            done += outcome.done();
            rolledBack += outcome.rolledBack();
            packets += outcome.packets();
            delivered += outcome.delivered();
            forgetful += outcome.forgot() ? 1 : 0;
            steps += outcome.steps();
            hash = (hash ^ outcome.hash()) * 0x100000001b3L;
            if (!outcome.violations().isEmpty()) {
                failures.add(explain(Scenario.random(worldSeed, ilnp), Mutation.NONE));
            }
            if (runs % 1000 == 0) {
                progress.accept(done + rolledBack);
            }
        }
        double seconds = (System.nanoTime() - startNs) / 1e9;
        return new Campaign(
                seed,
                done + rolledBack,
                done,
                rolledBack,
                runs,
                packets,
                delivered,
                forgetful,
                steps,
                String.format("%016x", hash),
                seconds,
                (done + rolledBack) / seconds,
                List.copyOf(failures));
    }

    /**
     * @param worlds each run twice
     * @param different seeds of worlds whose two runs had not the same trace hash; empty is good
     * @param traceHash over the first runs
     */
    public record Repeated(long worlds, String traceHash, List<Long> different) {}

    /**
     * Runs worlds twice, from {@code seed} on, and compares event by event, that is by trace hash.
     *
     * @param progress told now and then how many
     */
    public static Repeated repeat(long worlds, long seed, boolean ilnp, Consumer<Long> progress) {
        List<Long> different = new ArrayList<>();
        long hash = 0xcbf29ce484222325L;
        for (long run = 0; run < worlds; run++) {
            long worldSeed = worldSeed(seed, run);
            long first = hash(worldSeed, ilnp);
            if (hash(worldSeed, ilnp) != first) {
                different.add(worldSeed);
            }
            hash = (hash ^ first) * 0x100000001b3L;
            if (run % 100 == 99) {
                progress.accept(run + 1);
            }
        }
        return new Repeated(worlds, String.format("%016x", hash), List.copyOf(different));
    }

    private static long hash(long worldSeed, boolean ilnp) {
        return Simulation.run(Scenario.random(worldSeed, ilnp), Mutation.NONE, false)
                .hash();
    }

    /** The names of the planted faults. */
    public static List<String> mutations() {
        List<String> names = new ArrayList<>();
        for (Mutation mutation : Mutation.values()) {
            if (mutation != Mutation.NONE) {
                names.add(name(mutation));
            }
        }
        return names;
    }

    /**
     * Plants each fault in turn and runs worlds until an invariant breaks.
     *
     * @param limit migrations after which a fault counts as not found
     * @param found told of each as it is decided
     */
    public static List<Mutant> mutants(long limit, long seed, Consumer<Mutant> found) {
        List<Mutant> mutants = new ArrayList<>();
        for (Mutation mutation : Mutation.values()) {
            if (mutation != Mutation.NONE) {
                Mutant mutant = hunt(mutation, limit, seed);
                mutants.add(mutant);
                found.accept(mutant);
            }
        }
        return mutants;
    }

    /**
     * @param states told apart
     * @param ends states in which nothing more can happen by itself
     * @param complete all were visited, and no invariant broke
     * @param path what led to the violation
     */
    public record Exhausted(
            long states,
            long transitions,
            long ends,
            boolean complete,
            double seconds,
            List<String> violations,
            List<String> path) {}

    /**
     * Visits every state of a small world: two sites and a correspondent's, one VM, one move.
     *
     * @param limit states after which the search gives up
     * @param progress told now and then how many were visited
     */
    public static Exhausted exhaustive(
            int crashes,
            int losses,
            int doubles,
            int aborts,
            int inboundPackets,
            int outboundPackets,
            long limit,
            Consumer<Long> progress) {
        return Exhaustive.search(
                new SmallWorld.Budget(crashes, losses, doubles, aborts, inboundPackets, outboundPackets),
                Mutation.NONE,
                true,
                limit,
                progress);
    }

    /**
     * Plants one fault, finds a world that it breaks, and cuts that world down to what matters.
     *
     * @param name one of {@link #mutations}
     * @param limit migrations after which it counts as not found
     * @return empty if it was not found
     */
    public static Optional<Failure> shrink(String name, long limit, long seed) {
        Mutation mutation =
                Mutation.valueOf(name.toUpperCase(java.util.Locale.ROOT).replace('-', '_'));
        Mutant mutant = hunt(mutation, limit, seed);
        return mutant.killed()
                ? Optional.of(explain(Scenario.random(mutant.seed(), mutation.isByIlnp()), mutation))
                : Optional.empty();
    }

    private static Mutant hunt(Mutation mutation, long limit, long seed) {
        long migrations = 0;
        for (long run = 0; migrations < limit; run++) {
            long worldSeed = worldSeed(seed, run);
            Scenario scenario = Scenario.random(worldSeed, mutation.isByIlnp());
            Simulation.Outcome outcome = Simulation.run(scenario, mutation, false);
            migrations += Math.max(1, outcome.done() + outcome.rolledBack());
            if (!outcome.violations().isEmpty()
                    && Simulation.run(scenario, Mutation.NONE, false)
                            .violations()
                            .isEmpty()) {
                return new Mutant(
                        name(mutation), true, migrations, outcome.violations().getFirst(), worldSeed);
            }
        }
        return new Mutant(name(mutation), false, migrations, "", 0);
    }

    private static Failure explain(Scenario scenario, Mutation mutation) {
        Scenario smallest = Shrinker.shrink(scenario, mutation);
        Simulation.Outcome outcome = Simulation.run(smallest, mutation, true);
        return new Failure(scenario.seed(), outcome.violations().getFirst(), smallest.toString(), outcome.log());
    }

    /**
     * One world, in full.
     *
     * @param scenario what was to happen, in words
     * @param trace its events
     * @param violations empty is good
     */
    public record Replay(String scenario, List<String> trace, List<String> violations, String traceHash) {}

    /** What a world does, event by event: a seed that was printed once is a story for ever. */
    public static Replay replay(long worldSeed, boolean ilnp) {
        Scenario scenario = Scenario.random(worldSeed, ilnp);
        Simulation.Outcome outcome = Simulation.run(scenario, Mutation.NONE, true);
        return new Replay(
                scenario.toString(), outcome.log(), outcome.violations(), String.format("%016x", outcome.hash()));
    }

    private static String name(Mutation mutation) {
        return mutation.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }

    private static long worldSeed(long seed, long run) {
        return seed * 1_000_003L + run;
    }
}
