// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

/**
 * A border of one's own realm. Its nodes are known there by name, and a node that moves between two of them is followed by both in the same moment, in the order of the handoff between them;
 * Locator Updates go to it as to anybody, and find it informed. Nothing is allocated for a packet.
 */
public interface Companion {
    /** By which it is to be reached, if nothing else is known. */
    long locator();

    /** Whether that is a locator of it, and works. */
    boolean has(long locator);

    /** Whether that is a locator of it, and does not work. */
    boolean hasLost(long locator);
}
