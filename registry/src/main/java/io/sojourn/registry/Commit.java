// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import java.util.List;

/**
 * What one revision changed.
 *
 * @param atUs wall clock of the store, microseconds since 1970
 */
public record Commit(long revision, long atUs, List<Change> changes) {
    public Commit {
        changes = List.copyOf(changes);
    }
}
