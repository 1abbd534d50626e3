// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.identity.VmId;

/** One write of a commit. The writes of a commit happen all or none, in their order, under one revision. */
public sealed interface Write {
    /**
     * @param expectedVersion the version that the entry must have now; {@link #ABSENT}: it must not exist; {@link #ANY}
     */
    record Put(Kind kind, String key, String value, long expectedVersion) implements Write {
        public Put {
            if (kind == Kind.BINDING) {
                throw new IllegalArgumentException("bindings change by Bind only: that is where epochs are compared");
            }
        }
    }

    /** Removes the entry; nothing happens if there is none. */
    record Delete(Kind kind, String key) implements Write {
        public Delete {
            if (kind == Kind.BINDING) {
                throw new IllegalArgumentException("bindings end by Unbind only");
            }
        }
    }

    /**
     * Binds a VM under an epoch that was reserved for it. Fails if the VM's binding has this epoch already (with another gateway) or
     * a higher one; the same binding again is no change.
     *
     * @param cause for the history: registered, corrected, or a migration's id
     */
    record Bind(Binding binding, String cause) implements Write {}

    /** Ends the VM's binding. Its history and its epochs stay: a VM of the same name continues with the next epoch. */
    record Unbind(VmId vm) implements Write {}

    long ANY = -1;
    long ABSENT = 0;

    static Write put(Kind kind, String key, String value) {
        return new Put(kind, key, value, ANY);
    }

    static Write create(Kind kind, String key, String value) {
        return new Put(kind, key, value, ABSENT);
    }
}
