// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import java.util.List;

/** What an event makes of a machine: its next state, and what to do, in order. */
public record Step<S>(S state, List<HandoffAction> actions) {
    public Step {
        actions = List.copyOf(actions);
    }

    static <S> Step<S> of(S state, HandoffAction... actions) {
        return new Step<>(state, List.of(actions));
    }
}
