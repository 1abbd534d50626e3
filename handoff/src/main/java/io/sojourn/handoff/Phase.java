// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

/** How far a gateway is with a migration: the names of {@code Phase} in control.proto. */
public enum Phase {
    INVALID,
    ARMED,
    COPYING,
    HELD,
    PAUSED,
    ACTIVATED,
    FLIPPED,
    DRAINING,
    RELEASED,
    ABORTED
}
