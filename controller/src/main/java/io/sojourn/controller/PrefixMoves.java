// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A whole prefix gets another home (MAT-MONET, docs/protocol/mat.md): first the gateways there are to know that its hosts may be with them, then everybody that they are. So
 * nothing comes there before it is expected, and what still comes to the old home is passed on.
 */
final class PrefixMoves {
    private static final Logger log = LoggerFactory.getLogger(PrefixMoves.class);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final long LOOK_NS = 2_000_000;

    private final Inventory inventory;
    private final Gateways gateways;

    PrefixMoves(Inventory inventory, Gateways gateways) {
        this.inventory = inventory;
        this.gateways = gateways;
    }

    /** Returns when it is committed; the gateways learn it then. */
    void rehome(String network, Resource.NetworkChange change) {
        List<Resource.Subnet> subnets = change.subnets();
        if (subnets.isEmpty()) {
            throw RefusalException.invalid("subnets: nothing to change; name a prefix and its homeSite");
        }
        long expected = inventory.rehome(network, subnets, false);
        long deadlineNs = System.nanoTime() + PATIENCE.toNanos();
        while (!subnets.stream().allMatch(subnet -> gateways.knows(String.valueOf(subnet.homeSite()), expected))) {
            if (System.nanoTime() > deadlineNs) {
                log.warn("network {}: a gateway at the new home has not answered; going on", network);
                break;
            }
            LockSupport.parkNanos(LOOK_NS);
        }
        inventory.rehome(network, subnets, true);
    }
}
