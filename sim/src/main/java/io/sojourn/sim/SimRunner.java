// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

/** What the command {@code sojourn sim} runs. */
public final class SimRunner {
    private SimRunner() {}

    public static void main(String[] args) {
        long seed = Long.parseLong(args[0]);
        int runs = Integer.parseInt(args[1]);
        boolean logging = args.length > 2;
        long startNs = System.nanoTime();
        int done = 0;
        int rolledBack = 0;
        long steps = 0;
        int bad = 0;
        long virtualNs = 0;
        for (long s = seed; s < seed + runs; s++) {
            Simulation.Outcome outcome;
            try {
                outcome = Simulation.run(Scenario.random(s), Mutation.NONE, logging);
            } catch (RuntimeException e) {
                System.out.println("seed " + s + " threw " + e);
                if (logging) {
                    e.printStackTrace(System.out);
                }
                bad++;
                continue;
            }
            done += outcome.done();
            rolledBack += outcome.rolledBack();
            steps += outcome.steps();
            virtualNs += outcome.virtualNs();
            if (logging) {
                System.out.println(Scenario.random(s));
                outcome.log().forEach(System.out::println);
            }
            if (!outcome.violations().isEmpty()) {
                bad++;
                System.out.println("seed " + s + " " + outcome.violations().getFirst());
            }
        }
        double seconds = (System.nanoTime() - startNs) / 1e9;
        System.out.printf(
                "%d runs, %d done, %d rolled back, %d bad, %.0f migrations/s, %.0f steps/migration, %.1f virtual s/run%n",
                runs,
                done,
                rolledBack,
                bad,
                (done + rolledBack) / seconds,
                (double) steps / (done + rolledBack),
                virtualNs / 1e9 / runs);
    }
}
