// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.Step;

/** Stands between the machines and who executes their actions, and plants a fault there. */
final class Mutator {
    private final Mutation mutation;

    Mutator(Mutation mutation) {
        this.mutation = mutation;
    }

    boolean is(Mutation which) {
        return mutation == which;
    }

    Step<?> mutate(char role, Object before, HandoffEvent event, Step<?> step) {
        return step;
    }
}
