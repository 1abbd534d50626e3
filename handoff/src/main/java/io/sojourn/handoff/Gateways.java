// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.location.GatewayId;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Those who have not answered yet, as immutable sets walked in the plan's order: a machine is a function. */
final class Gateways {
    private Gateways() {}

    static Set<GatewayId> without(Set<GatewayId> gateways, GatewayId gone) {
        return gateways.contains(gone)
                ? gateways.stream().filter(g -> !g.equals(gone)).collect(Collectors.toUnmodifiableSet())
                : gateways;
    }

    static List<GatewayId> inOrder(HandoffPlan plan, Set<GatewayId> gateways) {
        return Stream.concat(Stream.of(plan.source(), plan.destination()), plan.correspondents().stream())
                .filter(gateways::contains)
                .toList();
    }

    static HandoffAction.SetTimer retransmit(HandoffPlan plan, int attempt, long nowNs) {
        return new HandoffAction.SetTimer(
                Timer.of(Timer.Kind.RETRANSMIT), nowNs + plan.timing().retransmitAfterNs(attempt));
    }
}
