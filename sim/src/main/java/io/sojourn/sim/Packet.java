// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

/**
 * One numbered packet of a flow and what became of it.
 *
 * @see Flow
 */
final class Packet {
    final Flow flow;
    final long number;
    final long sentNs;
    int deliveries;
    boolean doubledByWan;
    /** By ILNP: it went to where its target is, from where its source is. */
    boolean direct;
    /** Why it was lost; null while it is on its way or when it arrived. */
    @org.jspecify.annotations.Nullable
    Loss loss;

    Packet(Flow flow, long number, long sentNs) {
        this.flow = flow;
        this.number = number;
        this.sentNs = sentNs;
    }

    @Override
    public String toString() {
        return flow + "#" + number;
    }
}
