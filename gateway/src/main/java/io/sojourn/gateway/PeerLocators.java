// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.ilnp.Companion;

/** A peer as the border of a network that it has locators in. */
final class PeerLocators implements Companion {
    private final Peer peer;
    private final long hosts;
    private final long[] locators;

    /**
     * @param hosts the upper 64 bits of addresses of the network's hosts there; 0: there are none
     * @param locators at least one, the preferred first
     */
    PeerLocators(Peer peer, long hosts, long[] locators) {
        this.peer = peer;
        this.hosts = hosts;
        this.locators = locators;
    }

    Peer peer() {
        return peer;
    }

    long hosts() {
        return hosts;
    }

    @Override
    public long locator() {
        return locators[0];
    }

    @Override
    public boolean has(long locator) {
        for (long candidate : locators) {
            if (candidate == locator) {
                return true;
            }
        }
        return false;
    }
}
