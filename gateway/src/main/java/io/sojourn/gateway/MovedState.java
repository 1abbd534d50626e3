// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.location.GatewayId;

/** What a mechanism knows of a VM goes with it: told of the steps of the VM's handoffs, at source and destination. Forwarder's thread. */
interface MovedState {
    /** Of the mechanism, for the log and the certificate. */
    String mechanism();

    /** Source: its copy begins. */
    default void leaves(VmEntry vm, GatewayId to, long epoch, long nowNs) {}

    /** Source: it is about to stop: what is known now is what the other side goes by. */
    default void held(VmEntry vm, long nowNs) {}

    /** Source: its last packet has gone out here. */
    default void silent(VmEntry vm, long nowNs) {}

    /** Destination: it is on a move to here. */
    default void expected(VmEntry vm, GatewayId from, long epoch) {}

    /** Destination: it runs here. */
    default void activated(VmEntry vm, GatewayId from, long epoch, long nowNs) {}
}
