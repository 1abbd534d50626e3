// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.ilnp.Companion;

/** A peer as the border of a network that it has locators in. */
final class PeerLocators implements Companion {
    private final Peer peer;
    private final long hosts;
    private final long[] locators;
    private final long[] lost;

    /**
     * @param hosts the upper 64 bits of addresses of the network's hosts there; 0: there are none
     * @param locators that work, the preferred first
     * @param lost that do not work
     */
    PeerLocators(Peer peer, long hosts, long[] locators, long[] lost) {
        this.lost = lost;
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
        return locators.length == 0 ? lost[0] : locators[0];
    }

    @Override
    public boolean has(long locator) {
        return isAmong(locators, locator);
    }

    @Override
    public boolean hasLost(long locator) {
        return isAmong(lost, locator);
    }

    private static boolean isAmong(long[] candidates, long locator) {
        for (long candidate : candidates) {
            if (candidate == locator) {
                return true;
            }
        }
        return false;
    }
}
