// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import java.util.UUID;

/** Names one attempt to move one VM. Never used again, not even after a rollback. */
public record MigrationId(UUID value) {
    public static MigrationId parse(String text) {
        return new MigrationId(UUID.fromString(text));
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
