// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import org.jspecify.annotations.Nullable;

/**
 * Octets under addresses of the underlay.
 *
 * @param packet whose they are; null: they speak of locators only
 * @param octets never changed: whoever rewrites them makes others
 * @param epoch by which they go inside the overlay
 * @param natively by the underlay's own routing, and not inside the overlay
 */
record Located(@Nullable Packet packet, byte[] octets, long epoch, boolean natively) {
    static Located natively(@Nullable Packet packet, byte[] octets) {
        return new Located(packet, octets, 0, true);
    }
}
