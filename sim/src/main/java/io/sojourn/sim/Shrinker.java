// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.ArrayList;
import java.util.List;

/** Cuts a failing scenario down, as long as it fails: fewer faults, fewer moves, less noise. */
final class Shrinker {
    private static final int MAX_RUNS = 300;

    private Shrinker() {}

    static Scenario shrink(Scenario failing, Mutation mutation) {
        Scenario best = failing;
        boolean smaller = true;
        int runs = 0;
        while (smaller && runs < MAX_RUNS) {
            smaller = false;
            for (Scenario candidate : candidates(best)) {
                runs++;
                if (!Simulation.run(candidate, mutation, false).violations().isEmpty()) {
                    best = candidate;
                    smaller = true;
                    break;
                }
            }
        }
        return best;
    }

    private static List<Scenario> candidates(Scenario s) {
        List<Scenario> candidates = new ArrayList<>();
        for (int i = 0; i < s.faults().size(); i++) {
            candidates.add(s.withFaults(without(s.faults(), i)));
        }
        for (int i = s.moves().size() - 1; i >= 0 && s.moves().size() > 1; i--) {
            // a fault that waits for a move by its place would wait for another one
            List<Scenario.Fault> faults = new ArrayList<>(s.faults());
            int index = i;
            faults.removeIf(f -> f.when() instanceof Scenario.OnState(int move, var r, var st, var d) && move >= index);
            if (faults.size() == s.faults().size()) {
                candidates.add(s.withMoves(without(s.moves(), i)));
            }
        }
        if (s.dataLoss() > 0 || s.dataDup() > 0) {
            candidates.add(s.withNoise(s.signalLoss(), s.signalDup(), s.signalReorder(), 0, 0));
        }
        if (s.signalLoss() > 0) {
            candidates.add(s.withNoise(0, s.signalDup(), s.signalReorder(), s.dataLoss(), s.dataDup()));
        }
        if (s.signalDup() > 0) {
            candidates.add(s.withNoise(s.signalLoss(), 0, s.signalReorder(), s.dataLoss(), s.dataDup()));
        }
        if (s.signalReorder() > 0) {
            candidates.add(s.withNoise(s.signalLoss(), s.signalDup(), 0, s.dataLoss(), s.dataDup()));
        }
        return candidates;
    }

    private static <T> List<T> without(List<T> list, int index) {
        List<T> fewer = new ArrayList<>(list);
        fewer.remove(index);
        return fewer;
    }
}
