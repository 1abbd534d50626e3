// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.util.Locale;

/** State of the migration under way or of the last one; QAPI {@code MigrationStatus}, plus {@link #NONE}. */
public enum MigrationPhase {
    NONE,
    SETUP,
    ACTIVE,
    /** The guest is stopped and its device state is being sent. */
    DEVICE,
    COMPLETED,
    FAILED,
    CANCELLING,
    CANCELLED,
    /** A state that Sojourn never asks for (post-copy, COLO, pre-switchover); somebody else is at the controls. */
    FOREIGN;

    /** True when nothing will change any more by itself. */
    public boolean ended() {
        return this == NONE || this == COMPLETED || this == FAILED || this == CANCELLED;
    }

    static MigrationPhase of(String status) {
        return switch (status) {
            case "none" -> NONE;
            case "setup", "wait-unplug" -> SETUP;
            case "active" -> ACTIVE;
            case "device" -> DEVICE;
            case "completed" -> COMPLETED;
            case "failed" -> FAILED;
            case "cancelling" -> CANCELLING;
            case "cancelled" -> CANCELLED;
            default -> FOREIGN;
        };
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
