// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * A migration as people and the controller call it, {@code web1-e7}: the VM and the epoch that was reserved for the move, which is never
 * used twice. On the wire it is the name-based UUID of that text (RFC 9562 section 5.3), which has a fixed length.
 */
final class MigrationName {
    private MigrationName() {}

    static String of(HandoffPlan plan) {
        return plan.vm() + "-" + plan.epoch();
    }

    static MigrationId idOf(String name) {
        return new MigrationId(UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)));
    }
}
